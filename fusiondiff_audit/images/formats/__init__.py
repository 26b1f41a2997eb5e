"""The file formats of micrographs: header walks that admit a file only if every reader sees the same samples."""

"""One file, one image: what we admit, tifffile, Pillow and OpenCV must show sample by sample as we do.

A generator builds small TIFF, PNG and JPEG files and changes their structure: tags, chunks and segments are added,
removed, doubled, reordered and made to contradict one another (`tiffs`, `pngs`, `jpegs`). Each file comes from its
container and a seed alone. `views` says what a competent reader shows of a file, `comparison` when it agrees with us.
"""

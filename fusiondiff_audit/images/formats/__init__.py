"""The file formats of images: `registry` lists them, `recognition` tells which one a file has.

A format is a header reader here and a decoder module.

Goals: a file is admitted only if every competent reader sees the same samples; adding a format touches its own modules,
the registry, and the suffixes in `signing.manifest`.
Not-goals: repairing files, and formats that hold more images than one.
"""

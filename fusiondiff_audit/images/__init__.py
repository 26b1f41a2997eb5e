"""Signed image files, decoded once and whole, in sandboxed processes.

Goals: exactly the signed bytes; headers read by our own code before any decoder sees a file; decoders that can do
nothing but compute; full depth; one reason that an auditor can quote where a file is refused.
Not-goals: repairing files, guessing, formats that `formats.registry` does not list, and metadata that decides anything.

    >>> from fusiondiff_audit.images.guard import Guard
    >>> from fusiondiff_audit.images.micrograph import LooseFile, decode
    >>> from tests.vectors.images import make
    >>> with Guard() as guard:
    ...     micrograph = decode(LooseFile("good.tif", "", make.GOOD["good.tif"]), guard=guard)
    >>> micrograph.pixels.shape, micrograph.pixels.dtype, micrograph.pixel_digest[:12]
    ((4, 4, 1), dtype('uint8'), '062e9c81afa2')
"""

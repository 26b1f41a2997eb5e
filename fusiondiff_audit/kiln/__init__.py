"""A generator of synthetic ceramic micrographs: kilns, workshops that copy them, and a simulated microscope.

Goals: images that look like real ones; each repeatable from its key; classes that brightness does not separate; files
whose form does not reveal the class.
Not-goals: models and benchmarks (`evaluation`), real ceramics, and any statement about them (docs/kiln.md).

    >>> from fusiondiff_audit.kiln.specimens import specimen
    >>> copy = specimen("birch", "hurried", "an example")
    >>> copy.authentic, copy.field(0, side=128).shape
    (False, (128, 128))
"""

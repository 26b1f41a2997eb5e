"""Micrographs that we make ourselves, and a benchmark on them that cannot be fooled cheaply.

Goals: pictures that could hang beside real ones; every one repeatable from its name; a task that brightness does not
solve; controls that find a leak if there is one.
Not-goals: real ceramics, forgers who know the tool, and any sentence about either (docs/kiln.md says why).

    >>> from fusiondiff_audit.kiln.specimens import specimen
    >>> copy = specimen("birch", "hurried", "an example")
    >>> copy.authentic, copy.field(0, side=128).shape
    (False, (128, 128))
"""

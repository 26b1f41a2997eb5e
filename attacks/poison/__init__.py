"""Ways to poison what a classifier learns from, measured honestly.

A poison alters a few specimens of an enrolment, in place: their pictures, and their labels if it is one that may. The
harness sees to it that no more was altered than was said, saves and loads every picture, has the model learn again, and
counts which answers changed. An answer that a certificate had promised to stay is counted apart: there must be none.
"""

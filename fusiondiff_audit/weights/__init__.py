"""Weights that cannot be swapped under us: read once, hashed where they lie, and only then tensors.

Goals: every byte that a model computes with was hashed in this process's own memory; every tensor has the name, type
and shape that the architecture expects, known before any tensor exists.
Not-goals: pickles, hubs, downloads, and files that are mapped.
"""

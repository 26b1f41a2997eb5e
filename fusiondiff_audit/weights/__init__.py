"""Weights that cannot be exchanged after they were checked: read once, hashed in memory, and only then made tensors.

Goals: every byte that a model computes with was hashed in this process's memory; names, types and shapes are compared
with those of the architecture before any tensor exists.
Not-goals: pickles, hubs, downloads, memory-mapped files.
"""

"""Measuring classifiers: the kiln benchmark, its baselines and controls, and `evaluate` for labelled folders.

Goals: no specimen in two parts; controls that find a leak if there is one; intervals over independent draws.
Not-goals: images (`kiln`), models (`model`), verdicts.
"""

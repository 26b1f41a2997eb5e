"""Stress results: attacks, checks and gates, signed, and the arithmetic that a verifier repeats."""

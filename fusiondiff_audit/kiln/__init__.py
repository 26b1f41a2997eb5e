"""Micrographs that we make ourselves, and a benchmark on them."""

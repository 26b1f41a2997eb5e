"""Verdict reports: header, rows, specimens, excerpts, and the rules that a verifier applies again."""

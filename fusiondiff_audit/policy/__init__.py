"""The two policies: of an audit (`audit.toml`), and of a stress test (`stress.toml`).

Goals: closed TOML files in which every key is known; resolved texts that signed files quote, with a digest each; the
one-file form of older signed files.
Not-goals: the rule of verdicts (`reports.verdict`), the rule of gates (`reports.stress`), and attacks.
"""

__all__ = ["audit", "one_file", "parsing", "stress"]

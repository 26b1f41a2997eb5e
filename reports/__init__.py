"""Signed results: verdict reports and stress results, and the arithmetic that anyone can repeat.

Goals: a stranger checks a report with the standard library and one library of cryptography; each formula of a
certificate, and the rule by which numbers become a verdict, has one implementation, for makers and verifiers.
Not-goals: arrays and models.

    >>> from reports.arithmetic import Rank, error_bounds, tolerance
    >>> Rank(at_least=0, of=19).p, error_bounds(1, 20), tolerance((1, 7))
    (Fraction(1, 20), '0.1 to 24.9 %', 2)
"""

__all__ = ["arithmetic", "identity", "stress", "verdict"]

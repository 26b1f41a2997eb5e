"""Stress results: what attacks, poisons, checks and gates came to, signed, and the arithmetic that a verifier repeats.

Goals: gates, their statistics and the outcome have one implementation, for whoever makes a result and whoever verifies
it; a result that its own counts contradict is refused, whoever signed it. `gates`, `outcome`, `records` and
`statistics` need the standard library alone, and are all that `attacks` imports of ours.
Not-goals: running an attack, knowing a model, and whether what an auditor counted is true.
"""

__all__ = [
    "consistency",
    "details",
    "gates",
    "junit",
    "outcome",
    "quoted_policy",
    "records",
    "result",
    "sarif",
    "statistics",
    "versions",
    "wording",
]

"""Sanity checks: whether the result of a stress test can be believed, each with its measured evidence.

A selected check that fails makes the outcome INCONCLUSIVE, never PASSED. The checks and their thresholds follow the
literature on evaluations that overstated robustness (Carlini et al., 2019; Pintor et al., 2022; AutoAttack's flags).
An id is never used again: S18-S21, S33, S34 and S36 belonged to checks that could not fail on their own.
"""

from attacks.checks.bookkeeping import BOOKKEEPING
from attacks.checks.controls import CONTROLS
from attacks.checks.gradients import GRADIENTS
from attacks.checks.poison import POISON
from attacks.checks.strength import STRENGTH

CHECKS = tuple(sorted((*CONTROLS, *BOOKKEEPING, *POISON, *GRADIENTS, *STRENGTH), key=lambda check: check.id))

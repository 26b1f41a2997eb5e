"""Whether a result can be believed: named checks, each with what was measured.

A check that was selected and does not hold makes the outcome inconclusive, never a pass. They follow the literature on
evaluations that went wrong (Carlini et al., 2019; Pintor et al., 2022; AutoAttack's flags), and keep its numbers.
"""

from attacks.checks.bookkeeping import BOOKKEEPING
from attacks.checks.controls import CONTROLS
from attacks.checks.gradients import GRADIENTS
from attacks.checks.poison import POISON
from attacks.checks.strength import STRENGTH

CHECKS = tuple(sorted((*CONTROLS, *BOOKKEEPING, *POISON, *GRADIENTS, *STRENGTH), key=lambda check: check.id))

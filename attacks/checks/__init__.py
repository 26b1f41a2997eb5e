"""Whether a result can be believed: named checks, each with what was measured.

A check that was selected and does not hold makes the outcome inconclusive, never a pass. They follow the literature on
evaluations that went wrong (Carlini et al., 2019; Pintor et al., 2022; AutoAttack's flags), and keep its numbers.
"""

from attacks.checks.controls import CONTROLS
from attacks.checks.honesty import HONESTY
from attacks.checks.poison import POISON
from attacks.checks.slopes import SLOPES
from attacks.checks.strength import STRENGTH

ALL = tuple(sorted((*CONTROLS, *HONESTY, *POISON, *SLOPES, *STRENGTH), key=lambda check: check.id))

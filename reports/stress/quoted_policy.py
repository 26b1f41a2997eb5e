"""The stress policy that a result quotes, as far as a verifier needs it: what was asked for, and by which gates.

Whoever runs a stress test reads its own policy by the same function, so that names, budgets and gates are made once.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from reports.stress.gates import Bound, Gate, Metric, Severity, Slice, Waiver, refuse_foregone
from signing.fields import Fields, read_json
from signing.strict import MAX_TEXT

SHARE = r"0|1|0\.[0-9]{1,6}|1\.0{1,6}"  # how a policy writes a share
BUDGET = r"[0-9]{1,3}(?:\.[0-9]{1,6})?|[1-9][0-9]{0,4}/(?:255|65535)"  # and how far an image may be changed
MOST_IMAGES = 1_000_000
_MOST = 1000  # attacks, checks or gates
_TOKENS = 20_000
_WHERE = "the quoted policy"


@dataclass(frozen=True, slots=True)
class QuotedAttack:
    """An attack and its budget."""

    name: str  # with norm and size, as in a result
    norm: str
    size: float


@dataclass(frozen=True, slots=True)
class QuotedPolicy:
    """What a stress test was asked for."""

    name: str
    images: int
    seed: int
    floor: float  # of accuracy before any attack
    attacks: tuple[QuotedAttack, ...]
    poisons: tuple[str, ...]
    detectors: tuple[str, ...]
    checks: tuple[str, ...]
    gates: tuple[Gate, ...]

    def refuse_foregone_gates(self) -> None:
        """Raise `ValueError` if a gate ends in one way only, whatever becomes of its images."""
        of = {Slice.ALL: self.images, Slice.AUTHENTIC: self.authentic, Slice.COUNTERFEIT: self.images - self.authentic}
        for gate in self.gates:
            refuse_foregone(gate, of[gate.slice])

    @property
    def authentic(self) -> int:
        """Return how many of the images are authentic: half of them, and the odd one."""
        return (self.images + 1) // 2


def read_quoted_policy(text: str) -> QuotedPolicy:
    """Return the policy of a quoted text; what no policy can say raises `ValueError` or `SigningError`."""
    whole = read_json(text.encode(), _WHERE, limit=MAX_TEXT, tokens=_TOKENS)
    asked = whole.fields("robustness") if whole.has("robustness") else whole  # older ones were of an audit, too
    poisons = asked.list("poisons", least=0, most=_MOST)
    return QuotedPolicy(
        whole.text("name"),
        asked.integer("images", least=1, most=MOST_IMAGES),
        asked.integer("seed", least=0, most=2**32 - 1),
        float(_number(asked, "floor", SHARE)),
        tuple(map(_attack, asked.list("attacks", least=0, most=_MOST))),
        tuple(f"{one.text('poison')}-{one.integer('specimens', least=1, most=MOST_IMAGES)}" for one in poisons),
        tuple(asked.texts("detectors", most=_MOST)),
        tuple(asked.texts("checks", most=_MOST)),
        tuple(map(_gate, asked.list("gates", least=0, most=_MOST))),
    )


def _attack(asked: Fields) -> QuotedAttack:
    name, norm, size = (asked.text(key) for key in ("attack", "norm", "size"))
    budget = _number(asked, "size", BUDGET)
    if not budget:
        raise ValueError(f"attack {name}: a budget of 0 changes nothing")
    return QuotedAttack(f"{name}-{norm}-{size}", norm, float(budget))


def _gate(asked: Fields) -> Gate:
    waiver = None if asked.null("waiver") else asked.fields("waiver")
    return Gate(
        Metric(asked.text("metric")),
        float(_number(asked, "value", SHARE)),
        None if asked.null("attack") else asked.text("attack"),
        Bound(asked.text("bound")),
        asked.integer("least", least=1, most=MOST_IMAGES),
        Slice(asked.text("slice")),
        Severity(asked.text("severity")),
        None if waiver is None else Waiver(_day(waiver), waiver.text("reason")),
    )


def _day(waiver: Fields) -> datetime:
    day = waiver.text("until")
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as e:
        raise ValueError(f"waiver until {day[:100]!a}, which is no day") from e


def _number(asked: Fields, name: str, form: str) -> Fraction:
    """Return a number as a policy may write it: others could be a division by zero, or have a million digits."""
    text = asked.text(name)
    if not re.fullmatch(form, text):
        raise ValueError(f"{name} {text[:100]!a} is no number that a policy has")
    return Fraction(text)

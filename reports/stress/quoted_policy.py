"""The stress policy that a result quotes, as far as a verifier needs it: what was asked for, and by which gates."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from reports.stress.gates import Bound, Gate, Metric, Severity, Slice, Waiver
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
    """An attack and its budget, as a result names them."""

    name: str
    norm: str
    size: str


@dataclass(frozen=True, slots=True)
class QuotedPolicy:
    """What a stress test was asked for."""

    name: str
    images: int
    attacks: tuple[QuotedAttack, ...]
    poisons: tuple[str, ...]
    detectors: tuple[str, ...]
    checks: tuple[str, ...]
    gates: tuple[Gate, ...]


def read_quoted_policy(text: str) -> QuotedPolicy:
    """Return the policy of a quoted text; what no policy can say raises `ValueError` or `SigningError`."""
    whole = read_json(text.encode(), _WHERE, limit=MAX_TEXT, tokens=_TOKENS)
    asked = whole.fields("robustness") if whole.has("robustness") else whole  # older ones were of an audit, too
    poisons = asked.list("poisons", least=0, most=_MOST)
    return QuotedPolicy(
        whole.text("name"),
        asked.integer("images", least=1, most=MOST_IMAGES),
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
        raise ValueError(f"{_WHERE}: attack {name}: a budget of 0 changes nothing")
    return QuotedAttack(f"{name}-{norm}-{size}", norm, f"{float(budget):.6f}")


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
    return datetime.strptime(waiver.text("until"), "%Y-%m-%d").replace(tzinfo=UTC)


def _number(asked: Fields, name: str, form: str) -> Fraction:
    """Return a number as a policy may write it: others could be a division by zero, or have a million digits."""
    text = asked.text(name)
    if not re.fullmatch(form, text):
        raise ValueError(f"{_WHERE}: {name} {text[:100]!a} is no number that a policy has")
    return Fraction(text)

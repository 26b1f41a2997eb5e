"""A stress test's result to HTML: what was tried, what it came to, and whether it can be believed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from fusiondiff_audit import __version__
from fusiondiff_audit.page.render import PageImage, templates
from reports.stress.outcome import Outcome
from reports.stress.records import AttackResult
from reports.stress.result import StressResult

STRESS_PAGE = "robustness.html"
_MEANINGS = {
    Outcome.PASSED: "Every gate that could fail it was passed or is waived, and every selected check of the run held.",
    Outcome.FAILED: "A gate was not passed.",
    Outcome.INCONCLUSIVE: "Nothing follows from these numbers: something stands in the way of believing them.",
}
_TITLES = {"linf": "Largest change of a pixel, in greys of 255", "l2": "Length of the change", "l0": "Share of pixels"}
_ACROSS, _DOWN = 560, 200  # of a plot, in its own units


@dataclass(frozen=True, slots=True)
class AttackExample:
    """A picture before and after an attack, and ten times the difference: PNG files of one part of it."""

    picture: str
    authentic: bool
    attack: str
    greys: float  # the largest change, of 255
    before: bytes
    after: bytes
    change: bytes

    @property
    def parts(self) -> tuple[tuple[str, PageImage], ...]:
        """Return what is shown side by side."""
        return (
            ("original", PageImage(self.before)),
            ("changed", PageImage(self.after)),
            ("difference, ten times", PageImage(self.change)),
        )


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of a plot: how many pictures are fooled by changes of at most each size."""

    name: str
    path: str
    end: tuple[float, float]
    fooled: int
    all: bool


@dataclass(frozen=True, slots=True)
class Plot:
    """All attacks of one norm."""

    title: str
    of: int
    curves: tuple[Curve, ...]
    ticks: tuple[tuple[float, str], ...]


def render_stress(result: StressResult, examples: Sequence[AttackExample], remarks: Sequence[str] = ()) -> bytes:
    """Return the page; `remarks` are what the run said of its pictures, which the signed result has no place for."""
    settings = json.loads(result.policy_text)  # in an older policy below the sections of an audit
    page = (
        templates()
        .get_template("stress.html")
        .render(
            result=result,
            remarks=remarks,
            meaning=_MEANINGS[result.word],
            side=settings.get("robustness", settings).get("side"),
            plots=plots_of(result),
            across=_ACROSS,
            down=_DOWN,
            examples=examples,
            version=__version__,
        )
    )
    return page.encode()


def plots_of(result: StressResult) -> list[Plot]:
    """Return a plot for each norm in which something was fooled; what platforms do has no size."""
    plots = []
    for norm, title in _TITLES.items():
        tried = [one for one in result.attacks if one.norm == norm and one.bounded and one.sizes]
        if tried:
            plots.append(_plot(title, 255 if norm == "linf" else 1, tried, len(tried[0].images)))
    return plots


def _plot(title: str, scale: int, tried: Sequence[AttackResult], of: int) -> Plot:
    best: dict[str, float] = {}
    for one in tried:
        for digest, size in zip(one.fooled, one.sizes, strict=True):
            best[digest] = min(best.get(digest, float("inf")), scale * float(size))
    each = {one.name: sorted(scale * float(size) for size in one.sizes) for one in tried}
    most = max(scale * float(one.size) for one in tried)
    least = max(min(best.values()) / 2, most / 1000)

    def across(size: float) -> float:
        return round(_ACROSS * log(max(size, least) / least) / log(most / least), 1) if most > least else 0.0

    def curve(name: str, sizes: Sequence[float], *, every: bool) -> Curve:
        path, high = f"M0 {_DOWN}", 0
        for size in sizes:
            high += 1
            path += f"H{across(size)}V{round(_DOWN * (1 - high / of), 1)}"
        return Curve(name, f"{path}H{_ACROSS}", (_ACROSS, round(_DOWN * (1 - high / of), 1)), high, every)

    curves = [curve(name, sizes, every=False) for name, sizes in each.items()]
    curves.append(curve("all of them together", sorted(best.values()), every=True))
    ticks = [(across(at), f"{at:.3g}") for at in (least, (least * most) ** 0.5, most)]
    return Plot(title, of, tuple(curves), tuple(ticks))

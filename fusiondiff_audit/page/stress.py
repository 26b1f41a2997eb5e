"""Renders the result of a stress test as HTML: its attacks, poisons, checks, gates and outcome."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from fusiondiff_audit.origin import Origin
from fusiondiff_audit.page.files import PageImage
from fusiondiff_audit.page.render import generator_of, templates
from reports.stress.outcome import Outcome
from reports.stress.records import AttackResult
from reports.stress.result import StressResult
from reports.stress.wording import gate_sentences, result_sentences

_MEANINGS = {
    Outcome.PASSED: "Every gate of severity error was passed or is waived, and every selected check of the run held. "
    "Of attacks that were not run this says nothing.",
    Outcome.FAILED: "A gate was not passed: under these attacks the model does worse than the policy allows.",
    Outcome.INCONCLUSIVE: "No conclusion can be drawn from these numbers, neither for the model nor against it.",
}
_TITLES = {"linf": "Largest change of a pixel, in greys of 255", "l2": "Length of the change", "l0": "Share of pixels"}
_ACROSS, _DOWN = 560, 200  # of a plot, in its own units


@dataclass(frozen=True, slots=True)
class AttackExample:
    """A region of an image before and after an attack, and ten times the difference, as PNG files."""

    image: str
    authentic: bool
    attack: str
    greys: float  # the largest change, of 255
    before: bytes
    after: bytes
    change: bytes

    @property
    def parts(self) -> tuple[tuple[str, PageImage], ...]:
        """Return the three images that are shown side by side, with their captions."""
        return (
            ("original", PageImage(self.before)),
            ("changed", PageImage(self.after)),
            ("difference, ten times", PageImage(self.change)),
        )


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of a plot: the number of images that are fooled by changes of at most a given size."""

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


def render_stress(
    result: StressResult, examples: Sequence[AttackExample], remarks: Sequence[str] = (), *, origin: Origin
) -> bytes:
    """Return the page; `remarks` are the run's messages about its images, for which the signed result has no place."""
    settings = json.loads(result.policy_text)  # policies of older results hold the sections of an audit as well
    page = (
        templates()
        .get_template("stress.html")
        .render(
            lang="en",
            result=result,
            remarks=remarks,
            meaning=_MEANINGS[result.word],
            happened=result_sentences(result),
            gates=tuple(zip(result.gates, gate_sentences(result), strict=True)),
            side=settings.get("robustness", settings).get("side"),
            plots=plots_of(result),
            across=_ACROSS,
            down=_DOWN,
            examples=examples,
            generator=generator_of(origin),
        )
    )
    return page.encode()


def plots_of(result: StressResult) -> list[Plot]:
    """Return a plot for each norm in which an image was fooled; attacks without a bound have no size and no plot."""
    plots = []
    for norm, title in _TITLES.items():
        attacks = [attack for attack in result.attacks if attack.norm == norm and attack.bounded and attack.sizes]
        if attacks:
            plots.append(_plot(title, 255 if norm == "linf" else 1, attacks, len(attacks[0].images)))
    return plots


def _plot(title: str, scale: int, attacks: Sequence[AttackResult], of: int) -> Plot:
    smallest: dict[str, float] = {}  # change that fooled an image, by the image's digest
    for attack in attacks:
        for digest, size in zip(attack.fooled, attack.sizes, strict=True):
            smallest[digest] = min(smallest.get(digest, float("inf")), scale * float(size))
    sizes_of = {attack.name: sorted(scale * float(size) for size in attack.sizes) for attack in attacks}
    most = max(scale * float(attack.size) for attack in attacks)
    least = max(min(smallest.values()) / 2, most / 1000)

    def across(size: float) -> float:
        return round(_ACROSS * log(max(size, least) / least) / log(most / least), 1) if most > least else 0.0

    def curve(name: str, sizes: Sequence[float], *, every: bool) -> Curve:
        path, high = f"M0 {_DOWN}", 0
        for size in sizes:
            high += 1
            path += f"H{across(size)}V{round(_DOWN * (1 - high / of), 1)}"
        return Curve(name, f"{path}H{_ACROSS}", (_ACROSS, round(_DOWN * (1 - high / of), 1)), high, every)

    curves = [curve(name, sizes, every=False) for name, sizes in sizes_of.items()]
    curves.append(curve("all attacks together", sorted(smallest.values()), every=True))
    ticks = [(across(at), f"{at:.3g}") for at in (least, (least * most) ** 0.5, most)]
    return Plot(title, of, tuple(curves), tuple(ticks))

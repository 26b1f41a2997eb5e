"""The page of a stress test: what it shows is what was signed, and nothing on it can be anything but text."""

import re
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

import numpy as np
from PIL import Image

from attacks.catalogue import CATALOGUE
from attacks.gradient import Pgd
from attacks.harness import AttackPlan
from attacks.images import Budget, LabelledImage, Norm, Plane, UnitPlane
from attacks.suite import Suite, run_suite
from attacks.target import AttackSession, Prediction
from attacks.trials import Knowledge
from fusiondiff_audit.page.stress import plots_of, render_stress
from fusiondiff_audit.stress.examples import MOST, SIDE, examples_of
from reports.stress.outcome import Outcome
from reports.stress.records import CheckState
from signing import PrivateKey
from tests.attacks.toys import Linear, Rough, Scripted, texture_images, toy_images
from tests.conftest import NOW
from tests.reports.stress.test_stress_result import CHECK, FOOLED, HELD, TRIED, left, made
from tests.reports.verdict.made import ORIGIN

FAR = replace(TRIED, name="square-linf-16/255", size="0.062745", held=HELD[1:], sizes=("0.05", "0.06", "0.02"))
MORE = replace(FAR, fooled=(*FOOLED, HELD[0]), sizes=("0.050000", "0.060000", "0.020000"))
LONG = replace(TRIED, name="pgd-l2-2.0", norm="l2", size="2.000000", sizes=("0.500000", "1.500000"))
BLUR = replace(TRIED, name="blur-linf-1", family="platforms", size="1.000000", sizes=("0.500000", "0.900000"))


def test_curves_count_what_was_fooled_by_at_most_each_size(keys: dict[str, PrivateKey]) -> None:
    result = made(keys["auditor"].public, attacks=(TRIED, MORE, LONG, BLUR), gates=left(4))
    greys, length = plots_of(result)
    assert (greys.of, length.of) == (7, 7)
    assert [(curve.name, curve.fooled) for curve in greys.curves] == [
        ("pgd-linf-8/255", 2),
        ("square-linf-16/255", 3),
        ("all attacks together", 3),
    ]
    assert [curve.all for curve in greys.curves] == [False, False, True]
    assert greys.ticks[-1] == (560.0, "16")
    highest = [curve.end[1] for curve in greys.curves]
    assert highest[0] > highest[1] == highest[2]
    steps = [float(x) for x in re.findall(r"H([0-9.]+)", greys.curves[2].path)]
    assert steps == sorted(steps)
    assert steps[-1] == 560


def test_a_result_in_which_nothing_fell_has_no_curves(keys: dict[str, PrivateKey]) -> None:
    stood = replace(TRIED, held=(*HELD, *FOOLED), fooled=(), sizes=())
    result = made(keys["auditor"].public, attacks=(stood,), gates=left(7))
    assert plots_of(result) == []
    assert b"Smallest changes that fooled an image" not in render_stress(result, [], origin=ORIGIN)


def test_the_page_says_what_the_result_says_and_escapes_it(keys: dict[str, PrivateKey]) -> None:
    bad = replace(TRIED, problem="RuntimeError: <script>alert(1)</script>")
    doubt = replace(CHECK, held=CheckState.FAILED, evidence="<b>no</b>", title="<i>budget</i>")
    result = made(keys["auditor"].public, word=Outcome.INCONCLUSIVE, attacks=(bad,), checks=(doubt,))
    page = render_stress(result, [], origin=ORIGIN).decode()
    assert page == render_stress(result, [], origin=ORIGIN).decode()
    for tag in ("<script", "<b>no", "<i>budget"):
        assert tag not in page
    assert "&lt;script&gt;" in page
    assert "INCONCLUSIVE" in page
    assert result.outcome in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_examples_are_the_smallest_changes_and_show_what_changed() -> None:
    plans = (
        AttackPlan("large", "gradient", Knowledge.WHITE, Pgd(Budget(Norm.LINF, 8 / 255), 10)),
        AttackPlan("small", "gradient", Knowledge.WHITE, Pgd(Budget(Norm.LINF, 2 / 255), 10)),
    )
    outcome = run_suite(Suite("toy", plans, (), (), seed=1), Linear(), toy_images(8), clock=lambda: NOW)
    examples = examples_of(outcome, toy_images(8))
    assert len(examples) == MOST
    assert all((example.attack, example.greys) == ("small", 2.0) for example in examples)
    first = examples[0]
    before, after, change = (
        np.asarray(Image.open(BytesIO(png))).astype(int) for png in (first.before, first.after, first.change)
    )
    assert before.shape == (12, 12)
    assert np.abs(np.abs(change - 127.5) - 10 * np.abs(after - before)).max() <= 1


def test_large_pictures_are_cut_where_they_changed_most_and_platforms_give_no_example() -> None:
    rng = np.random.default_rng(0)
    wide = [
        replace(p, plane=np.tile(p.plane, (6, 9)) ^ rng.integers(0, 2, (288, 432), np.uint8)) for p in texture_images(4)
    ]
    entry = CATALOGUE["blur"]
    blur = AttackPlan("blur", entry.family, entry.knowledge, entry.make(Budget(Norm.LINF, 1.0), None))  # type: ignore[arg-type]
    plans = (blur, AttackPlan("pgd", "gradient", Knowledge.WHITE, Pgd(Budget(Norm.LINF, 16 / 255), 5)))
    outcome = run_suite(Suite("toy", plans, (), (), seed=1), Rough(), wide, clock=lambda: NOW)
    examples = examples_of(outcome, wide)
    assert {example.attack for example in examples} <= {"pgd"}
    assert examples
    for example in examples:
        assert Image.open(BytesIO(example.after)).size == (SIDE, SIDE)


def test_what_is_cut_out_is_where_most_was_changed() -> None:
    """The change is in one corner alone, and so is the example."""
    flat = [
        LabelledImage(f"{n}", np.full((300, 400), 100 + n, np.uint8), authentic=bool(n), specimen="pot") for n in (0, 1)
    ]

    class Corner(Rough):
        def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
            brighter = [bool(plane[250:, 350:].max() > plane[0, 0]) for plane in planes]
            return [
                Prediction(bool(plane[0, 0] == 101) != more, None) for plane, more in zip(planes, brighter, strict=True)
            ]

    def act(session: AttackSession) -> UnitPlane:
        unit = session.log.image.unit.copy()
        unit[260:, 360:] += 4 / 255
        return unit

    plan = AttackPlan("corner", "any", Knowledge.BLACK, Scripted(act, Budget(Norm.LINF, 8 / 255)))
    outcome = run_suite(Suite("toy", (plan,), (), (), seed=1), Corner(), flat, clock=lambda: NOW)
    both = examples_of(outcome, flat)
    assert len(both) == 2
    for example in both:
        shown = np.asarray(Image.open(BytesIO(example.change))).astype(int)
        assert example.greys == 4.0
        assert np.array_equal(shown[-40:, -40:], np.full((40, 40), 168))  # 127.5 and ten times four
        assert np.abs(shown[:-40] - 127.5).max() < 1

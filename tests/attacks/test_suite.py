"""Whole stress tests on targets whose outcome is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from attacks.checks import CHECKS
from attacks.gradient import Apgd, Fgsm, Pgd
from attacks.harness import AttackPlan, run_attack
from attacks.images import Budget, LabelledImage, Norm, UnitPlane
from attacks.poison import assessment
from attacks.poison.detectors import SpecimenFeatures
from attacks.suite import Suite, SuiteResult, run_suite
from attacks.target import AttackSession, Target
from attacks.trials import End, Knowledge, problem_of
from reports.stress.gates import Bound, Gate, GateOutcome, Metric, Severity
from reports.stress.outcome import Outcome
from signing.strict import is_plain
from tests.attacks.test_poison_assessment import ENROLLED, poison_test
from tests.attacks.toys import ConstantModel, Linear, Masked, toy_images

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LARGE, SMALL = Budget(Norm.LINF, 2 / 255), Budget(Norm.LINF, 1 / 255)
# S26 is not among them: a control that breaks at one grey needs more pixels than these pictures have.
QUICK = ("S01", "S02", "S03", "S04", "S06", "S07", "S10", "S16", "S17", "S27", "S32", "S38")


def suite(budget: Budget = SMALL, **changes: object) -> Suite:
    plans = tuple(
        AttackPlan(name, "gradient", Knowledge.WHITE, attack)
        for name, attack in (("fgsm", Fgsm(budget)), ("pgd", Pgd(budget, 10)), ("apgd", Apgd(budget, 10)))
    )
    quick = Suite("toy", plans, QUICK, (Gate(Metric.HELD, 0.5, None),), seed=5)
    return replace(quick, **changes)  # type: ignore[arg-type]


def outcome(target: Target, asked: Suite | None = None, **more: object) -> SuiteResult:
    return run_suite(
        asked or suite(),
        target,
        toy_images(8),
        clock=lambda: NOW,
        fresh_process=target.predict,
        **more,  # type: ignore[arg-type]
    )


@cache
def sound() -> SuiteResult:
    """Return the result of the plain suite on a target that it cannot fool; the suite takes seconds."""
    return outcome(Linear())


def test_a_robust_target_passes_and_a_fooled_one_fails() -> None:
    stands = sound()
    assert (stands.word, stands.why) == (Outcome.PASSED, ())
    falls = outcome(Linear(), suite(LARGE))
    assert falls.word is Outcome.FAILED
    assert "0 of 8 held" in falls.why[0]


def test_a_masked_gradient_is_inconclusive() -> None:
    result = outcome(Masked(), suite(LARGE))
    assert result.word is Outcome.INCONCLUSIVE
    assert {"S03", "S06", "S10"} <= {reason.split()[0] for reason in result.why}


def test_a_constant_model_does_not_pass() -> None:
    result = outcome(ConstantModel(), suite(floor=0.6))
    assert result.word is Outcome.INCONCLUSIVE
    assert any(reason.startswith("S32") for reason in result.why)
    assert not any(result.fooled for result in result.results)


def test_a_suite_without_gates_or_images_does_not_pass() -> None:
    assert outcome(Linear(), suite(plans=(), checks=(), gates=())).word is Outcome.INCONCLUSIVE
    empty = run_suite(suite(checks=(), gates=()), Linear(), [], clock=lambda: NOW)
    assert empty.word is Outcome.INCONCLUSIVE
    late = outcome(Linear(), suite(seconds=0.0))
    assert late.word is Outcome.INCONCLUSIVE


def test_an_attack_that_raises_is_inconclusive_without_any_check() -> None:
    @dataclass(frozen=True)
    class Broken:
        budget: Budget = SMALL

        def __call__(self, session: AttackSession) -> UnitPlane:
            raise RuntimeError("numpy has no mat")

    plan = AttackPlan("broken", "art", Knowledge.WHITE, Broken())
    result = outcome(Linear(), suite(plans=(plan,), checks=(), gates=()))
    assert result.word is Outcome.INCONCLUSIVE
    assert "numpy has no mat" in result.why[0]


def test_gates_of_lesser_severity_warn_and_do_not_fail() -> None:
    gate = Gate(Metric.HELD, 0.9, None, Bound.POINT, severity=Severity.WARNING)
    strict = Gate(Metric.HELD, 0.0, "fgsm", Bound.POINT)
    assert outcome(Linear(), suite(LARGE, gates=(gate, strict))).word is Outcome.PASSED
    alone = outcome(Linear(), suite(LARGE, gates=(gate,)))
    assert alone.word is Outcome.INCONCLUSIVE  # nothing could have failed it
    assert outcome(Linear(), suite(gates=())).word is Outcome.INCONCLUSIVE


def test_gates_compare_a_run_with_a_baseline() -> None:
    first, gates = sound(), (Gate(Metric.REGRESSIONS, 0.05, None),)
    before = {one.attack: one.held_images(first.missed) for one in first.results}
    assert outcome(Linear(), suite(gates=gates), baseline=before).word is Outcome.PASSED
    assert outcome(Linear(), suite(LARGE, gates=gates), baseline=before).word is Outcome.FAILED
    assert outcome(Linear(), suite(gates=gates)).word is Outcome.INCONCLUSIVE
    alone = outcome(Linear(), suite(gates=gates), first=True)
    assert (alone.gates[0].passed, alone.word) == (
        GateOutcome.UNASKED,
        Outcome.INCONCLUSIVE,
    )  # nothing else was asked
    both = (*gates, Gate(Metric.HELD, 0.0, None, Bound.POINT))
    assert outcome(Linear(), suite(gates=both), first=True).word is Outcome.PASSED
    with pytest.raises(ValueError, match="has no baseline"):
        outcome(Linear(), suite(gates=gates), baseline=before, first=True)


def test_planned_poison_that_raises_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(some: Sequence[LabelledImage]) -> SpecimenFeatures:
        raise OSError("gone")

    detecting, alone = poison_test(detectors=("negative-impact",), features_of=lost), poison_test()
    assert outcome(Linear(), poison_test=alone).word is Outcome.PASSED
    doubt = outcome(Linear(), poison_test=detecting)
    assert (doubt.word, doubt.why) == (
        Outcome.INCONCLUSIVE,
        ("detectors were not tried, negative-impact: OSError: gone",),
    )
    only = outcome(Linear(), poison_test=poison_test(enrolled=[picture for picture in ENROLLED if picture.authentic]))
    assert only.word is Outcome.INCONCLUSIVE
    monkeypatch.setattr(assessment, "_swapped", lost)  # a control that no check looks at
    assert outcome(Linear(), poison_test=alone).word is Outcome.PASSED
    assert outcome(Linear(), suite(checks=("S31",)), poison_test=alone).word is Outcome.INCONCLUSIVE


def test_the_same_seed_gives_the_same_digest_at_any_time() -> None:
    first, again = sound(), outcome(Linear())
    assert first.digest == again.digest != outcome(Linear(), suite(LARGE)).digest
    assert first.seconds != again.seconds


def test_checks_that_are_not_selected_are_listed() -> None:
    result = sound()
    assert set(result.not_selected) == {check.id for check in CHECKS} - set(QUICK)
    assert [finding.id for finding in result.checks] == sorted(QUICK)


def test_a_deadline_during_the_checks_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    def in_time(*args: Any, **more: Any) -> Any:
        return run_attack(*args, **{**more, "until": float("inf")})  # the attacks end, and then the clock has run out

    monkeypatch.setattr("attacks.suite.run_attack", in_time)
    result = outcome(Linear(), suite(seconds=0.0, checks=("S06", "S07", "S27")))
    assert result.word is Outcome.INCONCLUSIVE
    assert all(reason.startswith(("S06", "S07", "S27")) for reason in result.why)


def test_a_duplicate_image_is_refused_before_any_attack() -> None:
    twice = [*toy_images(4), replace(toy_images(4)[0], name="copy")]
    with pytest.raises(ValueError, match="listed twice"):
        run_suite(suite(), Linear(), twice, clock=lambda: NOW)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: replace(s, gates=(*s.gates, *s.gates)), "two gates of one"),
        (lambda s: replace(s, checks=("S99",)), "no check S99"),
        (lambda s: replace(s, plans=(*s.plans, s.plans[0])), "two attacks of one name"),
        (lambda s: replace(s, gates=(Gate(Metric.HELD, 0.5, "square"),)), "not run: square"),
    ],
)
def test_a_suite_with_unknown_names_is_refused(change: Callable[[Suite], Suite], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        change(suite())


def test_misclassified_images_do_not_hold() -> None:
    images = toy_images(6)
    fooled = run_suite(suite(LARGE, checks=()), Linear(), images, clock=lambda: NOW).results[0]
    for end in End:
        trials = tuple(replace(trial, end=end) for trial in fooled.trials)
        held = replace(fooled, trials=trials).held_images({"missed": True})
        assert held == {"missed": False} | {image.digest: end is End.HELD for image in images}


def test_the_problem_of_an_attack_can_be_signed() -> None:
    for message in ("a\u202eb\x00\nc", "\u3164", "x " * 400, "é" * 400):
        problem = problem_of(ValueError(message))
        assert is_plain(problem)
        assert problem == problem.strip()
        assert len(problem) <= 300

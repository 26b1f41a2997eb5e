"""Checks that the attacks were strong: more budget, more steps and more knowledge may not achieve less."""

from dataclasses import replace
from functools import partial

import numpy as np

from attacks.checks.check import Check, CheckContext, StateAndEvidence, held_if
from attacks.gradient import Fgsm, Pgd
from attacks.harness import Attack, AttackPlan
from attacks.images import Budget, Norm, quantise
from attacks.trials import AttackTrials, End, Knowledge
from reports.stress.records import CheckState

_SHARES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)  # of the main budget
_DRAWS = 500
_WEAKER = 1.1
_POINT = 0.01  # one percentage point


def _main_budget(context: CheckContext) -> Budget:
    """Return the first bounded budget of the largest norm among the plans."""
    budgets = [run.result.budget for run in context.runs.values()]
    return next((b for b in budgets if b.norm is Norm.LINF and b.bounded), Budget(Norm.LINF, 8 / 255))


def _own(context: CheckContext, attack: Attack, name: str) -> AttackTrials:
    """Return the result of an attack that the check adds to the policy's."""
    return context.run(AttackPlan(f"check {name}", "gradient", Knowledge.WHITE, attack)).result


def _pgd(context: CheckContext, budget: Budget) -> AttackTrials:
    return _own(context, Pgd(budget, _steps(context)), f"pgd at {budget.size:.5f}")


def _steps(context: CheckContext) -> int:
    """Return the steps of the longest plan."""
    return max([getattr(run.plan.attack, "steps", 0) for run in context.runs.values()] + [10])


def _grows(context: CheckContext) -> StateAndEvidence:
    main, count = _main_budget(context), len(context.images)
    curve = []
    for share in _SHARES:
        result = _pgd(context, replace(main, size=min(main.size * share, 1.0)))
        curve.append(count - len(result.held))  # an image without a label has not held
    noise = max(1.0, 2 * np.sqrt(count) / 2)  # two standard deviations of a fair coin for each image
    drops = np.maximum.accumulate(curve) - curve
    points = ", ".join(f"{main.size * s:.4f}: {n}" for s, n in zip(_SHARES, curve, strict=True))
    return held_if(float(max(drops)) <= min(noise, 0.1 * count + 1), f"of {count} images fell, by budget: {points}")


def _unbounded(context: CheckContext) -> StateAndEvidence:
    """Attack without bounds; an image to which the pipeline gives no label has lost its right label."""
    main = _main_budget(context)
    step_budget = replace(main, size=min(4 * main.size, 0.25))  # larger steps would leave the greys of an image at once
    free = Pgd(Budget(Norm.LINF, 1.0), 2 * _steps(context), step_budget=step_budget)
    result, count = _own(context, free, "pgd without bounds"), len(context.images)
    silenced = result.count(End.SILENCED)
    lost = f"{len(result.fooled)} fooled" + (f" and {silenced} silenced" if silenced else "")
    fell = count - len(result.held)
    return held_if(fell >= 0.99 * max(1, count), f"{lost} of {count} images when any change is allowed")


def _iterations(context: CheckContext) -> StateAndEvidence:
    single, many = _own(context, Fgsm(_main_budget(context)), "fgsm"), _pgd(context, _main_budget(context))
    evidence = f"held against one step {len(single.held)}, against {_steps(context)} steps {len(many.held)}"
    return held_if(len(many.held) <= len(single.held), evidence)


def _steps_converged(context: CheckContext) -> StateAndEvidence:
    main, steps = _main_budget(context), _steps(context)
    twice = _own(context, Pgd(main, 2 * steps), "pgd of twice the steps")
    return _as_many_fooled(context, twice, f"{steps} and {2 * steps} steps")


def _restarts_converged(context: CheckContext) -> StateAndEvidence:
    twice = _own(context, Pgd(_main_budget(context), _steps(context), restarts=2), "pgd from two starts")
    return _as_many_fooled(context, twice, "one start and two")


def _as_many_fooled(context: CheckContext, twice: AttackTrials, compared: str) -> StateAndEvidence:
    """Compare a PGD of twice the effort with that of the plans' effort."""
    once, count = _pgd(context, _main_budget(context)), len(context.images)
    change = abs(len(twice.fooled) - len(once.fooled))
    evidence = f"{compared}: {len(once.fooled)} and {len(twice.fooled)} of {count} fooled"
    return held_if(change <= _POINT * count, evidence)


def _at_most_white_box(context: CheckContext, *, knowledge: Knowledge, kind: str) -> StateAndEvidence:
    """Compare attacks of equal norm and budget: less knowledge may not fool images that white-box attacks left."""
    less = [run.result for run in context.runs.values() if run.result.knowledge is knowledge]
    white = [run.result for run in context.runs.values() if run.result.knowledge is Knowledge.WHITE]
    missed, compared = set[str](), 0
    for result in less:
        equal = [other.fooled for other in white if other.budget == result.budget]
        if equal:
            compared += 1
            missed |= result.fooled - frozenset().union(*equal)
    if not compared:
        return CheckState.NOT_APPLICABLE, f"no {kind} with the budget of a white-box attack"
    allowed = 0.002 * len(context.images)
    return held_if(len(missed) <= allowed, f"{kind} fooled {len(missed)} images that white-box attacks did not")


def _noise(context: CheckContext) -> StateAndEvidence:
    main, rng = _main_budget(context), np.random.default_rng(context.seed)
    fooled = 0
    for image in context.images:
        noise = rng.uniform(-main.size, main.size, (_DRAWS // len(context.images) + 1, *image.plane.shape))
        planes = [quantise(image, image.unit + draw, main) for draw in noise]
        predictions = context.target.predict(planes)
        fooled += any(prediction.authentic is (not image.authentic) for prediction in predictions)
    equal = [run.result for run in context.runs.values() if run.result.budget == main]
    white = max([len(result.fooled) for result in equal if result.knowledge is Knowledge.WHITE] + [0])
    evidence = f"random noise fooled {fooled}, the best white-box attack of the same budget {white} images"
    return held_if(fooled <= white, evidence)


def _no_weaker(context: CheckContext) -> StateAndEvidence:
    """Compare the smallest changes that fooled with the baseline's in each norm: larger ones mean weaker attacks."""
    evidence, weaker = [], []
    for norm, baseline in context.smallest_changes.items():
        smallest = {image.digest: float("inf") for image in context.images if image.digest in baseline}
        results = [run.result for run in context.runs.values() if run.result.budget.norm is norm]
        for trial in (trial for result in results if result.budget.bounded for trial in result.trials):
            if trial.end is End.FOOLED and trial.digest in smallest:
                smallest[trial.digest] = min(smallest[trial.digest], float(trial.least))
        if smallest:
            now, then = (float(np.median([of[digest] for digest in smallest])) for of in (smallest, baseline))
            evidence.append(f"{norm} {now:.4g} after {then:.4g}, over {len(smallest)} images")
            weaker += [norm] if now > _WEAKER * then else []
    if not evidence:
        return CheckState.NOT_APPLICABLE, "no baseline fooled any of these images"
    return held_if(not weaker, f"median of the smallest changes that fooled: {'; '.join(evidence)}")


_BLACK_BOX = partial(_at_most_white_box, knowledge=Knowledge.BLACK, kind="black-box attacks")
_TRANSFER = partial(_at_most_white_box, knowledge=Knowledge.GREY, kind="transfer attacks")
STRENGTH = (
    Check("S05", "success grows with the budget", "success does not fall as the budget grows, within noise", _grows),
    Check("S06", "unbounded attack succeeds", "at most 1 % of images hold when any change is allowed", _unbounded),
    Check("S07", "iterative >= single step", "PGD leaves no more images than FGSM", _iterations),
    Check("S08", "enough steps", "twice the steps change success by at most one point", _steps_converged),
    Check("S09", "enough restarts", "twice the restarts change success by at most one point", _restarts_converged),
    Check("S12", "black box <= white box", "black-box attacks fool what white-box attacks fool", _BLACK_BOX),
    Check("S13", "transfer <= white box", "transfer attacks fool what white-box attacks fool", _TRANSFER),
    Check("S14", "random noise <= white box", "random noise fools no more images than attacks", _noise),
    Check(
        "S28",
        "no weaker than the baseline",
        "the median smallest change that fools is at most 1.1 of the baseline's, for the same weights",
        _no_weaker,
    ),
)

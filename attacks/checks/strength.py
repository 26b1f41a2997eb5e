"""Checks that the attacks were strong: more budget, more steps and more knowledge may not do less."""

from dataclasses import replace

import numpy as np

from attacks.checks.check import Check, CheckContext, StateAndEvidence, held_if
from attacks.gradient import Fgsm, Pgd
from attacks.harness import Attack, AttackPlan
from attacks.images import Budget, Norm, quantise
from attacks.outcome import End, Knowledge, Result
from reports.stress.records import CheckState

_SHARES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)  # of the main budget
_DRAWS = 500
_BANKED = 1.1
_POINT = 0.01  # one percentage point


def _main(bench: CheckContext) -> Budget:
    """Return the budget that the plans use for the largest change."""
    budgets = [run.result.budget for run in bench.runs.values()]
    return next((one for one in budgets if one.norm is Norm.LINF and one.bounded), Budget(Norm.LINF, 8 / 255))


def _ours(bench: CheckContext, attack: Attack, name: str) -> Result:
    """Return what an attack of ours does, that nobody asked for."""
    return bench.run(AttackPlan(f"check {name}", "gradient", Knowledge.WHITE, attack)).result


def _steps(bench: CheckContext) -> int:
    """Return how many steps the strongest plan takes."""
    return max([getattr(run.plan.attack, "steps", 0) for run in bench.runs.values()] + [10])


def _monotone(bench: CheckContext) -> StateAndEvidence:
    main, count = _main(bench), len(bench.pictures)
    curve = []
    for share in _SHARES:
        budget = replace(main, size=min(main.size * share, 1.0))
        found = _ours(bench, Pgd(budget, _steps(bench)), f"pgd at {budget.size:.5f}")
        curve.append(count - len(found.held))  # one that gets no answer any more does not stand either
    noise = max(1.0, 2 * np.sqrt(count) / 2)  # two deviations of a coin thrown for each picture
    drops = np.maximum.accumulate(curve) - curve
    said = ", ".join(f"{main.size * s:.4f}: {n}" for s, n in zip(_SHARES, curve, strict=True))
    return held_if(float(max(drops)) <= min(noise, 0.1 * count + 1), f"of {count} fell by budget: {said}")


def _unbounded(bench: CheckContext) -> StateAndEvidence:
    """Ask that nothing stands; a picture that was driven to where no answer is given has lost its right one, too."""
    free = Pgd(Budget(Norm.LINF, 1.0), 2 * _steps(bench), pace=_wide(_main(bench)))
    result, count = _ours(bench, free, "pgd without bounds"), len(bench.pictures)
    silenced = result.count(End.SILENCED)
    lost = f"{len(result.fooled)} fooled" + (f" and {silenced} silenced" if silenced else "")
    return held_if(
        count - len(result.held) >= 0.99 * max(1, count), f"{lost} of {count} pictures when anything is allowed"
    )


def _wide(main: Budget) -> Budget:
    """Return a pace at which the picture can go four times as far as the budget, and is still a picture on the way."""
    return replace(main, size=min(4 * main.size, 0.25))


def _iterations(bench: CheckContext) -> StateAndEvidence:
    main = _main(bench)
    one = _ours(bench, Fgsm(main), "fgsm")
    many = _ours(bench, Pgd(main, _steps(bench)), f"pgd at {main.size:.5f}")
    said = f"held against one step {len(one.held)}, against {_steps(bench)} steps {len(many.held)}"
    return held_if(len(many.held) <= len(one.held), said)


def _doubled(bench: CheckContext) -> StateAndEvidence:
    main, steps = _main(bench), _steps(bench)
    once = _ours(bench, Pgd(main, steps), f"pgd at {main.size:.5f}")
    twice = _ours(bench, Pgd(main, 2 * steps), "pgd of twice the steps")
    return _alike(once, twice, len(bench.pictures), f"{steps} and {2 * steps} steps")


def _restarted(bench: CheckContext) -> StateAndEvidence:
    main, steps = _main(bench), _steps(bench)
    once = _ours(bench, Pgd(main, steps), f"pgd at {main.size:.5f}")
    twice = _ours(bench, Pgd(main, steps, restarts=2), "pgd from two starts")
    return _alike(once, twice, len(bench.pictures), "one start and two")


def _alike(once: Result, twice: Result, count: int, what: str) -> StateAndEvidence:
    change = abs(len(twice.fooled) - len(once.fooled))
    return held_if(change <= _POINT * count, f"{what}: {len(once.fooled)} and {len(twice.fooled)} of {count} fooled")


def _black_not_better(bench: CheckContext) -> StateAndEvidence:
    return _not_better(bench, Knowledge.BLACK, "black-box attacks")


def _transfer_not_better(bench: CheckContext) -> StateAndEvidence:
    return _not_better(bench, Knowledge.GREY, "transferred attacks")


def _not_better(bench: CheckContext, knowledge: Knowledge, what: str) -> StateAndEvidence:
    """Compare within each norm and budget: what knows less may not find what the others missed."""
    less = [run.result for run in bench.runs.values() if run.result.knowledge is knowledge]
    more = [run.result for run in bench.runs.values() if run.result.knowledge is Knowledge.WHITE]
    missed, compared = set[str](), 0
    for result in less:
        equal = [other.fooled for other in more if other.budget == result.budget]
        if equal:
            compared += 1
            missed |= result.fooled - frozenset().union(*equal)
    if not compared:
        return CheckState.NOT_APPLICABLE, f"no {what} with the budget of a white-box attack"
    allowed = 0.002 * len(bench.pictures)
    return held_if(len(missed) <= allowed, f"{what} fooled {len(missed)} pictures that white-box attacks did not")


def _noise_floor(bench: CheckContext) -> StateAndEvidence:
    main, rng = _main(bench), np.random.default_rng(bench.seed)
    fooled = 0
    for picture in bench.pictures:
        noise = rng.uniform(-main.size, main.size, (_DRAWS // len(bench.pictures) + 1, *picture.plane.shape))
        planes = [quantise(picture, picture.unit + one, main) for one in noise]
        fooled += any(answer.authentic is (not picture.authentic) for answer in bench.target.predict(planes))
    equal = [run.result for run in bench.runs.values() if run.result.budget == main]
    white = max([len(result.fooled) for result in equal if result.knowledge is Knowledge.WHITE] + [0])
    said = f"random noise fooled {fooled}, the best white-box attack of the same budget {white} pictures"
    return held_if(fooled <= white, said)


def _banked(bench: CheckContext) -> StateAndEvidence:
    """Compare, norm by norm, the smallest changes with an earlier run's: a weaker attack is no stronger model."""
    said, worse = [], []
    for norm, known in bench.bank.items():
        best = {picture.digest: float("inf") for picture in bench.pictures if picture.digest in known}
        fit = [one.result for one in bench.runs.values() if one.result.budget.norm is norm]
        for trial in (trial for result in fit if result.budget.bounded for trial in result.trials):
            if trial.end is End.FOOLED and trial.digest in best:
                best[trial.digest] = min(best[trial.digest], float(trial.least))
        if best:
            now, then = (float(np.median([of[digest] for digest in best])) for of in (best, known))
            said.append(f"{norm} {now:.4g} after {then:.4g}, over {len(best)} pictures")
            worse += [norm] if now > _BANKED * then else []
    if not said:
        return CheckState.NOT_APPLICABLE, "no earlier run fooled any of these pictures"
    return held_if(not worse, f"median of the smallest changes: {'; '.join(said)}")


STRENGTH = (
    Check("S05", "more budget, more success", "success does not fall as the budget grows, within noise", _monotone),
    Check("S06", "no bounds, no defence", "at most 1 % stand when every change is allowed", _unbounded),
    Check("S07", "many steps beat one", "many steps leave no more pictures standing than one", _iterations),
    Check("S08", "steps were enough", "twice the steps gain at most one point", _doubled),
    Check("S09", "starts were enough", "twice the starts gain at most one point", _restarted),
    Check("S12", "seeing less is no help", "black-box attacks fool what white-box ones fool", _black_not_better),
    Check("S13", "a detour is no help", "transferred attacks fool what direct ones fool", _transfer_not_better),
    Check("S14", "better than noise", "random changes fool no more than the attacks", _noise_floor),
    Check(
        "S28",
        "no worse than before",
        "the median smallest change is at most 1.1 of an earlier run's, of the same weights",
        _banked,
    ),
)

"""Checks of the bookkeeping: what is reported was within the budget, asked again, and all that was asked for."""

from collections.abc import Iterator

from attacks.checks.check import Check, CheckContext, StateAndEvidence, held_if
from attacks.harness import AttackRun, end_of
from attacks.images import LabelledImage, decode_png, distance, encode_png, plane_digest
from attacks.outcome import End, Knowledge, Trial

_SLACK = 1e-6
_DIGITS = 5e-7  # distances are written with six
_MOST_UNCHANGED = 0.01


def _trials(bench: CheckContext) -> Iterator[tuple[AttackRun, Trial, LabelledImage]]:
    known = {picture.name: picture for picture in bench.whole}
    for run in bench.runs.values():
        for trial in run.result.trials:
            yield run, trial, known[trial.picture]


def _budget(bench: CheckContext) -> StateAndEvidence:
    seen, worst = 0, 0.0
    for run, trial, picture in _trials(bench):
        plane, budget = run.planes[trial.picture], run.result.budget
        if plane.dtype != picture.plane.dtype or plane.shape != picture.plane.shape:
            return held_if(False, f"{trial.picture}: another depth or size")
        worst = max(worst, distance(picture.plane, plane, budget.norm) / budget.size)
        seen += 1
    return held_if(seen > 0 and worst <= 1 + _SLACK, f"{seen} planes, the largest change is {worst:.6f} of its budget")


def _again(bench: CheckContext) -> StateAndEvidence:
    if bench.elsewhere is None:
        return held_if(False, "no second process was offered to ask")
    rows = [(trial, picture, run.planes[trial.picture]) for run, trial, picture in _trials(bench)]
    rows = [row for row in rows if row[0].end in (End.FOOLED, End.HELD, End.SILENCED)]
    answers = bench.elsewhere([plane for _, _, plane in rows])
    pairs = zip(rows, answers, strict=True)
    same = sum(end_of(picture, answer) is trial.end for (trial, picture, _), answer in pairs)
    return held_if(bool(rows) and same == len(rows), f"{same} of {len(rows)} outcomes are the same in another process")


def _unchanged(bench: CheckContext) -> StateAndEvidence:
    said = []
    for name, run in bench.runs.items():
        for truth in (True, False):
            mine = [trial for trial in run.result.trials if trial.authentic is truth]
            still = sum(trial.unchanged and trial.end is End.HELD for trial in mine)
            if mine and still / len(mine) > _MOST_UNCHANGED:
                kind = "authentic" if truth else "counterfeit"
                said.append(f"{name}: {still} of {len(mine)} {kind} pictures came back unchanged")
    return held_if(not said, "; ".join(said) or "every attack that did not succeed had changed its picture")


def _saved(bench: CheckContext) -> StateAndEvidence:
    lost = seen = short = 0
    for run, trial, _ in _trials(bench):
        seen += 1
        lost += plane_digest(decode_png(encode_png(run.planes[trial.picture]))) != trial.plane
        short += trial.claimed and trial.end is not End.FOOLED
    holds = bool(seen) and not lost
    return held_if(holds, f"{seen} planes were judged from their files; {short} successes did not survive whole greys")


def _silent(bench: CheckContext) -> StateAndEvidence:
    missed = sum(
        trial.end is not End.FOOLED
        and trial.nearest is not None
        and float(trial.nearest) <= run.result.budget.size + _DIGITS
        for run, trial, _ in _trials(bench)
    )
    return held_if(not missed, f"{missed} successes that an attack met on its way are not counted")


def _worst(bench: CheckContext) -> StateAndEvidence:
    fooled = frozenset[str]().union(*(run.result.fooled for run in bench.runs.values()))
    each = ", ".join(f"{name} {len(run.result.fooled)}" for name, run in bench.runs.items())
    count, hidden = len(bench.pictures), set[str]()
    for own in bench.besides.values():  # what checks ran on their own must not have done better
        budget = own.result.budget
        equal = [run.result.fooled for run in bench.runs.values() if budget.bounded and run.result.budget == budget]
        hidden |= own.result.fooled - frozenset().union(*equal) if equal else set()
    said = f"{len(fooled)} of {count} pictures are fooled by one attack at least ({each})"
    if hidden:
        said += f"; attacks that checks ran with the same budget fooled {len(hidden)} more"
    return held_if(count > 0 and not hidden, said)


def _all_ran(bench: CheckContext) -> StateAndEvidence:
    missing = [name for name in bench.planned if name not in bench.runs]
    broken = [f"{n}: {run.result.problem or 'no picture'}" for n, run in bench.runs.items() if not run.result.ran]
    done = len(bench.runs) - len(broken)
    said = f"{done} of {len(bench.planned)} attacks ran to their end"
    return held_if(not missing and not broken and bool(bench.planned), "; ".join([said, *missing, *broken]))


def _same_again(bench: CheckContext) -> StateAndEvidence:
    """Repeat the cheapest attack of each knowledge; one that asks nothing of the model repeats nothing of it."""
    cheapest: dict[Knowledge, tuple[int, AttackRun]] = {}
    for run in bench.runs.values():
        cost = sum(trial.queries + trial.passes for trial in run.result.trials)
        knowledge = run.result.knowledge
        if cost and (knowledge not in cheapest or cost < cheapest[knowledge][0]):
            cheapest[knowledge] = (cost, run)
    said, differ = [], 0
    for _, first in cheapest.values():
        again = bench.run(first.plan).result
        here = sum(one != other for one, other in zip(first.result.trials, again.trials, strict=True))
        said.append(f"{first.plan.name} {here}")
        differ += here
    return held_if(
        bool(said) and not differ, f"outcomes that differ when run twice with one seed: {', '.join(said) or 0}"
    )


BOOKKEEPING = (
    Check("S01", "budget respected", "norms of saved planes, in double precision, are at most the budget", _budget),
    Check("S02", "labels asked again", "each outcome is the same in a fresh process, plane by plane", _again),
    Check(
        "S03", "no silent idling", "at most 1 % of attacked pictures come back unchanged, in either class", _unchanged
    ),
    Check("S04", "whole greys", "what is reported was judged from files of the picture's own depth", _saved),
    Check("S23", "no silent success", "no success met on the way goes uncounted", _silent),
    Check(
        "S29", "worst of all attacks", "no attack that a check ran fools a picture that those asked for left", _worst
    ),
    Check("S37", "same seed, same outcome", "an attack that is run twice gives the same outcome", _same_again),
    Check("S38", "all that was asked for", "every attack ran to its end on every picture", _all_ran),
)

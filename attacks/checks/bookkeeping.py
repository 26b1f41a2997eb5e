"""Checks of the bookkeeping: changes are within the budget, ends of trials can be repeated, and every plan ran."""

from collections.abc import Iterator

from attacks.checks.check import Check, CheckContext, StateAndEvidence, held_if
from attacks.harness import AttackRun, end_of
from attacks.images import LabelledImage, decode_png, distance, encode_png, plane_digest
from attacks.trials import End, Knowledge, Trial

_SLACK = 1e-6
_DIGITS = 5e-7  # distances are written with six digits
_MOST_UNCHANGED = 0.01


def _trials(context: CheckContext) -> Iterator[tuple[AttackRun, Trial, LabelledImage]]:
    images = {image.name: image for image in context.all_images}
    for run in context.runs.values():
        for trial in run.result.trials:
            yield run, trial, images[trial.picture]


def _within_budget(context: CheckContext) -> StateAndEvidence:
    count, largest = 0, 0.0
    for run, trial, image in _trials(context):
        plane, budget = run.planes[trial.picture], run.result.budget
        if plane.dtype != image.plane.dtype or plane.shape != image.plane.shape:
            return held_if(False, f"{trial.picture}: another depth or size")
        largest = max(largest, distance(image.plane, plane, budget.norm) / budget.size)
        count += 1
    evidence = f"{count} planes, the largest change is {largest:.6f} of its budget"
    return held_if(count > 0 and largest <= 1 + _SLACK, evidence)


def _fresh_process(context: CheckContext) -> StateAndEvidence:
    if context.fresh_process is None:
        return held_if(False, "there is no second process to query")
    rows = [(trial, image, run.planes[trial.picture]) for run, trial, image in _trials(context)]
    rows = [row for row in rows if row[0].end in (End.FOOLED, End.HELD, End.SILENCED)]
    predictions = context.fresh_process([plane for _, _, plane in rows])
    pairs = zip(rows, predictions, strict=True)
    same = sum(end_of(image, prediction) is trial.end for (trial, image, _), prediction in pairs)
    return held_if(bool(rows) and same == len(rows), f"{same} of {len(rows)} outcomes are the same in another process")


def _changed(context: CheckContext) -> StateAndEvidence:
    idle = []
    for name, run in context.runs.items():
        for authentic in (True, False):
            trials = [trial for trial in run.result.trials if trial.authentic is authentic]
            unchanged = sum(trial.unchanged and trial.end is End.HELD for trial in trials)
            if trials and unchanged / len(trials) > _MOST_UNCHANGED:
                label = "authentic" if authentic else "counterfeit"
                idle.append(f"{name}: {unchanged} of {len(trials)} {label} images came back unchanged")
    return held_if(not idle, "; ".join(idle) or "every attack that did not succeed had changed its image")


def _from_files(context: CheckContext) -> StateAndEvidence:
    count = lost = rounded_away = 0
    for run, trial, _ in _trials(context):
        count += 1
        lost += plane_digest(decode_png(encode_png(run.planes[trial.picture]))) != trial.plane
        rounded_away += trial.claimed and trial.end is not End.FOOLED
    evidence = f"{count} planes were judged from their files; {rounded_away} successes did not survive rounding"
    return held_if(bool(count) and not lost, evidence)


def _all_counted(context: CheckContext) -> StateAndEvidence:
    uncounted = sum(
        trial.end is not End.FOOLED
        and trial.nearest is not None
        and float(trial.nearest) <= run.result.budget.size + _DIGITS
        for run, trial, _ in _trials(context)
    )
    return held_if(not uncounted, f"{uncounted} successes that an attack met on its way are not counted")


def _worst_case(context: CheckContext) -> StateAndEvidence:
    fooled = frozenset[str]().union(*(run.result.fooled for run in context.runs.values()))
    counts = ", ".join(f"{name} {len(run.result.fooled)}" for name, run in context.runs.items())
    count, missed = len(context.images), set[str]()
    for own in context.own_runs.values():
        budget = own.result.budget
        equal = [run.result.fooled for run in context.runs.values() if budget.bounded and run.result.budget == budget]
        missed |= own.result.fooled - frozenset().union(*equal) if equal else set()
    evidence = f"{len(fooled)} of {count} images are fooled by at least one attack ({counts})"
    if missed:
        evidence += f"; the checks' own attacks fooled {len(missed)} more with the same budget"
    return held_if(count > 0 and not missed, evidence)


def _all_ran(context: CheckContext) -> StateAndEvidence:
    missing = [name for name in context.planned if name not in context.runs]
    broken = [f"{n}: {run.result.problem or 'no image'}" for n, run in context.runs.items() if not run.result.ran]
    finished = f"{len(context.runs) - len(broken)} of {len(context.planned)} attacks ran to their end"
    return held_if(not missing and not broken and bool(context.planned), "; ".join([finished, *missing, *broken]))


def _reproducible(context: CheckContext) -> StateAndEvidence:
    """Repeat the cheapest attack of each kind of knowledge; an attack without queries or passes shows nothing."""
    cheapest: dict[Knowledge, tuple[int, AttackRun]] = {}
    for run in context.runs.values():
        cost = sum(trial.queries + trial.passes for trial in run.result.trials)
        knowledge = run.result.knowledge
        if cost and (knowledge not in cheapest or cost < cheapest[knowledge][0]):
            cheapest[knowledge] = (cost, run)
    counts, differing = [], 0
    for _, first in cheapest.values():
        again = context.run(first.plan).result
        count = sum(a != b for a, b in zip(first.result.trials, again.trials, strict=True))
        counts.append(f"{first.plan.name} {count}")
        differing += count
    evidence = f"outcomes that differ between two runs with one seed: {', '.join(counts) or 0}"
    return held_if(bool(counts) and not differing, evidence)


BOOKKEEPING = (
    Check("S01", "within budget", "norms of saved planes, in double precision, are at most the budget", _within_budget),
    Check("S02", "same outcome in a fresh process", "each outcome is the same in a fresh process", _fresh_process),
    Check("S03", "images were changed", "at most 1 % of attacked images of either class are unchanged", _changed),
    Check("S04", "judged from files", "each outcome was judged from a file of the image's own depth", _from_files),
    Check("S23", "no uncounted success", "every success within the budget is counted", _all_counted),
    Check(
        "S29",
        "worst case of all attacks",
        "the checks' own attacks fool no image that the policy's attacks of the same budget left",
        _worst_case,
    ),
    Check("S37", "same seed, same outcome", "an attack that is run twice gives the same outcome", _reproducible),
    Check("S38", "every attack ran", "every attack ran to its end on every image", _all_ran),
)

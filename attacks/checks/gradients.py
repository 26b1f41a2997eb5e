"""Checks that gradients lead somewhere: they are there, they are true, and the twin is a twin."""

from collections.abc import Iterator

import numpy as np
import torch

from attacks.checks.check import Check, CheckContext, StateAndEvidence, held_if
from attacks.gradient import Pgd, margin_gradient, random_start, to_tensor
from attacks.images import Budget, LabelledImage, Norm, Plane
from attacks.outcome import End, Knowledge
from attacks.target import AttackLimits, AttackSession, margin
from reports.stress.records import CheckState

_FORWARDS = 5
_SAME = 1e-4
_LAST = 10  # steps
_POINTS, _LEAST = 100, 10  # random ones in all, where the loss is looked at; and at each picture
_RADIUS = 8 / 255
_STEP = 1e-4  # in length; a forest's twin bends within ten times as much


def _session(bench: CheckContext, picture: LabelledImage) -> AttackSession:
    return AttackSession(
        bench.target,
        picture,
        Budget(Norm.LINF, _RADIUS),
        seed=bench.seed,
        limits=AttackLimits(until=bench.until),
        pool=(),
    )


def _starts(bench: CheckContext) -> Iterator[tuple[AttackSession, torch.Tensor]]:
    """Yield every picture, as it is and at a random start."""
    for picture in bench.pictures:
        session = _session(bench, picture)
        clean = to_tensor(picture.unit)
        yield session, clean
        yield session, random_start(clean, Budget(Norm.LINF, _RADIUS), session.generator)


def _there(bench: CheckContext) -> StateAndEvidence:
    seen = gone = 0
    for session, unit in _starts(bench):
        _, gradient = margin_gradient(session, unit)
        length = float(gradient.double().norm())
        seen, gone = seen + 1, gone + (not np.isfinite(length) or length < 1e-12)
    return held_if(seen > 0 and gone <= 0.01 * seen, f"{gone} of {seen} gradients are zero or no numbers")


def _true(bench: CheckContext) -> StateAndEvidence:
    """Compare slopes with differences, between whole greys, where order statistics of a plane have no kinks."""
    found = []
    for number, picture in enumerate(bench.pictures[:4]):
        session = _session(bench, picture)
        generator = torch.Generator().manual_seed(bench.seed + number)
        at = random_start(to_tensor(picture.unit), Budget(Norm.LINF, _RADIUS / 2), generator)
        _, gradient = margin_gradient(session, at)
        if not gradient.any():
            found.append(0.0)
            continue
        said, measured = [], []
        for _ in range(5):
            way = torch.randn(at.shape, generator=generator)
            way = way / way.norm() + gradient / gradient.norm()
            way = way / way.norm()
            with torch.no_grad():
                ends = [margin(session.logits(at + s * _STEP * way), authentic=picture.authentic) for s in (1, -1)]
            measured.append(float(ends[0] - ends[1]) / (2 * _STEP))
            said.append(float((gradient * way).sum()))
        lengths = float(np.linalg.norm(said) * np.linalg.norm(measured))
        cosine = float(np.dot(said, measured)) / max(lengths, 1e-30)
        ratio = float(np.linalg.norm(measured)) / max(float(np.linalg.norm(said)), 1e-30)
        found.append(cosine * min(ratio, 1 / max(ratio, 1e-30)))  # also of one length
    middle = float(np.median(found)) if found else 0.0
    return held_if(middle >= 0.9, f"differences agree with slopes to {middle:.3f} (median of {len(found)} pictures)")


def _logits(bench: CheckContext) -> StateAndEvidence:
    rows = [bench.target.logits(to_tensor(picture.unit)).detach().double() for picture in bench.pictures]
    found = torch.cat(rows)
    shares = bool(((found >= 0) & (found <= 1)).all() and torch.allclose(found.sum(1), torch.ones(len(found)).double()))
    return held_if(not shares, f"logits from {float(found.min()):.3g} to {float(found.max()):.3g}")


def _classes(bench: CheckContext) -> StateAndEvidence:
    count = bench.target.logits(to_tensor(bench.pictures[0].unit)).shape[1]
    dlr = [name for name in bench.planned if "dlr" in name]
    return held_if(
        count == 2 and not dlr, f"{count} classes: the loss is the margin, the ratio of differences is refused"
    )


def _steady(bench: CheckContext) -> StateAndEvidence:
    unit, plane = to_tensor(bench.pictures[0].unit), bench.pictures[0].plane
    with torch.no_grad():
        found = torch.stack([bench.target.logits(unit) for _ in range(_FORWARDS)])
    spread = float((found.max(0).values - found.min(0).values).max())
    scores = {answer.score for _ in range(_FORWARDS) for answer in bench.target.predict([plane])}
    said = f"{_FORWARDS} passes: logits differ by {spread:.2g}, the pipeline gives {len(scores)} score"
    return held_if(spread <= _SAME and len(scores) == 1, said)


def _no_chance(bench: CheckContext) -> StateAndEvidence:
    held, evidence = _steady(bench)
    if held is CheckState.HELD:
        return CheckState.NOT_APPLICABLE, "the target draws nothing by chance (S17)"
    return held_if(False, f"the target is random, and is attacked as if it were not: {evidence}")


def _exact(bench: CheckContext) -> StateAndEvidence:
    exact = bench.target.exact
    said = "slopes are exact up to the forests" if exact else "a step of the preparation lends another's slope"
    return held_if(exact, said)


def _alike(bench: CheckContext) -> StateAndEvidence:
    """Compare the twin's answers with those that the pipeline gave: right of some pictures, fooled by some planes."""
    right = {picture.name for picture in bench.pictures}
    clean = [_twin_is_right(bench, picture, picture.plane) is (picture.name in right) for picture in bench.whole]
    known = {picture.name: picture for picture in bench.whole}
    attacked = [
        _twin_is_right(bench, known[trial.picture], run.planes[trial.picture]) is (trial.end is End.HELD)
        for run in bench.runs.values()
        if run.result.knowledge is Knowledge.WHITE
        for trial in run.result.trials
    ]
    if not clean or not attacked:
        return held_if(False, f"{len(clean)} clean and {len(attacked)} attacked planes to compare")
    shares = sum(clean) / len(clean), sum(attacked) / len(attacked)
    said = f"twin and pipeline agree on {shares[0]:.1%} of clean and {shares[1]:.1%} of attacked planes"
    return held_if(shares[0] >= 0.95 and shares[1] >= 0.9, said)


def _twin_is_right(bench: CheckContext, picture: LabelledImage, plane: Plane) -> bool:
    unit = to_tensor(plane.astype(np.float64) / picture.top)
    with torch.no_grad():
        return bool(margin(bench.target.logits(unit), authentic=picture.authentic) < 0)


def _standing(bench: CheckContext) -> list[LabelledImage]:
    """Return the pictures that held against every attack along slopes: where one fell, nothing was missed."""
    white = [run.result for run in bench.runs.values() if run.result.knowledge is Knowledge.WHITE]
    return [picture for picture in bench.pictures if all(picture.name in result.held for result in white)]


def _finished(bench: CheckContext) -> StateAndEvidence:
    worst, steps = 0.0, max([getattr(run.plan.attack, "steps", 0) for run in bench.runs.values()] + [0])
    if steps <= _LAST:
        return held_if(False, f"{steps} steps, and the last {_LAST} are to give little")
    standing = _standing(bench)
    if not standing:
        return held_if(bool(bench.pictures), "no picture stands, so no step was missing")
    for picture in standing:
        session = _session(bench, picture)
        Pgd(Budget(Norm.LINF, _RADIUS), steps)(session)
        heights = np.maximum.accumulate(session.log.margins)
        span = float(heights[-1] - heights[0])
        if not span > 0:  # nor if it is no number
            return held_if(False, f"{picture.name}: {steps} steps came no further than the first")
        worst = max(worst, float(heights[-1] - heights[-_LAST - 1]) / span)
    return held_if(worst <= 0.05, f"the last {_LAST} of {steps} steps gave at most {worst:.1%} of the way")


def _smooth(bench: CheckContext) -> StateAndEvidence:
    changes, standing = [], _standing(bench)
    if not standing:
        return held_if(bool(bench.pictures), "no picture stands, so no slope was too rough to climb")
    for picture in standing:
        session = _session(bench, picture)
        clean = to_tensor(picture.unit)
        with torch.no_grad():
            here = float(margin(session.logits(clean), authentic=picture.authentic))
            for _ in range(max(_LEAST, -(-_POINTS // len(standing)))):
                there = random_start(clean, Budget(Norm.LINF, _RADIUS), session.generator)
                changed = float(margin(session.logits(there), authentic=picture.authentic)) - here
                changes.append(abs(changed) / max(abs(here), 1e-12))
    mean = float(np.mean(changes)) if changes else float("inf")
    return held_if(mean <= 0.1, f"random changes of 8 of 255 greys move the loss by {mean:.1%} in the mean")


GRADIENTS = (
    Check("S10", "gradients are there", "at most 1 % are zero or no numbers, at pictures and random starts", _there),
    Check("S11", "gradients are true", "differences agree with slopes to 0.9 at least", _true),
    Check("S15", "logits, not shares", "what is attacked gives no probabilities", _logits),
    Check("S16", "a loss for two classes", "the margin, since other losses need three", _classes),
    Check("S17", "the same again", "five passes give the same logits, to 1e-4, and one score", _steady),
    Check("S18", "means over chance", "as many draws as the gradient needs, where there is chance", _no_chance),
    Check("S19", "chance held still", "attacked with its chance held still, where there is chance", _no_chance),
    Check("S20", "worst of draws", "judged by fresh draws, where there is chance", _no_chance),
    Check("S21", "exact slopes", "no step of the target lends another's slope", _exact),
    Check("S22", "the twin is a twin", "it agrees on 95 % of clean and 90 % of attacked planes", _alike),
    Check("S24", "steps had ended", "where a picture stands, the last ten steps gave at most 5 %", _finished),
    Check(
        "S25",
        "the loss is smooth",
        "where a picture stands, random changes move it by at most 10 %",
        _smooth,
    ),
)

"""Checks that gradients are usable: present, true, of a loss that is neither flat nor rough, and of the right model."""

from collections.abc import Iterator

import numpy as np
import torch

from attacks.checks.check import Check, CheckContext, StateAndEvidence, held_if
from attacks.gradient import Pgd, margin_gradient, random_start, to_tensor
from attacks.images import Budget, LabelledImage, Norm, Plane
from attacks.target import AttackLimits, AttackSession, margin
from attacks.trials import End, Knowledge

_REPETITIONS = 5
_SAME = 1e-4
_RARE = 0.01
_LAST = 10  # steps
_POINTS, _LEAST_POINTS = 100, 10  # random ones: over all images, and at least for each
_RADIUS = Budget(Norm.LINF, 8 / 255)
_STEP = 1e-4  # in length; a soft forest's curvature shows within ten times as much


def _session(context: CheckContext, image: LabelledImage) -> AttackSession:
    limits = AttackLimits(until=context.until)
    return AttackSession(context.target, image, _RADIUS, seed=context.seed, limits=limits, pool=())


def _starts(context: CheckContext) -> Iterator[tuple[AttackSession, torch.Tensor, torch.Tensor]]:
    """Yield every image as a tensor, with a random start near it."""
    for image in context.images:
        session = _session(context, image)
        clean = to_tensor(image.unit)
        yield session, clean, random_start(clean, _RADIUS, session.generator)


def _present(context: CheckContext) -> StateAndEvidence:
    count = vanished = 0
    for session, *units in _starts(context):
        for unit in units:
            _, gradient = margin_gradient(session, unit)
            length = float(gradient.double().norm())
            count, vanished = count + 1, vanished + (not np.isfinite(length) or length < 1e-12)
    return held_if(count > 0 and vanished <= _RARE * count, f"{vanished} of {count} gradients are zero or not finite")


def _true(context: CheckContext) -> StateAndEvidence:
    """Compare with finite differences between whole greys: at whole greys, quantiles of a plane have kinks."""
    agreements = []
    for number, image in enumerate(context.images[:4]):
        session = _session(context, image)
        generator = torch.Generator().manual_seed(context.seed + number)
        at = random_start(to_tensor(image.unit), Budget(Norm.LINF, _RADIUS.size / 2), generator)
        _, gradient = margin_gradient(session, at)
        if not gradient.any():
            agreements.append(0.0)
            continue
        expected, measured = [], []
        for _ in range(5):
            direction = torch.randn(at.shape, generator=generator)
            direction = direction / direction.norm() + gradient / gradient.norm()
            direction = direction / direction.norm()
            with torch.no_grad():
                units = [at + sign * _STEP * direction for sign in (1, -1)]
                ends = [margin(session.logits(unit), authentic=image.authentic) for unit in units]
            measured.append(float(ends[0] - ends[1]) / (2 * _STEP))
            expected.append(float((gradient * direction).sum()))
        agreements.append(_agreement(np.array(expected), np.array(measured)))
    median = float(np.median(agreements)) if agreements else 0.0
    evidence = f"gradients agree with finite differences to {median:.3f} (median of {len(agreements)} images)"
    return held_if(median >= 0.9, evidence)


def _agreement(expected: np.ndarray, measured: np.ndarray) -> float:
    """Return the cosine of two vectors, times the smaller of their lengths over the larger."""
    lengths = float(np.linalg.norm(expected)), float(np.linalg.norm(measured))
    cosine = float(np.dot(expected, measured)) / max(lengths[0] * lengths[1], 1e-30)
    ratio = lengths[1] / max(lengths[0], 1e-30)
    return cosine * min(ratio, 1 / max(ratio, 1e-30))


def _logits(context: CheckContext) -> StateAndEvidence:
    rows = [context.target.logits(to_tensor(image.unit)).detach().double() for image in context.images]
    logits = torch.cat(rows)
    ones = torch.ones(len(logits)).double()
    shares = bool(((logits >= 0) & (logits <= 1)).all() and torch.allclose(logits.sum(1), ones))
    return held_if(not shares, f"logits from {float(logits.min()):.3g} to {float(logits.max()):.3g}")


def _responsive(context: CheckContext) -> StateAndEvidence:
    """Compare the margin at each image with the margin at a random start: a saturated loss stays exactly the same."""
    count = flat = 0
    classes = {2}
    for session, clean, start in _starts(context):
        with torch.no_grad():
            logits = torch.cat([session.logits(clean), session.logits(start)])
        classes.add(logits.shape[1])
        margins = margin(logits, authentic=session.log.image.authentic)
        count, flat = count + 1, flat + (not bool(margins.isfinite().all()) or bool(margins[0] == margins[1]))
    evidence = f"{max(classes)} classes; {flat} of {count} margins do not respond to random changes"
    return held_if(count > 0 and classes == {2} and flat <= _RARE * count, evidence)


def _deterministic(context: CheckContext) -> StateAndEvidence:
    unit, plane = to_tensor(context.images[0].unit), context.images[0].plane
    with torch.no_grad():
        logits = torch.stack([context.target.logits(unit) for _ in range(_REPETITIONS)])
    spread = float((logits.max(0).values - logits.min(0).values).max())
    scores = {answer.score for _ in range(_REPETITIONS) for answer in context.target.predict([plane])}
    evidence = f"{_REPETITIONS} passes: logits differ by {spread:.2g}, the pipeline gives {len(scores)} score"
    return held_if(spread <= _SAME and len(scores) == 1, evidence)


def _surrogate_agrees(context: CheckContext) -> StateAndEvidence:
    """Compare the surrogate's labels with the pipeline's, for the images and for every plane that was judged."""
    right = {image.name for image in context.images}
    clean = [_surrogate_is_right(context, p, p.plane) is (p.name in right) for p in context.all_images]
    images = {image.name: image for image in context.all_images}
    attacked = [
        _surrogate_is_right(context, images[trial.picture], run.planes[trial.picture]) is (trial.end is End.HELD)
        for run in context.runs.values()
        if run.result.knowledge is Knowledge.WHITE
        for trial in run.result.trials
    ]
    if not clean or not attacked:
        return held_if(False, f"{len(clean)} clean and {len(attacked)} attacked planes to compare")
    shares = sum(clean) / len(clean), sum(attacked) / len(attacked)
    evidence = f"surrogate and pipeline agree on {shares[0]:.1%} of clean and {shares[1]:.1%} of attacked planes"
    return held_if(shares[0] >= 0.95 and shares[1] >= 0.9, evidence)


def _surrogate_is_right(context: CheckContext, image: LabelledImage, plane: Plane) -> bool:
    unit = to_tensor(plane.astype(np.float64) / image.top)
    with torch.no_grad():
        return bool(margin(context.target.logits(unit), authentic=image.authentic) < 0)


def _standing(context: CheckContext) -> list[LabelledImage]:
    """Return the images that held against every white-box attack; weak attacks can have missed only these."""
    white = [run.result for run in context.runs.values() if run.result.knowledge is Knowledge.WHITE]
    return [image for image in context.images if all(image.name in result.held for result in white)]


def _converged(context: CheckContext) -> StateAndEvidence:
    largest, steps = 0.0, max([getattr(run.plan.attack, "steps", 0) for run in context.runs.values()] + [0])
    if steps <= _LAST:
        return held_if(False, f"{steps} steps are too few to look at the last {_LAST}")
    standing = _standing(context)
    if not standing:
        return held_if(bool(context.images), "no image stands, so no step was missing")
    for image in standing:
        session = _session(context, image)
        Pgd(_RADIUS, steps)(session)
        margins = np.maximum.accumulate(session.log.margins)
        gain = float(margins[-1] - margins[0])
        if not gain > 0:  # true for NaN, too
            return held_if(False, f"{image.name}: {steps} steps gained nothing after the first")
        largest = max(largest, float(margins[-1] - margins[-_LAST - 1]) / gain)
    return held_if(largest <= 0.05, f"the last {_LAST} of {steps} steps made at most {largest:.1%} of the gain")


def _smooth(context: CheckContext) -> StateAndEvidence:
    changes, standing = [], _standing(context)
    if not standing:
        return held_if(bool(context.images), "no image stands, so no loss was too rough to climb")
    for image in standing:
        session = _session(context, image)
        clean = to_tensor(image.unit)
        with torch.no_grad():
            value = float(margin(session.logits(clean), authentic=image.authentic))
            for _ in range(max(_LEAST_POINTS, -(-_POINTS // len(standing)))):
                unit = random_start(clean, _RADIUS, session.generator)
                change = float(margin(session.logits(unit), authentic=image.authentic)) - value
                changes.append(abs(change) / max(abs(value), 1e-12))
    mean = float(np.mean(changes)) if changes else float("inf")
    return held_if(mean <= 0.1, f"random changes of 8 of 255 greys move the loss by {mean:.1%} in the mean")


GRADIENTS = (
    Check("S10", "gradients are present", "at most 1 % are zero or not finite, at images and random starts", _present),
    Check("S11", "gradients are true", "they agree with finite differences to 0.9 at least", _true),
    Check("S15", "logits, not probabilities", "the loss is not taken from probabilities", _logits),
    Check(
        "S16",
        "the loss does not saturate",
        "two classes, and at most 1 % of random changes leave the margin exactly as it was",
        _responsive,
    ),
    Check("S17", "deterministic target", "five passes give the same logits, to 1e-4, and one score", _deterministic),
    Check(
        "S22",
        "surrogate agrees with the pipeline",
        "the labels are the same on 95 % of clean and 90 % of attacked planes",
        _surrogate_agrees,
    ),
    Check("S24", "the attack converged", "where an image stands, the last ten steps made at most 5 %", _converged),
    Check("S25", "smooth loss", "where an image stands, random changes move it by at most 10 %", _smooth),
)

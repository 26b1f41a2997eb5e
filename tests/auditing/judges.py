"""A judge without a model, for tests of everything around it: it scores a picture by its own digest."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from fusiondiff_audit.auditing.order import ModelIdentity
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.images.quality import Quality
from fusiondiff_audit.model.findings import Finding, Runtime, TileFinding, Votes
from fusiondiff_audit.model.specimens import Design, SpecimenRanks, TileFeatures
from fusiondiff_audit.policy.audit import AuditPolicy, RobustnessRequirement
from reports.arithmetic import Rank
from reports.verdict.enrolment import EnrolledSet
from reports.verdict.header import ModelHeader
from tests.reports.verdict.made import digest, rates

UNTESTED = AuditPolicy(
    robustness=RobustnessRequirement(result="optional")
)  # by which it may look, as nobody attacked it
_ENROLLED = 20  # specimens of each class
_LEAST, _MOST = 0.1, 0.9  # means of features beyond which a class is excluded
_APART = 0.5  # difference of means beyond which images do not show one specimen


class DigestJudge:
    """Half of all pictures are authentic to it; `limit` pictures on, it is interrupted.

    The one feature of a picture's one tile is its score. A specimen is authentic if the mean of its pictures' scores is
    above 0.9, a copy if it is below 0.1, and else like neither.
    """

    def __init__(self, limit: int | None = None) -> None:
        head = ModelHeader(
            name="digest",
            digest=digest("model"),
            verified=True,
            enrolled_authentic=_ENROLLED,
            enrolled_counterfeit=_ENROLLED,
            partitions=1,
            error_rates=rates(_ENROLLED),
            devices=("sem-1",),
            confounded=False,
            ratios=(),
            enrolled_tiles=(1,),
            base=None,
        )
        runtime = Runtime("cpu", "fp32", 1, 1, (("torch", "0"),))
        self.identity = ModelIdentity(head, "whatever its digest says", True, runtime)
        self.enrolled = EnrolledSet(frozenset(), frozenset())
        self.seen: list[str] = []
        self.ranked: list[tuple[str, int, bytes]] = []  # name, pictures and seed of each specimen
        self._limit = limit

    def judge_each(self, samples: Iterable[Micrograph]) -> Iterator[Finding]:
        for sample in samples:
            if self._limit is not None and len(self.seen) >= self._limit:
                raise KeyboardInterrupt
            self.seen.append(sample.name)
            authentic = int(sample.pixel_digest, 16) % 2 == 0
            score = 0.96 if authentic else 0.04
            yield Finding(
                sample.name,
                sample.digest,
                sample.pixel_digest,
                64,
                sample.claims.scale,
                Quality(0.0, 0.0, 0.5, 0.2, ()),
                (*sample.steps, "looked at its digest"),
                guessed=False,
                tiles=(TileFinding(0, 0, score, 0.5),),
                votes=Votes(0, 1) if authentic else Votes(1, 0),
                score=score,
                gate=0.5,
                features=np.array([[score]], np.float32),
            )

    def rank(self, images: Sequence[TileFeatures], name: str, seed: bytes) -> SpecimenRanks | None:
        self.ranked.append((name, len(images), seed))
        enrolled = (self.identity.model.enrolled_counterfeit, self.identity.model.enrolled_authentic)
        means = [float(image.mean()) for image in images]
        mean = sum(means) / len(means)
        fits = (mean < _LEAST, mean > _MOST)
        counterfeit, authentic = (Rank(of // 2 if fit else 0, of) for fit, of in zip(fits, enrolled, strict=True))
        several = Rank(0 if max(means) - min(means) > _APART else 9, _ENROLLED) if len(means) > 1 else None
        return SpecimenRanks(
            counterfeit=counterfeit,
            authentic=authentic,
            spread=several,
            score=mean,
            design=Design.of(map(len, images)),
            reduced=False,
            conservative=False,
        )

"""A judge without a model, for tests of everything around it: it scores a picture by its own digest."""

from collections.abc import Iterable, Iterator

from fusiondiff_audit.audit.order import ModelIdentity
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.images.quality import Quality
from fusiondiff_audit.model.calibration import Calibration
from fusiondiff_audit.model.findings import Finding, Runtime, TileFinding, Votes
from fusiondiff_audit.policy.audit import AuditPolicy, RobustnessRequirement
from reports.verdict.enrolment import EnrolledSet
from reports.verdict.header import ModelHeader
from tests.reports.verdict.made import digest, rates

UNTESTED = AuditPolicy(
    robustness=RobustnessRequirement(result="optional")
)  # by which it may look, as nobody attacked it


class DigestJudge:
    """Half of all pictures are authentic to it; `limit` pictures on, it is interrupted."""

    def __init__(self, limit: int | None = None) -> None:
        head = ModelHeader("digest", digest("model"), True, 5, 5, 19, 19, 1, rates(19))
        runtime = Runtime("cpu", "fp32", 1, 1, (("torch", "0"),))
        self.identity = ModelIdentity(head, "whatever its digest says", True, runtime)
        scores = tuple(i / 40 for i in range(19))
        self.calibration = Calibration(scores, scores, tuple(float(i) for i in range(38)), ())
        self.enrolled = EnrolledSet(frozenset(), frozenset())
        self.seen: list[str] = []
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
                tiles=(TileFinding(0, 0, score, 0.5, 1.0),),
                votes=Votes(0, 1) if authentic else Votes(1, 0),
                score=score,
                gate=0.5,
                unfamiliarity=1.0,
            )

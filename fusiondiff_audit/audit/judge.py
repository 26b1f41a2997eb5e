"""An enrolled model as the judge of an audit."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from fusiondiff_audit.audit.order import ModelIdentity
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.findings import Finding
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.model.specimens import SpecimenRanks, TileFeatures
from reports.verdict.enrolment import EnrolledSet
from reports.verdict.header import ModelHeader
from reports.verdict.model_names import display_base, display_name


class ModelJudge:
    """A model with its identity in reports by a policy's error rate, and the images and specimens of its enrolment."""

    def __init__(self, model: DiffusionModel, alpha: Fraction) -> None:
        self._model = model
        self.enrolled = enrolled_set(model.settings)
        head, settings = _head(model, alpha), model.settings
        self.identity = ModelIdentity(head, settings.reference or "", settings.demonstration, model.runtime)

    def judge_each(self, samples: Iterable[Micrograph]) -> Iterator[Finding]:
        """Yield a finding for each image, in order."""
        return self._model.judge(samples)

    def rank(self, images: Sequence[TileFeatures], name: str, seed: bytes) -> SpecimenRanks | None:
        """Return the ranks of a specimen; None from a model with too few enrolled specimens to rank any."""
        return None if self._model.head.conformal is None else self._model.rank(images, name, seed)


def enrolled_set(settings: Settings) -> EnrolledSet:
    """Return the images and specimens of a bundle's enrolment, and of its encoder's labels."""
    return EnrolledSet(
        frozenset((*(example.pixel_digest for example in settings.examples), *settings.seen)),
        frozenset(example.specimen for example in settings.examples),
    )


def _head(model: DiffusionModel, alpha: Fraction) -> ModelHeader:
    """Return what a report states of a model; its error rates are those at the error rate of a policy."""
    examples, ranks = model.settings.examples, model.settings.ranks
    authentic, counterfeit = ({e.specimen for e in examples if e.authentic is label} for label in (True, False))
    return ModelHeader(
        name=display_name(model.settings.name, model.digest),
        digest=model.digest,
        verified=model.verified,
        enrolled_authentic=len(authentic),
        enrolled_counterfeit=len(counterfeit),
        partitions=len(model.head.forests),
        error_rates=() if ranks is None else ranks.error_rates(alpha),
        devices=tuple(sorted({example.device for example in examples if example.device})),
        confounded=model.settings.confounded,
        ratios=model.settings.ratios,
        enrolled_tiles=model.head.conformal.usual.tiles if model.head.conformal else (),
        base=display_base(model.settings.base),
    )

"""A loaded model as the audit sees it: one that is enrolled, and that somebody vouches for."""

from collections.abc import Iterable, Iterator

from fusiondiff_audit.audit.compose import Looked
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.model.calibration import Calibration
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.findings import Class, Finding
from fusiondiff_audit.model.settings import Settings
from reports.arithmetic import error_bounds
from reports.verdict.enrolment import EnrolledSet
from reports.verdict.header import ERROR_RATES, ErrorRate, ModelHeader
from reports.verdict.model_names import display_base, display_name


class ModelJudge:
    """A model, what stands of it in a report, and what it was calibrated with."""

    def __init__(self, model: DiffusionModel) -> None:
        self._model = model
        self.known = model.calibration()
        self.enrolled = enrolled_set(model.settings)
        self.looked = Looked(
            _head(model, self.known), model.settings.reference or "", model.settings.demonstration, model.runtime
        )

    def judge_each(self, samples: Iterable[Micrograph]) -> Iterator[Finding]:
        """Yield a finding for each picture, as they come."""
        return self._model.judge_each(samples)


def enrolled_set(settings: Settings) -> EnrolledSet:
    """Return what a bundle was enrolled with, calibration specimens too, and what its encoder saw with labels."""
    return EnrolledSet(
        frozenset((*(example.pixel_digest for example in settings.examples), *settings.seen)),
        frozenset(example.specimen for example in settings.examples),
    )


def _head(model: DiffusionModel, known: Calibration) -> ModelHeader:
    def specimens(*, authentic: bool, calibrates: bool) -> int:
        wanted = (authentic, calibrates)
        return len({e.specimen for e in model.settings.examples if (e.authentic, e.calibrates) == wanted})

    return ModelHeader(
        name=display_name(model.settings.name, model.digest),
        base=display_base(model.settings.base),
        digest=model.digest,
        verified=model.verified,
        enrolled_authentic=specimens(authentic=True, calibrates=False),
        enrolled_counterfeit=specimens(authentic=False, calibrates=False),
        calibrated_authentic=specimens(authentic=True, calibrates=True),
        calibrated_counterfeit=specimens(authentic=False, calibrates=True),
        partitions=len(model.head.forests),
        error_rates=tuple(_rates(known)),
    )


def _rates(known: Calibration) -> Iterator[ErrorRate]:
    """Yield how often the label was wrong of specimens that nothing was learnt from, by each one's worst picture."""
    each = (known.counterfeit, known.wrong[Class.COUNTERFEIT]), (known.authentic, known.wrong[Class.AUTHENTIC])
    for what, (scores, wrong) in zip(ERROR_RATES, each, strict=True):
        if scores:
            yield ErrorRate(what, wrong, len(scores), error_bounds(wrong, len(scores)))

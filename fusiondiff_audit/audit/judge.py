"""An enrolled model as the judge of an audit."""

from collections.abc import Iterable, Iterator

from fusiondiff_audit.audit.order import ModelIdentity
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
    """A model with its identity in reports, its calibration, and the images and specimens that it was enrolled with."""

    def __init__(self, model: DiffusionModel) -> None:
        self._model = model
        self.calibration = model.calibration()
        self.enrolled = enrolled_set(model.settings)
        self.identity = ModelIdentity(
            _head(model, self.calibration), model.settings.reference or "", model.settings.demonstration, model.runtime
        )

    def judge_each(self, samples: Iterable[Micrograph]) -> Iterator[Finding]:
        """Yield a finding for each image, in order."""
        return self._model.judge(samples)


def enrolled_set(settings: Settings) -> EnrolledSet:
    """Return the images and specimens of a bundle's enrolment and calibration, and of its encoder's labels."""
    return EnrolledSet(
        frozenset((*(example.pixel_digest for example in settings.examples), *settings.seen)),
        frozenset(example.specimen for example in settings.examples),
    )


def _head(model: DiffusionModel, calibration: Calibration) -> ModelHeader:
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
        error_rates=tuple(_rates(calibration)),
    )


def _rates(calibration: Calibration) -> Iterator[ErrorRate]:
    """Yield the error rates of labels on calibration specimens, each of which counts by its worst image."""
    classes = (calibration.counterfeit, Class.COUNTERFEIT), (calibration.authentic, Class.AUTHENTIC)
    for name, (scores, label) in zip(ERROR_RATES, classes, strict=True):
        if scores:
            errors = calibration.misclassified[label]
            yield ErrorRate(name, errors, len(scores), error_bounds(errors, len(scores)))

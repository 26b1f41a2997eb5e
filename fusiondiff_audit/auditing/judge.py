"""An enrolled model as the judge of an audit."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from fusiondiff_audit.auditing.order import ModelIdentity
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.findings import Finding
from fusiondiff_audit.model.header import model_header
from fusiondiff_audit.model.specimens import SpecimenRanks, TileFeatures


class ModelJudge:
    """A model with its identity in reports by a policy's error rate, and the images and specimens of its enrolment."""

    def __init__(self, model: DiffusionModel, alpha: Fraction) -> None:
        self._model = model
        self.enrolled = model.settings.enrolled_set
        head, settings = model_header(model, alpha), model.settings
        self.identity = ModelIdentity(head, settings.reference or "", settings.demonstration, model.runtime)

    def judge_each(self, samples: Iterable[Micrograph]) -> Iterator[Finding]:
        """Yield a finding for each image, in order."""
        return self._model.judge(samples)

    def rank(self, images: Sequence[TileFeatures], name: str, seed: bytes) -> SpecimenRanks | None:
        """Return the ranks of a specimen; None from a model with too few enrolled specimens to rank any."""
        return None if self._model.head.conformal is None else self._model.rank(images, name, seed)

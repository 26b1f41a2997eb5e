"""An enrolled model's own verdicts on labelled specimens, as an audit would give them, counted for each maker.

What a policy can add, such as a needed scale, an enrolled device or a certified tolerance, is left out. The tiles that
are compared are drawn by a fixed seed, so that a repetition counts the same.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from fusiondiff_audit.inputs.labels import FileLabel
from fusiondiff_audit.model.enrolment import UNNAMED_MAKER
from fusiondiff_audit.model.header import model_header
from reports.arithmetic import error_bounds
from reports.verdict.verdicts import Evidence, Label, Verdict, VerdictRules, verdict

if TYPE_CHECKING:
    from fusiondiff_audit.model.classifier import DiffusionModel
    from fusiondiff_audit.model.inference import EmbeddedImage

EVALUATED_ALPHA = Fraction(1, 20)  # the error rate of a policy that states none
_DRAW = b"evaluate"

SpecimenProgress = Callable[[Iterable[str]], Iterable[str]]


@dataclass(frozen=True, slots=True)
class MakerVerdicts:
    """How many specimens of a maker got each verdict; those that the model was enrolled with are counted apart."""

    authentic: bool  # the label
    maker: str
    known: bool | None  # whether the model was enrolled with ware of this maker; None: its enrolment does not name all
    enrolled: int  # specimens that are none of the verdicts
    verdicts: Counter[Verdict]

    @property
    def share(self) -> float:
        """How much of the ware is AUTHENTIC."""
        return self.verdicts[Verdict.AUTHENTIC] / max(1, self.verdicts.total())

    @property
    def interval(self) -> str:
        """The 95 % interval of that share."""
        return error_bounds(self.verdicts[Verdict.AUTHENTIC], self.verdicts.total())


def maker_verdicts(
    model: "DiffusionModel",
    images: "Sequence[EmbeddedImage]",
    labels: Sequence[FileLabel],
    *,
    alpha: Fraction = EVALUATED_ALPHA,
    watch: SpecimenProgress = iter,
) -> list[MakerVerdicts]:
    """Return the verdicts of each maker's specimens: authentic ware first, then copies, the most accepted first.

    `images` and `labels` go together. A model that ranks no specimens raises AuditError.
    """
    rules = VerdictRules(alpha, least_tiles=model_header(model, alpha).least_tiles)
    shown: dict[str, list[EmbeddedImage]] = {}
    label_of: dict[str, FileLabel] = {}
    for image, label in zip(images, labels, strict=True):
        shown.setdefault(label.specimen, []).append(image)
        label_of[label.specimen] = label
    enrolled: Counter[tuple[bool, str]] = Counter()
    verdicts: dict[tuple[bool, str], Counter[Verdict]] = {}
    for specimen in watch(list(shown)):
        maker = label_of[specimen].authentic, label_of[specimen].maker or UNNAMED_MAKER
        of_maker = verdicts.setdefault(maker, Counter())
        if _was_enrolled(model, specimen, shown[specimen]):
            enrolled[maker] += 1
        else:
            of_maker[_verdict(model, specimen, shown[specimen], rules)] += 1
    rows = [
        MakerVerdicts(*maker, _is_known(model, *maker), enrolled[maker], counts) for maker, counts in verdicts.items()
    ]
    return sorted(rows, key=lambda row: (not row.authentic, -row.share, row.maker))


def _is_known(model: "DiffusionModel", authentic: bool, maker: str) -> bool | None:
    named = {example.maker for example in model.settings.examples if example.authentic is authentic}
    if maker in named:
        return True
    return None if None in named or maker == UNNAMED_MAKER else False


def _was_enrolled(model: "DiffusionModel", specimen: str, images: "Iterable[EmbeddedImage]") -> bool:
    listed = model.settings.enrolled_set
    return specimen in listed.specimens or any(
        image.micrograph.pixel_digest in listed.images or model.head.has_near_duplicate(image.fingerprint)
        for image in images
    )


def _verdict(model: "DiffusionModel", specimen: str, images: "Iterable[EmbeddedImage]", rules: VerdictRules) -> Verdict:
    features = [image.features for image in images if len(image.features) and not image.prepared.quality.faults]
    if not features:
        return Verdict.INCONCLUSIVE
    ranks = model.rank(features, specimen, _DRAW)
    evidence = Evidence(
        (Label.AUTHENTIC,),  # of the forests; it decides nothing where a policy asks for no tolerance
        ranks.authentic,
        ranks.counterfeit,
        ranks.spread,
        ranks.weakest,
        tiles=sum(ranks.design.tiles),
    )
    decided, _ = verdict(evidence, rules)
    return decided

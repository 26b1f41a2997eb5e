"""`bundle.json`: every setting that a finding depends on. Field names are its keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fusiondiff_audit.images.intensity import Intensity
from fusiondiff_audit.images.preparation import Geometry
from fusiondiff_audit.model.encoder import Architecture
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample
from reports.verdict.confounding import ImagingClaim
from reports.verdict.enrolment import EnrolledSet
from reports.verdict.enrolment_ranks import EnrolmentRanks
from reports.verdict.likelihood_ratio import CalibrationQuality, RatioCalibrator
from reports.verdict.model_names import JOINT, states_base
from signing.errors import Reason, SigningError
from signing.fields import Fields, read_json
from signing.records import OPTIONAL_FIELD, read_record, write_record
from signing.strict import is_sha256, refuse_bad_label, write_json

FORMAT = "fusiondiff-audit/bundle/v2"
MAX_SETTINGS = 64 * 1024 * 1024  # bytes; a hundred thousand examples have about 20 MB
_TOKENS = 2_000_000
# Settings of which one value is supported, which bundles have to state.
_RETIRED: Mapping[str, Mapping[str, object]] = {
    "intensity": {"clahe": 0, "clip": 2.0, "flat_field": False},
    "architecture": {"fusion": "gated"},
}
_MOST_PIXELS = 2**28  # of a micro-batch: a gigabyte of numbers, before the first layer


@dataclass(frozen=True, slots=True)
class Settings:
    """All of a bundle but its tensors."""

    name: str
    reference: str | None  # authentic as what; a bundle that is not enrolled has none
    demonstration: bool
    architecture: Architecture
    geometry: Geometry
    intensity: Intensity = field(default_factory=Intensity)
    micro_batch: int = 1
    threads: int = 2
    learning: ForestSettings | None = None
    examples: tuple[LabelledExample, ...] = ()
    ranks: EnrolmentRanks | None = None  # of its own specimens; None: too few of them
    ratios: tuple[RatioCalibrator, ...] = ()
    ratio_quality: tuple[CalibrationQuality, ...] = ()  # of each calibrator, measured by leaving out
    confounding: ImagingClaim | None = None  # whether imaging predicts the label; None: nobody checked it
    seen: tuple[str, ...] = ()  # pixel digests of all labelled images that the encoder was trained with
    base: str | None = field(default=None, metadata=OPTIONAL_FIELD)  # the bundle that it was enrolled on, if stated
    format: str = FORMAT

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if self.format != FORMAT:
            raise ValueError(f"format {self.format[:100]!a}; {FORMAT} is read")
        refuse_bad_label(self.name)
        refuse_bad_label(self.base)
        for name in filter(None, (self.name, self.base)):
            if states_base(name):
                raise ValueError(f"{name[:100]!a} holds {JOINT!r}, which says what the base is")
        pixels = self.micro_batch * self.architecture.tile**2
        if not 1 <= self.micro_batch <= 4096 or pixels > _MOST_PIXELS or not 1 <= self.threads <= 1024:
            raise ValueError(f"micro-batches of {self.micro_batch}, {self.threads} threads")
        window = self.architecture.window
        if window is not None and self.micro_batch < window.across**2:
            raise ValueError(f"micro-batches of {self.micro_batch}; a window of {window.across**2} tiles is one")
        if self.geometry.tile != self.architecture.tile:
            raise ValueError(
                f"geometry.tile is {self.geometry.tile}, architecture.tile {self.architecture.tile}; they must be equal"
            )
        enrolled = (self.learning is not None, bool(self.examples), self.reference is not None)
        if len(set(enrolled)) > 1:
            raise ValueError("a bundle is enrolled, with examples, learning and a reference, or has none of them")
        if (self.ranks is None and self.ratios) or (self.ranks is not None and not self.examples):
            raise ValueError("ranks or likelihood ratios of specimens that are not enrolled")
        if len(self.ratio_quality) != len(self.ratios) or (self.confounding is not None and not self.examples):
            raise ValueError(
                "the quality of other likelihood ratios, or the imaging of specimens that are not enrolled"
            )
        for digest in (*self.seen, *(example.pixel_digest for example in self.examples)):
            if not is_sha256(digest):
                raise ValueError(f"{digest[:100]!a} is no digest of an image")

    @property
    def enrolled_set(self) -> EnrolledSet:
        """Return the images and specimens of the enrolment, and the labelled images of the encoder's training."""
        return EnrolledSet(
            frozenset((*(example.pixel_digest for example in self.examples), *self.seen)),
            frozenset(example.specimen for example in self.examples),
        )

    @property
    def confounded(self) -> bool | None:
        """Whether facts about imaging predict the label; None if that was not checked."""
        return None if self.confounding is None else self.confounding.confounded

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> "Settings":
        """Parse verified bytes."""
        fields = read_json(data, where, limit=MAX_SETTINGS, tokens=_TOKENS)
        sections = {name: _without_retired(fields.fields(name), retired) for name, retired in _RETIRED.items()}
        return read_record(cls, Fields(fields.value | sections, where))

    def without_enrolment(self) -> "Settings":
        """Return the settings of a bundle with this encoder in which nothing is enrolled."""
        emptied = replace(self, ranks=None, ratios=(), ratio_quality=(), confounding=None)
        return replace(emptied, reference=None, learning=None, examples=())

    def to_bytes(self) -> bytes:
        """Return what `from_bytes` reads."""
        record = write_record(self)
        for name, retired in _RETIRED.items():
            record[name] |= retired
        return write_json(record)


def _without_retired(section: Fields, retired: Mapping[str, object]) -> dict[str, object]:
    """Return the settings that are still in use; a retired one that is missing or has another value is refused."""
    section.closed(*retired, optional=section.names())
    for name, supported in retired.items():
        value = section.value[name]
        if type(value) is not type(supported) or value != supported:
            fault = f"{section.where}: {name}: {str(value)[:100]!a} is no longer supported; {supported} is read"
            raise SigningError(Reason.UNSUPPORTED, fault)
    return {name: value for name, value in section.value.items() if name not in retired}

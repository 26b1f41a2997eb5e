"""Compares a report with the bundle that it names: files, settings and enrolment."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from reports.verdict.bundle_settings import BundleSettings
from reports.verdict.consistency import contradiction
from reports.verdict.enrolment import mark_enrolled
from reports.verdict.former_header import FormerModelHeader
from reports.verdict.header import Header
from reports.verdict.issue import REPORT
from reports.verdict.model_names import display_base, display_name
from reports.verdict.report import Report
from reports.verdict.versions import VersionRules, number_of, rules_of
from signing import Reason, SigningError, read_capped
from signing.fields import read_json

SETTINGS = "bundle.json"
_MAX_SETTINGS, _TOKENS = 64 * 1024 * 1024, 2_000_000  # bytes and JSON tokens of it
_Compared = tuple[str, object, object]  # the field, its value in the header, and in the bundle


def compare_model(report: Report, folder: Path) -> str:
    """Return a sentence about what was compared; refuse a report that contradicts its bundle."""
    listed = checked_files(folder, report.header.model.digest)
    files, version = f"{len(listed)} files judged", rules_of(report.header.format)
    if SETTINGS not in listed:
        if version.enrolled_are_marked:
            raise SigningError(Reason.MISSING_FILE, f"{folder}: lists no {SETTINGS}, so it is no bundle")
        return f"NOTHING BUT FILES COMPARED, as no {SETTINGS} is listed: {files}: {folder}"  # screens cut what is long
    settings = _settings(folder, listed[SETTINGS])
    for field, stated, true in _compared(report.header, settings, version):
        if stated != true:
            raise contradiction(REPORT, f"{field} is {_shown(stated)}, and {_shown(true)} by the bundle's {SETTINGS}")
    marks = _marks(report, settings, version)
    if version.enrolled_are_marked:
        return f"{files}, {marks}, and are as the header says: {folder}"
    return f"{marks}; {files}, and are as the header says: {folder}"


def checked_files(folder: Path, digest: str) -> dict[str, str]:
    """Return the SHA-256 of each file of a bundle that is known by its digest; any other bundle is refused."""
    from signing import RefusedFile, open_pinned

    listed: dict[str, str] = {}
    for file in open_pinned(folder, digest).check():
        if isinstance(file, RefusedFile):
            raise SigningError(file.reason, file.message, hint=file.hint)
        listed[file.name] = file.sha256
    return listed


def _settings(folder: Path, listed: str) -> BundleSettings:
    path = folder / SETTINGS
    data = read_capped(path, limit=_MAX_SETTINGS)
    if sha256(data).hexdigest() != listed:
        raise SigningError(Reason.DIGEST_MISMATCH, f"{path}: was changed while it was read")
    return BundleSettings.from_fields(read_json(data, str(path), limit=_MAX_SETTINGS, tokens=_TOKENS))


def _compared(header: Header, settings: BundleSettings, version: VersionRules) -> Iterator[_Compared]:
    """Yield each field that the header's version has, as the header and as the bundle state it."""
    model = header.model
    name = display_name(settings.name, model.digest)
    older = not version.names_are_reserved and model.name == settings.name  # it may lack the word `another`
    yield "the model's name", model.name, settings.name if older else name
    if version.names_are_reserved:
        yield "the model's base", model.base, display_base(settings.base)
    yield "the reference", header.reference, settings.reference
    yield "demonstration", header.demonstration, settings.demonstration
    for kind, stated in (("authentic", model.enrolled_authentic), ("counterfeit", model.enrolled_counterfeit)):
        yield f"enrolled_{kind}", stated, settings.count(authentic=kind == "authentic")
    if version.partitions_are_stated:
        yield "the number of partitions", model.partitions, settings.partitions
    if isinstance(model, FormerModelHeader):
        yield from _calibration_compared(model, settings, version)
    else:
        yield from _claims_compared(header, settings)


def _claims_compared(header: Header, settings: BundleSettings) -> Iterator[_Compared]:
    """Yield what a bundle states of its enrolment; its error rates follow from its ranks and the policy."""
    model, alpha = header.model, header.policy.rate
    yield "the enrolled devices", model.devices, settings.devices
    yield "confounded", model.confounded, settings.confounded
    pairs = (model.error_rates, settings.error_rates(alpha))
    stated, own = ({rate.what: f"{rate.errors} of {rate.of}" for rate in rates} for rates in pairs)
    for what in sorted(stated.keys() | own.keys()):
        yield f"the error rate `{what}`", stated.get(what), own.get(what)
    yield "its likelihood ratios", model.ratios, settings.ratios
    yield "whether it ranks specimens", bool(model.enrolled_tiles), settings.ranks is not None


def _calibration_compared(
    model: FormerModelHeader, settings: BundleSettings, version: VersionRules
) -> Iterator[_Compared]:
    for kind, calibrated in (("authentic", model.calibrated_authentic), ("counterfeit", model.calibrated_counterfeit)):
        yield f"calibrated_{kind}", calibrated, settings.count(authentic=kind == "authentic", calibrates=True)
    if version.rates_are_known:
        stated_rates, rated = {rate.what: rate.of for rate in model.error_rates}, settings.rated()
        for rate in sorted(stated_rates.keys() | rated.keys()):
            yield f"the number of specimens of the error rate `{rate}`", stated_rates.get(rate), rated.get(rate)


def _marks(report: Report, settings: BundleSettings, version: VersionRules) -> str:
    """Refuse rows whose marks differ from the bundle's enrolment; return a sentence.

    Rows of versions before 3 have no marks, so the sentence counts the images that would have one.
    """
    marked = mark_enrolled(report.images, settings.enrolled)
    if not version.enrolled_are_marked:
        number = sum(row.enrolled is not None for row in marked)
        if not number:
            return "no image was among those enrolled"
        warning = f"{number:,} IMAGE{'' if number == 1 else 'S'} OF ENROLLED SPECIMENS, whose verdicts are no evidence"
        return f"{warning} (version {number_of(report.header.format)} has no marks)"
    for row, mark in zip(report.images, marked, strict=True):
        if row.enrolled is not mark.enrolled:
            message = f"{row.name!a} {'was' if mark.enrolled else 'was not'} among what the bundle was enrolled with"
            raise contradiction(REPORT, message)
    return "were enrolled with those images alone that are marked"


def _shown(value: object) -> str:
    return "not stated" if value is None else f"{value[:100]!a}" if isinstance(value, str) else str(value)[:100].lower()

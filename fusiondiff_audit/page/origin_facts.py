"""How a report was made: digests, keys, versions and times as they are signed."""

from collections.abc import Iterator
from dataclasses import dataclass

from fusiondiff_audit import __version__
from fusiondiff_audit.page.language import Catalogue
from reports.verdict.former_header import FormerHeader
from reports.verdict.header import Header


@dataclass(frozen=True, slots=True)
class PageFact:
    """A line of a list of facts; the label of one that goes on is empty. `code` is for machines, and stands behind."""

    label: str
    text: str
    code: str = ""


def origin_facts(header: Header, stress: str, catalogue: Catalogue) -> Iterator[PageFact]:
    """Yield the facts in the order of the page."""
    t, batch, run, trust = catalogue.text, header.batch, header.run, header.trust
    expires = catalogue.moment(trust.expires)
    computed = {"device": run.device, "precision": run.precision, "batch": run.micro_batch, "threads": run.threads}
    libraries = ", ".join(f"{library.name} {library.version}" for library in run.libraries)
    yield PageFact(t("origin.report"), "", f"{header.id}, {header.format}")
    yield PageFact(t("origin.issued"), "", header.issued)
    yield PageFact(t("origin.key"), header.auditor.principal, _digest(header.auditor.keyid))
    yield PageFact(t("origin.model"), header.model.title, _digest(header.model.digest))
    yield PageFact(t("origin.enrolled"), _enrolled(header, catalogue))
    if header.robustness is not None:
        yield PageFact(t("origin.stress"), stress, _digest(header.robustness.digest))
    yield PageFact(t("origin.policy"), header.policy.name, _digest(header.policy.digest))
    yield PageFact(t("origin.manifest"), "", _digest(batch.payload))
    yield PageFact(t("origin.captured"), "", batch.captured)
    yield PageFact(t("origin.device_key"), batch.signer.principal, _digest(batch.signer.keyid))
    stated = t("origin.trust_text", version=trust.version, expires=expires)
    yield PageFact(t("origin.trust"), stated, _digest(trust.fingerprint))
    yield PageFact(t("origin.computed"), t("origin.computed_text", **computed))
    yield PageFact(t("origin.libraries"), libraries)
    yield PageFact(t("origin.code"), "" if run.released else t("origin.unreleased"), _digest(run.code))
    yield PageFact(t("origin.page"), f"fusiondiff-audit {__version__}")


def _enrolled(header: Header, catalogue: Catalogue) -> str:
    model = header.model
    enrolled = {"authentic": model.enrolled_authentic, "counterfeit": model.enrolled_counterfeit}
    text = catalogue.text("origin.enrolled_text", **enrolled)
    if not isinstance(header, FormerHeader):
        return text
    calibrated = {"authentic": header.model.calibrated_authentic, "counterfeit": header.model.calibrated_counterfeit}
    return f"{text}; {catalogue.text('origin.calibrated_text', **calibrated)}"


def _digest(digest: str) -> str:
    return f"sha256:{digest}"

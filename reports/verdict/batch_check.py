"""A report against the signed folder that it is of: its manifest, its signer, and every image that was judged."""

import os
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from reports.verdict.consistency import contradiction
from reports.verdict.header import BatchHeader
from reports.verdict.issue import REPORT
from reports.verdict.report import Report
from signing import SECOND_NAME, Reason, Role, Signer, SigningError, TrustStore, write_time
from signing.bundle import Bundle, bundle_limit, unseal
from signing.folder import Reader
from signing.manifest import MANIFEST_NAME, MAX_FILE, MAX_MANIFEST, Kind, Manifest


def compare_batch(report: Report, folder: Path, trust: TrustStore, auditor: Signer) -> str:
    """Compare every image that was judged with a file of its name, and the manifest with the one that was audited.

    Where a timestamp proves when the auditor signed, the batch is no younger.
    """
    reader, said = Reader(folder), report.header.batch
    bundle = Bundle.from_bytes(
        reader.read(MANIFEST_NAME, limit=bundle_limit(MAX_MANIFEST)), MANIFEST_NAME, payload_limit=MAX_MANIFEST
    )
    if (digest := sha256(bundle.envelope.payload).hexdigest()) != said.payload:
        what = f"its manifest is sha256:{digest}, the report is of sha256:{said.payload}"
        raise SigningError(Reason.DIGEST_MISMATCH, f"{folder}: {what}")
    manifest = Manifest.from_payload(bundle.envelope.payload, MANIFEST_NAME)
    if said.second and not os.path.lexists(folder / SECOND_NAME):
        raise contradiction(REPORT, f"says that it saw a second signature of the batch, and {folder} has none")
    signer = _refuse_other_batch(said, manifest, bundle, trust, auditor.time if auditor.proven else None)
    signed = {file.name: file for file in manifest.files}
    images = [file.name for file in manifest.files if file.kind is Kind.IMAGE][: report.header.run.limit]
    if lost := set(images) - {row.name for row in report.images}:
        raise contradiction(REPORT, f"says nothing of {min(lost)!a}, an image of the batch")
    if more := {row.name for row in report.images if row.judged is not None} - set(images):
        raise contradiction(REPORT, f"judges {min(more)!a}, which is none of the images that were asked for")
    for row in report.images:
        entry = signed.get(row.name)
        if row.sha256 is not None and (entry is None or (row.sha256, row.specimen) != (entry.sha256, entry.specimen)):
            raise contradiction(REPORT, f"says of {row.name!a} what the batch's manifest does not")
    judged = [row for row in report.images if row.judged is not None]
    for row in judged:
        digest, _ = reader.digest(row.name, limit=MAX_FILE)
        if digest != row.sha256:
            what = f"{row.name!a}: is sha256:{digest}, the report is of sha256:{row.sha256}"
            raise SigningError(Reason.DIGEST_MISMATCH, what)
    refused = len(images) - len({row.name for row in judged} & set(images))
    rest = f", {refused:,} that were refused are not compared" if refused else ""
    second = ", the second signature is not checked here" if said.second else ""
    return f"the manifest and {len(judged):,} images are those that were judged{rest}; {signer}{second}"


def _refuse_other_batch(
    said: BatchHeader, manifest: Manifest, bundle: Bundle, trust: TrustStore, seen: datetime | None
) -> str:
    """Refuse a header that says of a batch what its manifest does not, and say who signed that, for all we know."""
    theirs = (said.device, said.lab, said.captured, said.sequence, said.nonce, said.files)
    captured, sequence = write_time(manifest.captured), str(manifest.sequence)
    if theirs != (manifest.device, manifest.lab, captured, sequence, manifest.nonce, len(manifest.files)):
        raise contradiction(REPORT, "says of the batch what its manifest does not")
    if bundle.envelope.signatures[0].keyid != said.signer.keyid:
        raise contradiction(REPORT, "names another signer of the batch than its manifest does")
    try:
        opened = unseal(bundle, MANIFEST_NAME, trust=trust, roles=(Role.DEVICE,))
    except SigningError as e:
        if e.reason is not Reason.UNKNOWN_KEY:  # whoever checks a report may know its auditor alone
            raise
        return "their signer is not in this trust store, and named by the auditor alone"
    signer = trust.judge(opened.entry, manifest.issued, MANIFEST_NAME, proven=opened.proven or seen)
    return f"signed by {signer.principal!r}, listed as {signer.role}"

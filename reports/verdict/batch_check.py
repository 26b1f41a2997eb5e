"""Compares a report with the signed folder that was audited: its manifest, its signer, and every judged image."""

import json
import os
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from reports.verdict.consistency import contradiction
from reports.verdict.header import BatchHeader
from reports.verdict.issue import REPORT
from reports.verdict.report import Report
from signing import SECOND_NAME, Reason, Role, Signer, SigningError, TrustStore, write_time
from signing.folder import Reader
from signing.manifest import MANIFEST_NAME, MAX_MANIFEST, MAX_SIGNED_FILE, FileKind, Manifest
from signing.sigstore_bundle import SigstoreBundle, bundle_limit, verify_bundle


def batch_facts(manifest: Manifest) -> dict[str, Any]:
    """Return what the header of a report restates of its batch's manifest: every field that both have."""
    shared = {name: getattr(manifest, name) for name in BatchHeader.__slots__ if name in Manifest.__slots__}
    return shared | {
        "captured": write_time(manifest.captured),
        "sequence": str(manifest.sequence),
        "files": len(manifest.files),
    }


def compare_batch(report: Report, folder: Path, trust: TrustStore, auditor: Signer) -> str:
    """Compare the manifest with the audited one, and every judged image with the file of its name; return a sentence.

    Where a timestamp proves when the auditor signed, the batch must not be younger.
    """
    reader, header = Reader(folder), report.header.batch
    bundle = SigstoreBundle.from_bytes(
        reader.read(MANIFEST_NAME, limit=bundle_limit(MAX_MANIFEST)), MANIFEST_NAME, payload_limit=MAX_MANIFEST
    )
    if (digest := sha256(bundle.envelope.payload).hexdigest()) != header.payload:
        message = f"its manifest is sha256:{digest}, the report is of sha256:{header.payload}"
        raise SigningError(Reason.DIGEST_MISMATCH, f"{folder}: {message}")
    manifest = Manifest.from_payload(bundle.envelope.payload, MANIFEST_NAME)
    if header.second and not os.path.lexists(folder / SECOND_NAME):
        raise contradiction(REPORT, f"states a second signature of the batch, and {folder} has none")
    signer = _refuse_other_batch(report, manifest, bundle, trust, auditor.time if auditor.proven else None)
    signed = {file.name: file for file in manifest.files}
    images = [file.name for file in manifest.files if file.kind is FileKind.IMAGE][: report.header.run.limit]
    if missing := set(images) - {row.name for row in report.images}:
        raise contradiction(REPORT, f"has no row of {min(missing)!a}, an image of the batch")
    if unasked := {row.name for row in report.images if row.judged is not None} - set(images):
        raise contradiction(REPORT, f"judges {min(unasked)!a}, which is none of the images that were to be judged")
    for row in report.images:
        entry = signed.get(row.name)
        if row.sha256 is not None and (entry is None or (row.sha256, row.specimen) != (entry.sha256, entry.specimen)):
            raise contradiction(REPORT, f"states of {row.name!a} what the batch's manifest does not")
    judged = [row for row in report.images if row.judged is not None]
    for row in judged:
        digest, _ = reader.digest(row.name, limit=MAX_SIGNED_FILE)
        if digest != row.sha256:
            message = f"{row.name!a}: is sha256:{digest}, the report is of sha256:{row.sha256}"
            raise SigningError(Reason.DIGEST_MISMATCH, message)
    refused = len(images) - len({row.name for row in judged} & set(images))
    uncompared = f", {refused:,} that were refused are not compared" if refused else ""
    second = ", the second signature is not checked here" if header.second else ""
    return f"the manifest and {len(judged):,} images are those that were judged{uncompared}; {signer}{second}"


def _refuse_other_batch(
    report: Report, manifest: Manifest, bundle: SigstoreBundle, trust: TrustStore, report_signed: datetime | None
) -> str:
    """Refuse a header that differs from the batch's manifest; return who signed that, as far as it is known."""
    facts, stated = batch_facts(manifest), json.loads(report.texts[0])["batch"]
    if any(stated[name] != facts[name] for name in facts.keys() & stated.keys()):  # older versions have fewer fields
        raise contradiction(REPORT, "states of the batch what its manifest does not")
    if bundle.envelope.signatures[0].keyid != report.header.batch.signer.keyid:
        raise contradiction(REPORT, "names another signer of the batch than its manifest does")
    try:
        opened = verify_bundle(bundle, MANIFEST_NAME, trust=trust, roles=(Role.DEVICE,))
    except SigningError as e:
        if e.reason is not Reason.UNKNOWN_KEY:  # whoever checks a report may know its auditor alone
            raise
        return "their signer is not in this trust store, and named by the auditor alone"
    signer = trust.judge(opened.entry, manifest.issued, MANIFEST_NAME, proven=opened.proven or report_signed)
    return f"signed by {signer.principal!r}, listed as {signer.role}"

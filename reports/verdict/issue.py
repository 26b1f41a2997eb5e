"""A report's files: the signed statement, the signed head of its tree, and a summary for policy engines."""

from reports.verdict.consistency import refuse_contradiction
from reports.verdict.report import BATCH, Report
from reports.verdict.verdicts import Verdict
from signing import Checkpoint, PrivateKey, Reason, SigningError, sign_checkpoint
from signing.keys import Algorithm
from signing.sigstore_bundle import sign_payload
from signing.statement import Subject, write_statement

REPORT, CHECKPOINT, SUMMARY = "report.sigstore.json", "report.checkpoint", "vsa.sigstore.json"
REPORT_PAGE, JOURNAL = "report.html", "journal.sqlite"  # beside the signed files: for people, and for a resumed run
SUMMARY_TYPE = "https://slsa.dev/verification_summary/v1"
VERIFIER = "https://fusiondiff-audit/verifier/v1"  # a name, not an address
_LEVEL = "FUSIONDIFF_AUTHENTIC"


def refuse_unfit_key(key: PrivateKey) -> None:
    """Refuse a key that cannot sign a report and the head of its tree, before the work whose result it would sign."""
    if key.public.algorithm is not Algorithm.ED25519:
        hint = "`fusiondiff-audit keygen --role auditor` makes one"
        raise SigningError(
            Reason.UNSUPPORTED, f"reports are signed with Ed25519, not {key.public.algorithm}", hint=hint
        )


def issue(report: Report, key: PrivateKey) -> dict[str, bytes]:
    """Sign a report, and return the files' bytes by their names."""
    refuse_unfit_key(key)
    report.refuse_misread(REPORT)
    refuse_contradiction(report, REPORT)
    head = Checkpoint(report.origin, len(report.tree), report.tree.root())
    return {
        REPORT: sign_payload(report.to_payload(), key),
        CHECKPOINT: sign_checkpoint(head, key),
        SUMMARY: sign_payload(verification_summary(report), key),
    }


def verification_summary(report: Report) -> bytes:
    """Return the statement of SLSA's verification summary: PASSED only if every image was judged and is AUTHENTIC.

    An image that was left out of its specimen's evidence passes nothing, and the summary of a demonstration neither.
    """
    header = report.header
    passed = header.run.limit is None and header.model.verified and not header.demonstration and bool(report.images)
    passed = passed and all(row.verdict is Verdict.AUTHENTIC and row.judged is not None for row in report.images)
    subjects = tuple(Subject(row.name, row.sha256) for row in report.images if row.sha256)
    batch = Subject(BATCH, header.batch.payload)
    inputs = (("batch", header.batch.payload), ("model", header.model.digest))
    predicate: dict[str, object] = {
        "verifier": {"id": VERIFIER},
        "timeVerified": header.issued,
        "resourceUri": f"urn:fusiondiff-audit:batch:{header.batch.payload}",
        "policy": {
            "uri": f"urn:fusiondiff-audit:policy:{header.policy.digest}",
            "digest": {"sha256": header.policy.digest},
        },
        "inputAttestations": [
            {"uri": f"urn:fusiondiff-audit:{kind}:{digest}", "digest": {"sha256": digest}} for kind, digest in inputs
        ],
        "verificationResult": "PASSED" if passed else "FAILED",
        "verifiedLevels": [_LEVEL] if passed else ["FAILED"],
    }
    return write_statement(subjects or (batch,), SUMMARY_TYPE, predicate)

"""An audit in Python, by the same functions as the verb `audit`."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import signing
from fusiondiff_audit.auditing.auditor import Auditor
from fusiondiff_audit.auditing.batch_audit import AuditRequest, read_inputs
from fusiondiff_audit.interface.signed_report import SignedReport, verify
from fusiondiff_audit.page.language import Language
from reports.verdict.rows import ImageRow

AnyPath = str | os.PathLike[str]


def audit(
    folder: AnyPath,
    *,
    model: AnyPath,
    key: AnyPath | signing.PrivateKey,
    trust: signing.TrustStore,
    out: AnyPath,
    ledger: AnyPath | None,
    policy: AnyPath | None = None,
    robustness: AnyPath | None = None,
    certificates: tuple[str, ...] = (),
    device: str = "cpu",
    passphrase: bytes | None = None,
    resume: bool = False,
    again: str | None = None,
    limit: int | None = None,
    language: str = Language.ENGLISH,
) -> SignedReport:
    """Audit a signed batch into the new folder `out`, and return the report, verified.

    Arguments mean what the options of `fusiondiff-audit audit` mean. `ledger=None` is said aloud: the report then
    states that replay was not checked.
    """
    request = AuditRequest(
        folder=Path(folder),
        model=os.fspath(model),
        out=Path(out),
        policy=_path(policy),
        robustness=_path(robustness),
        ledger=_path(ledger),
        certificates=certificates,
        device=device,
        resume=resume,
        again=again,
        limit=limit,
        language=Language(language),
    )
    loaded = key if isinstance(key, signing.PrivateKey) else _load(Path(key), passphrase)
    where = "the auditor's key" if isinstance(key, signing.PrivateKey) else os.fspath(key)
    inputs = read_inputs(request, Auditor.of(loaded, trust, where), trust)
    from fusiondiff_audit.auditing.batch_run import audit_batch

    audit_batch(inputs, watch=_unwatched)
    return verify(out, trust=trust)


def _path(path: AnyPath | None) -> Path | None:
    return None if path is None else Path(path)


def _load(path: Path, passphrase: bytes | None) -> signing.PrivateKey:
    def given() -> bytes:
        if passphrase is None:
            raise signing.SigningError(signing.Reason.BAD_PASSPHRASE, f"{path}: encrypted; give passphrase=...")
        return passphrase

    return signing.load_key(path, passphrase=given)


def _unwatched(rows: Iterator[ImageRow], total: int) -> Iterable[ImageRow]:
    return rows

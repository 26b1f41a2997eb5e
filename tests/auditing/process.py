"""An audit as a process of its own, with a judge that is no model, for tests that kill it or fill its disk.

    python -m tests.auditing.process HOME OUT [REPORT]

audits the batch of HOME, which `setup` made, or repeats the audit of REPORT. OUT.looked lists the images that were
looked at, one name a line.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tifffile

import signing
from fusiondiff_audit.auditing.order import AuditOrder
from fusiondiff_audit.auditing.repeat import Repetition
from fusiondiff_audit.auditing.run import repeat, run_audit
from fusiondiff_audit.cli.failure import explain
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.inputs.folders import folder_if_filled
from fusiondiff_audit.ledger import CheckpointKeys, Ledger
from fusiondiff_audit.model.findings import Finding
from fusiondiff_audit.origin import Origin
from reports.identity import Key
from reports.verdict.issue import REPORT
from reports.verdict.report import MAX_PAYLOAD, Report
from reports.verdict.rows import ImageRow
from signing.sigstore_bundle import SigstoreBundle
from tests.auditing.judges import UNTESTED, DigestJudge
from tests.conftest import NOW, entry, make_trust, sign
from tests.reports.verdict.made import digest


class NotingJudge(DigestJudge):
    """Notes what it looks at, before it does."""

    def __init__(self, notes: Path) -> None:
        super().__init__()
        self._notes = notes

    def judge_each(self, samples: Iterable[Micrograph]) -> Iterator[Finding]:
        for sample in samples:
            with self._notes.open("a") as file:
                file.write(f"{sample.name}\n")
            yield from super().judge_each([sample])


def setup(home: Path, count: int) -> None:
    """Make keys, a trust store and a signed batch."""
    home.mkdir()
    root, device, auditor = (signing.PrivateKey.generate(signing.Algorithm.ED25519) for _ in range(3))
    signing.write_key(auditor, home / "auditor.pem", passphrase=None)
    roles = {signing.Role.DEVICE: device, signing.Role.AUDITOR: auditor}
    trust = make_trust(root, tuple(entry(key, role, f"{role}-1") for role, key in roles.items()))
    (home / "trust.json").write_bytes(trust.to_bytes())
    batch = home / "batch"
    batch.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 255, (24, 24)).astype(np.uint8)
        tifffile.imwrite(batch / f"{number:04d}.tif", pixels)
    sign(batch, device)


def read(folder: Path) -> Report:
    """Return what a report says."""
    bundle = SigstoreBundle.from_bytes((folder / REPORT).read_bytes(), "", payload_limit=MAX_PAYLOAD)
    return Report.from_payload(bundle.envelope.payload, "")


def walk(home: Path, out: Path, *, first: Path | None) -> None:
    """Audit the batch, or go on with it."""
    trust = signing.load_trust(home / "trust.json", at=NOW)
    key = signing.load_key(home / "auditor.pem", passphrase=bytes)
    signer = next(e for e in trust.root.entries if e.role is signing.Role.AUDITOR)
    batch = signing.open_batch(home / "batch", trust=trust)
    order = AuditOrder(
        batch, trust, Key(signer.principal, signer.keyid), UNTESTED, Origin("0", digest("code"), released=False), out
    )
    print("begun", flush=True)
    judge = NotingJudge(out.with_suffix(".looked"))
    if first is not None:
        with folder_if_filled(out):
            repeat(Repetition.of(read(first), trust), order, judge, key=key, watch=quietly)
        return
    with (
        folder_if_filled(out),
        Ledger(home / "ledger", key=key, keys=CheckpointKeys.of_auditors(trust), clock=lambda: NOW) as book,
    ):
        run_audit(order, judge, key=key, ledger=book, watch=quietly)


def quietly(rows: Iterator[ImageRow], total: int) -> Iterable[ImageRow]:
    """Watch nothing."""
    return rows


def main() -> None:
    """Do what the words say; a failure ends as the command line ends it."""
    vars(signing)["now"] = lambda: NOW  # the moment of all that tests sign
    home, out, *first = map(Path, sys.argv[1:])
    try:
        walk(home, out, first=first[0] if first else None)
    except Exception as e:
        failure = explain(e)
        print(failure.reason, failure.sentence, *failure.hints, sep="\n", file=sys.stderr)
        sys.exit(failure.code)


if __name__ == "__main__":
    main()

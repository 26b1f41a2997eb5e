"""Makes the vector of a format version, once: `python -m tests.vectors.reports.make FOLDER`.

Its keys are made here and forgotten, so no second run gives the same bytes.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile

import signing
from fusiondiff_audit.audit import audit
from fusiondiff_audit.compose import Order
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.journal import JOURNAL
from fusiondiff_audit.ledger import Keys, Ledger
from fusiondiff_audit.model.findings import Finding
from fusiondiff_audit.origin import Origin
from reports.arithmetic import error_bounds
from reports.excerpt import excerpt
from reports.header import ErrorRate, Key
from reports.issue import CHECKPOINT, REPORT
from signing import Algorithm, Claim, PrivateKey, Role
from signing.manifest import Kind
from tests.audit_walk import quietly
from tests.authority import Authority
from tests.conftest import YEAR, entry, make_trust, sign
from tests.judges import UNTESTED, DigestJudge
from tests.reports.made import digest

HOUR = timedelta(hours=1)


class Moody(DigestJudge):
    """Finds one picture strange and cannot decide on another, so that every verdict stands in the vector."""

    def __init__(self) -> None:
        super().__init__()
        rate = ErrorRate("counterfeit specimens called authentic", 1, 19, error_bounds(1, 19))
        self.looked = replace(self.looked, model=replace(self.looked.model, error_rates=(rate,)))

    def judge_each(self, samples: Iterable[Micrograph]) -> Iterator[Finding]:
        for found in super().judge_each(samples):
            if found.name == "tile-08.tif":
                yield replace(found, unfamiliarity=1000.0)
            elif found.name == "tile-09.tif":
                yield replace(found, score=0.5)
            else:
                yield found


def pictures(folder: Path) -> dict[str, Claim]:
    """Write twelve pictures, one of which is none, and return what is said of them."""
    folder.mkdir()
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 255, (24, 24)).astype(np.uint8)
        tifffile.imwrite(folder / f"tile-{number:02d}.tif", pixels)
    (folder / "tile-10.tif").write_bytes(b"II*\0 no picture")
    return {f"tile-{n:02d}.tif": Claim(Kind.IMAGE, f"sherd {min(n // 2, 4 + n % 2)}", None) for n in range(12)}


def main(folder: Path) -> None:
    """Sign a batch, harm it, audit it, have the report stamped, and cut an excerpt."""
    folder.mkdir()
    moment = signing.now()
    root, device, auditor = (PrivateKey.generate(Algorithm.ED25519) for _ in range(3))
    with TemporaryDirectory() as scratch:
        authority = Authority(Path(scratch) / "authority")
        window = signing.Window(moment - HOUR, moment + 20 * YEAR)
        keys = (
            entry(device, Role.DEVICE, "sem-1", until=moment + HOUR),
            entry(auditor, Role.AUDITOR, "J. Doe", until=moment + HOUR),  # without its timestamp it counts an hour
            signing.new_entry(Role.TIMESTAMP, authority.ca, principal="tsa", window=window),
        )
        trust = replace(make_trust(root, keys), at=moment)
        (folder / "trust.json").write_bytes(trust.to_bytes())
        batch = folder / "batch"
        claims = pictures(batch)
        sign(batch, device, claims=claims, captured=moment, issued=moment, valid_for=YEAR)
        (batch / "tile-11.tif").write_bytes(b"another")
        (batch / "stranger.tif").write_bytes(b"not signed")
        order = Order(
            signing.open_batch(batch, trust=trust),
            trust,
            Key("J. Doe", auditor.public.keyid),
            UNTESTED,
            Origin("0", digest("code"), released=False),
            folder,
        )
        with Ledger(Path(scratch) / "ledger", key=auditor, keys=Keys.of_auditors(trust), clock=lambda: moment) as book:
            done = audit(order, Moody(), key=auditor, ledger=book, watch=quietly)
        token = Path(scratch) / "answer.tsr"
        token.write_bytes(authority.stamp(signing.stamp_query(folder / REPORT)))
        signing.attach_token(folder / REPORT, token, trust=trust)
    (folder / JOURNAL).unlink()
    note = (folder / CHECKPOINT).read_bytes()
    (folder / "excerpt.json").write_bytes(excerpt(done.report, note, "tile-00.tif"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

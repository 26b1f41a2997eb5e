"""A report and the signed folder that was audited: the page's modules answer as `verify --images` does."""

import base64
import copy
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from reports.identity import Key
from reports.verdict.batch_check import batch_facts
from reports.verdict.header import BatchHeader
from reports.verdict.issue import REPORT
from reports.verdict.report import Report
from reports.verdict.verification import verify_report
from signing import MANIFEST_NAME, SECOND_NAME, Claim, FileKind, Manifest, SigningError, drop_tokens, load_trust
from signing.sigstore_bundle import sign_payload
from signing.strict import write_json
from tests.conftest import NOW, sign
from tests.page.test_verifier_modules import Case, compared, stored
from tests.reports.verdict.made import redecided, report
from tests.reports.verdict.test_forged import AUDITOR, DEVICE, STRANGER, TRUST
from tests.reports.verdict.test_vectors import VECTORS, payload_of

pytestmark = pytest.mark.outside
SIZE = int(os.environ.get("FUSIONDIFF_MUTATIONS", "150"))


@dataclass(frozen=True)
class BatchCase(Case):
    """A report with the folder of its batch."""

    batch: Path

    def expected(self) -> tuple[str, str | None]:
        try:
            store = load_trust(self.trust, at=self.at, root=self.pin)
            verify_report(self.path, trust=store, images=self.batch)
        except SigningError as e:
            return "REFUSED", e.reason.value
        return "PASSED", None

    def line(self) -> str:
        return json.dumps(json.loads(Case.line(self)) | {"batch": str(self.batch)})


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """Return a signed folder of the files that the made reports are of."""
    folder, made = tmp_path / "batch", report(AUDITOR.public)
    folder.mkdir()
    for row in made.images:
        (folder / row.name).write_bytes(row.name.encode())
    (folder / "notes.txt").write_bytes(b"notes")
    claims = {row.name: Claim(FileKind.IMAGE, row.specimen, None) for row in made.images}
    sign(folder, DEVICE, claims=claims)
    return folder


def payload_of_batch(folder: Path) -> bytes:
    return base64.b64decode(json.loads((folder / MANIFEST_NAME).read_bytes())["dsseEnvelope"]["payload"])


def audited(folder: Path, payload: bytes, keyid: str, name: str, **changes: Any) -> Path:
    """Write the report of a batch, whatever its manifest is; `changes` are of what the header states of it."""
    made = report(AUDITOR.public)
    facts = batch_facts(Manifest.from_payload(payload_of_batch(folder), MANIFEST_NAME))
    digest = sha256(payload).hexdigest()
    stated = BatchHeader(payload=digest, signer=Key("sem-1", keyid), second=False, **facts)
    said = redecided(made, made.images, batch=replace(stated, **changes))
    out = folder.parent / name
    out.mkdir()
    (out / REPORT).write_bytes(sign_payload(said.to_payload(), AUDITOR))
    return out


HARMS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda folder: None,
    "an image is gone": lambda folder: (folder / "tile-000000.tif").unlink(),
    "a refused image is gone": lambda folder: (folder / "tile-000007.tif").unlink(),
    "an image is another": lambda folder: (folder / "tile-000000.tif").write_bytes(b"another"),
    "a refused image is another": lambda folder: (folder / "tile-000007.tif").write_bytes(b"another"),
    "a file more": lambda folder: (folder / "more.tif").write_bytes(b"more"),
    "another manifest": lambda folder: sign(folder, DEVICE, force=True, sequence=8),
    "another signer": lambda folder: sign_again(folder, STRANGER),
    "an auditor as the signer": lambda folder: sign_again(folder, AUDITOR),
    "a second signature": lambda folder: (folder / SECOND_NAME).write_bytes(b"{}"),
    "a manifest that is none": lambda folder: (folder / MANIFEST_NAME).write_bytes(b"{}"),
}


OTHER_FACTS: dict[str, dict[str, Any]] = {"": {}, "second": {"second": True}, "device": {"device": "sem-2"}}


def sign_again(folder: Path, key: Any) -> None:
    (folder / MANIFEST_NAME).write_bytes(sign_payload(payload_of_batch(folder), key))


def test_a_folder_that_was_changed(tmp_path: Path, batch: Path) -> None:
    trust, payload, cases = stored(tmp_path), payload_of_batch(batch), {}
    for number, (name, harm) in enumerate(HARMS.items()):
        folder = shutil.copytree(batch, tmp_path / f"batch {number}")
        harm(folder)
        for of, key in (("device", DEVICE), ("stranger", STRANGER), ("auditor", AUDITOR)):
            for what, changes in OTHER_FACTS.items():
                out = audited(batch, payload, key.public.keyid, f"out {number} {of} {what}", **changes)
                cases[f"{name}, of {of} {what}"] = BatchCase(out, trust, TRUST.fingerprint, NOW, folder)
    found = compared(cases)
    assert found["PASSED"] > 5
    assert found["REFUSED"] > 50
    assert "INCONCLUSIVE" not in found


VALUES: tuple[Any, ...] = (
    *(None, 1, 0, -1, 2**63, 1.5, "", "x", " x", "image", "other", "sherd 1", [], {}, 64 * "0", "a\u200b", 300 * "x"),
    *("2026-11-21T12:00:00Z", {"value": "12.5", "unit": "nm"}, {"value": "0", "unit": "nm"}),
)
NAMES = ("../x", "TILE-000000.TIF", "a/b.tif", "con.tif", "notes.txt", "\u00e9.tif", "tile-000001.tif/x", MANIFEST_NAME)


def harmed(statement: dict[str, Any], chance: random.Random) -> str:
    """Change a field of a manifest's statement, and return what was done."""
    predicate = statement["predicate"]
    place = chance.randrange(len(predicate["files"]))
    file, subject = predicate["files"][place], statement["subject"][place]
    holder = chance.choice((statement, predicate, predicate, file, file, subject, subject["digest"]))
    name = chance.choice([*holder, "added"])
    if name == "name" and chance.random() < 0.7:
        file["name"] = subject["name"] = chance.choice(NAMES)
        return f"the name {file['name']!a}"
    if chance.random() < 0.1 and name in holder:
        del holder[name]
        return f"without {name}"
    value = holder.get(name)
    pool = [each for each in VALUES if type(each) is type(value)] if chance.random() < 0.6 else []
    holder[name] = chance.choice(pool or VALUES)
    return f"{name} = {holder[name]!a}"[:200]


def lengths(statement: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield statements with a subject or a file more or fewer."""
    for part in ("subject", "files"):
        for number in (0, -1, 1):
            changed = copy.deepcopy(statement)
            holder = changed if part == "subject" else changed["predicate"]
            holder[part] = holder[part][:number] if number < 1 else [*holder[part], holder[part][0]]
            yield f"{part}: {number}", changed


def test_manifests_that_are_changed_and_signed_anew(tmp_path: Path, batch: Path) -> None:
    trust, statement, cases, chance = stored(tmp_path), json.loads(payload_of_batch(batch)), {}, random.Random(13)
    statements = list(lengths(statement))
    for _ in range(SIZE):
        changed = copy.deepcopy(statement)
        statements.append((harmed(changed, chance), changed))
    for number, (name, changed) in enumerate(statements):
        payload = write_json(changed)
        folder = tmp_path / f"batch {number}"
        folder.mkdir()
        for each in batch.iterdir():
            (folder / each.name).hardlink_to(each)
        (folder / MANIFEST_NAME).unlink()
        (folder / MANIFEST_NAME).write_bytes(sign_payload(payload, DEVICE))
        out = audited(batch, payload, DEVICE.public.keyid, f"out {number}")
        cases[f"{number}: {name}"] = BatchCase(out, trust, TRUST.fingerprint, NOW, folder)
    found = compared(cases)
    assert found["REFUSED"] > 0.5 * SIZE
    assert found["PASSED"] > 0.02 * SIZE
    assert found.get("INCONCLUSIVE", 0) < 0.05 * SIZE  # names that are not ASCII


def test_the_vector_with_its_images(tmp_path: Path) -> None:
    folder = VECTORS / "v3"
    shutil.copy(folder / REPORT, tmp_path / REPORT)
    drop_tokens(tmp_path / REPORT)
    at = Report.from_payload(payload_of(folder / REPORT), "report").header.time
    pin = load_trust(folder / "trust.json", at=at).fingerprint
    assert compared({"v3": BatchCase(tmp_path, folder / "trust.json", pin, at, folder / "batch")}) == {"PASSED": 1}

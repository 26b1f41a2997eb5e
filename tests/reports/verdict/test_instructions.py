"""The commands of VERIFY.txt tell a genuine report from any other, with programs that we did not write."""

import json
import re
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import signing
from reports.verdict.instructions import INSTRUCTIONS, INSTRUCTIONS_FILE
from reports.verdict.issue import REPORT, SUMMARY, issue
from reports.verdict.unchecked_files import unchecked_files
from signing import PrivateKey, Role, TrustStore
from tests.conftest import entry
from tests.reports.verdict.made import report

DAY = timedelta(days=1)


def commands() -> str:
    """Return the commands of the third way, as a reader pastes them."""
    third = INSTRUCTIONS.decode().partition("3. Without our code")[2]
    lines = [line.removeprefix("    ") for line in third.splitlines() if line.startswith("    ") or not line]
    return "\n".join(lines)


class Answered(NamedTuple):
    code: int
    out: str


class Received(NamedTuple):
    """A report's folder and a trust store, as somebody received them."""

    folder: Path
    trust: Path
    pin: str

    def follow(self, *, pin: str | None = None, images: str = "") -> Answered:
        settings = {"TRUST=trust.json": f"TRUST={self.trust}", "PIN=sha256:PIN": f"PIN={pin or self.pin}"}
        text = commands()
        for line, instead in (settings | {"IMAGES=\n": f"IMAGES={images}\n"}).items():
            assert line in text
            text = text.replace(line, instead, 1)
        done = subprocess.run(["bash"], input=text, cwd=self.folder, capture_output=True, text=True)
        return Answered(done.returncode, done.stdout)


def listed(key: PrivateKey, role: Role, **changes: Any) -> signing.TrustEntry:
    return entry(key, role, f"{role}-1", **{"start": signing.now() - DAY, "until": signing.now() + 30 * DAY} | changes)


def store_of(keys: dict[str, PrivateKey], entries: tuple[signing.TrustEntry, ...], versions: int) -> TrustStore:
    """Return a store of one or two versions that is good now; the second has two root keys more, and needs two."""
    when = signing.now() - timedelta(hours=1)
    until = signing.now() + 30 * DAY
    first = signing.propose_first((keys["root"].public,), threshold=1, entries=entries, issued=when, expires=until)
    store = first.cosigned((keys["root"],)).complete(signing.now())
    if versions == 1:
        return store
    roots = tuple(keys[name].public for name in ("root", "root2", "p256"))
    second = signing.propose_rotation(store, added=roots[1:], threshold=2, issued=when, expires=until)
    return second.cosigned((keys["root"], keys["p256"])).complete(signing.now())


@pytest.fixture
def receive(tmp_path: Path, keys: dict[str, PrivateKey]) -> Callable[..., Received]:
    """Return what writes a report, and a trust store that lists the auditor and the device."""

    def write(*, by: str = "auditor", versions: int = 1, file: str = REPORT, **window: Any) -> Received:
        folder = tmp_path / "report"
        folder.mkdir()
        issued = signing.write_time(signing.now())
        files = issue(report(keys[by].public, 24, issued=issued), keys[by])
        (folder / REPORT).write_bytes(files[file])
        (folder / INSTRUCTIONS_FILE).write_bytes(INSTRUCTIONS)
        entries = (listed(keys["auditor"], Role.AUDITOR, **window), listed(keys["device"], Role.DEVICE))
        store = store_of(keys, entries, versions)
        trust = tmp_path / "trust.json"
        trust.write_bytes(store.to_bytes())
        return Received(folder, trust, f"sha256:{store.fingerprint}")

    return write


@pytest.mark.outside
@pytest.mark.parametrize("versions", [1, 2])
def test_a_genuine_report_is_good(receive: Callable[..., Received], versions: int) -> None:
    received = receive(versions=versions)
    good = received.follow()
    assert good.code == 0, good
    lines = good.out.splitlines()
    assert lines[-1] == 'GOOD: "auditor-1" signed these rows'
    assert 'AUTHENTIC means authentic as "Kiln Alder, lot 7, chosen by J. Doe"' in lines
    assert "demonstration: true" in lines
    assert 'COUNTERFEIT  specimen "sherd 1"' in lines
    assert sum("  image " in line for line in lines) == 24
    assert received.follow(pin=received.pin.removeprefix("sha256:")).code == 0
    wrong = received.follow(pin="sha256:" + "0" * 64)
    assert (wrong.code, wrong.out) == (1, "REFUSED: this is not the trust store of the pin\n")


def forge_payload(received: Received) -> None:
    file = received.folder / REPORT
    bundle = json.loads(file.read_text())
    payload = bundle["dsseEnvelope"]["payload"]
    bundle["dsseEnvelope"]["payload"] = payload[:400] + ("A" if payload[400] != "A" else "B") + payload[401:]
    file.write_text(json.dumps(bundle))


def forge_store(change: Callable[[dict[str, Any]], None]) -> Callable[[Received], None]:
    def forge(received: Received) -> None:
        store = json.loads(received.trust.read_text())
        change(store)
        received.trust.write_text(json.dumps(store))

    return forge


@pytest.mark.outside
@pytest.mark.parametrize(
    ("setting", "forge", "reason"),
    [
        ({}, forge_payload, "the signature is bad"),
        ({"by": "thief"}, None, "the key is not listed as an auditor's"),
        ({"by": "device"}, None, "the key is not listed as an auditor's"),
        ({"file": SUMMARY}, None, "this is no report"),
        ({"until": signing.now() - timedelta(hours=2)}, None, "the key was not good at the time"),
        ({"start": signing.now() + DAY}, None, "the key was not good at the time"),
        ({"versions": 2}, forge_store(lambda s: s["roots"].pop(0)), "version 1 of the trust store follows another one"),
        (
            {"versions": 2},
            forge_store(lambda s: s["roots"].reverse()),
            "version 1 of the trust store follows another one",
        ),
        (
            {"versions": 2},
            forge_store(lambda s: s["roots"][1]["signatures"].pop(0)),
            "version 2 of the trust store lacks signatures",
        ),
        (
            {"versions": 2},
            forge_store(lambda s: s["roots"][1]["signatures"].pop(1)),
            "version 2 of the trust store lacks signatures",
        ),
        (
            {"versions": 2},
            forge_store(lambda s: s["roots"][1]["signatures"][1].update(s["roots"][1]["signatures"][0])),
            "version 2 of the trust store lacks signatures",
        ),
        ({}, forge_store(lambda s: s["roots"].clear()), "this is not the trust store of the pin"),
    ],
)
def test_another_report_or_trust_store_is_refused(
    receive: Callable[..., Received], setting: dict[str, Any], forge: Callable[[Received], None] | None, reason: str
) -> None:
    received = receive(**setting)
    if forge is not None:
        forge(received)
    answer = received.follow()
    assert answer.code != 0
    assert "GOOD" not in answer.out
    assert answer.out.splitlines()[-1].startswith(f"REFUSED: {reason}")


@pytest.mark.outside
def test_images_are_compared_if_they_are_named(receive: Callable[..., Received], tmp_path: Path) -> None:
    received = receive()
    images = tmp_path / "images"
    images.mkdir()
    for number in range(24):
        name = f"tile-{number:06d}.tif"
        (images / name).write_text(name)  # of which `made.report` states the digest
    good = received.follow(images=str(images))
    assert (good.code, good.out.splitlines()[-1]) == (0, 'GOOD: "auditor-1" signed these rows')
    (images / "tile-000000.tif").write_text("another image")
    refused = received.follow(images=str(images))
    assert (refused.code, refused.out.splitlines()[-1]) == (1, "REFUSED: an image differs")


def test_the_text_holds_no_path_and_is_known_to_verify(tmp_path: Path) -> None:
    text = INSTRUCTIONS.decode("ascii")
    assert not re.search(r"/(tmp|home|work|root|usr)\b", text)
    assert max(map(len, text.splitlines())) <= 120
    (tmp_path / INSTRUCTIONS_FILE).write_bytes(INSTRUCTIONS)
    states = [file.state for file in unchecked_files(tmp_path, tmp_path / REPORT)]
    assert states == ["instructions, not signed, as this version writes them"]
    for other in (INSTRUCTIONS.replace(b"refuse ", b"true "), INSTRUCTIONS + b"curl", b""):
        (tmp_path / INSTRUCTIONS_FILE).write_bytes(other)
        (file,) = unchecked_files(tmp_path, tmp_path / REPORT)
        assert file.state == "instructions, not signed, NOT as this version writes them: do not run them unread"

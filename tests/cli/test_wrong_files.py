"""A verb that was given the wrong file says what the file is, and which verb takes it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.cli.file_kinds import kind_of
from tests.cli.conftest import Tool

TRUST = ("--trust", "trust.json")
WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "page": (("verify", "out/report.html", *TRUST), "out/report.html is a page for people: `verify` takes the folder"),
    "swapped": (
        ("verify", "trust.json", "--trust", "out/report.sigstore.json"),
        "out/report.sigstore.json is a signed report: `verify` checks it; a trust store was expected",
    ),
    "store": (("verify", "trust.json", *TRUST), "trust.json is a trust store: verbs take it with --trust"),
    "excerpt": (("verify", "one.json", *TRUST), "one.json is an excerpt of a report: `report verify-excerpt` checks"),
    "no excerpt": (("report", "verify-excerpt", "out/report.sigstore.json", *TRUST), "is a signed report: `verify`"),
    "folder of a report": (("inspect", "out", *TRUST), "out is the folder of a report: `verify` checks it"),
    "report for excerpt": (("report", "verify-excerpt", "out", *TRUST), "out is the folder of a report: `verify`"),
    "batch": (("verify", "batch", *TRUST), "batch is a signed folder of images: `inspect` checks it"),
    "manifest": (("verify", "batch/batch.sigstore.json", *TRUST), "is the manifest of a signed folder: `inspect`"),
    "summary": (("verify", "out/vsa.sigstore.json", *TRUST), "is a summary for policy engines: `verify` takes the fol"),
    "private key": (("verify", "device.pem", *TRUST), "device.pem is a private key: verbs take it with --key"),
    "public key": (("inspect", "batch", "--trust", "device.pub.pem"), "device.pub.pem is a public key: `trust add"),
    "image": (("inspect", "batch/a.tif", *TRUST), "batch/a.tif is an image: `sign`, `inspect` and `audit` take the fo"),
    "no folder": (
        ("sign", "batch/a.tif", "--key", "device.pem", "--device", "d"),
        "batch/a.tif is an image: `sign`, `inspect` and `audit` take the folder",
    ),
    "many files": (
        ("sign", "batch/a.tif", "batch/b.tif", "--key", "device.pem", "--device", "d"),
        "a folder is named as a whole, without its files",
    ),
}


@pytest.fixture
def mixed(lab: Tool, received: Callable[..., Path]) -> Tool:
    received()
    Path("out", "report.html").write_text("<!DOCTYPE html><title>x</title>")
    assert lab("report", "excerpt", "out", "tile-000003.tif", "--out", "one.json").code == 0
    return lab


def test_a_wrong_file_is_recognised(mixed: Tool) -> None:
    for case, (words, told) in WRONG.items():
        done = mixed(*words)
        assert done.code not in (Exit.DONE, Exit.FAULT), case
        hints = [line for line in done.err.splitlines() if line.startswith("hint: ")]
        assert any(told in hint for hint in hints), (case, done.err)


def test_a_right_file_that_is_malformed_gets_no_such_advice(mixed: Tool) -> None:
    path = Path("out", "report.sigstore.json")
    path.write_bytes(path.read_bytes().replace(b'"dsseEnvelope"', b'"x":1,"dsseEnvelope"', 1))
    done = mixed("verify", "out", *TRUST)
    assert done.code == Exit.UNREADABLE
    assert "is a signed report" not in done.err
    for name, data in (("deep", b"[" * 100_000), ("text", b"text"), ("list", b"[1]"), ("empty", b"")):
        Path(name).write_bytes(data)
        assert kind_of(Path(name)) is None


def test_a_key_for_another_role_is_named_by_its_own(mixed: Tool) -> None:
    words = ("audit", "batch", *TRUST, "--model", "nowhere", "--no-ledger", "--out", "x", "--json")
    wrong = mixed(*words, "--key", "device.pem").json
    assert wrong["reason"] == "wrong-role"
    assert wrong["sentence"] == "device.pem: the key of 'device' for the role device, needed is one for auditor"
    assert wrong["hints"] == []
    assert mixed("keygen", "--role", "auditor", "--out", "other.pem", "--no-passphrase").code == 0
    unknown = mixed(*words, "--key", "other.pem").json
    assert unknown["hints"] == ["`fusiondiff-audit trust add --role auditor` lists it"]


def test_a_verb_that_there_is_not_gets_the_most_similar(tool: Tool) -> None:
    assert "No such command 'verfiy'. Did you mean 'verify'?" in tool("verfiy", "out").err
    assert "Did you mean" not in tool("bless", "out").err


def test_a_name_that_is_no_image_of_a_report_gets_similar_ones(mixed: Tool) -> None:
    for name, told in (
        ("tile-00003.tif", "similar names are 'tile-"),
        ("sherd 3", "that is a specimen, name one of its images: 'tile-000003.tif'"),
        ("?", None),
    ):
        hints = mixed("report", "excerpt", "out", name, "--out", "two.json", "--json").json["hints"]
        assert len(hints) == (told is not None), name
        assert told is None or hints[0].startswith(told), name

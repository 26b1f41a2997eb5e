"""What cannot be done is said: one line, a stable reason, a code by the table, and nothing is changed."""

from pathlib import Path

import pytest

from fusiondiff_audit.cli.exits import Exit
from tests.cli.conftest import ADD_AUDITOR, Tool

WRONG: dict[str, tuple[tuple[str, ...], Exit, str]] = {
    "no manifest": (("inspect", ".", "--trust", "trust.json"), Exit.INTEGRITY, "no-signature"),
    "no folder": (("inspect", "nowhere", "--trust", "trust.json"), Exit.UNREADABLE, "unreadable"),
    "no trust store": (("inspect", "batch", "--trust", "nowhere"), Exit.UNREADABLE, "unreadable"),
    "no --trust": (("inspect", "batch"), Exit.USAGE, "usage"),
    "junk for a store": (("inspect", "batch", "--trust", "batch/a.tif"), Exit.UNREADABLE, "malformed"),
    "another root": (
        ("inspect", "batch", "--trust", "trust.json", "--root", "sha256:" + "0" * 64),
        Exit.INTEGRITY,
        "wrong-root",
    ),
    "no fingerprint": (("inspect", "batch", "--trust", "trust.json", "--root", "beef"), Exit.USAGE, "usage"),
    "an old store": (
        ("inspect", "batch", "--trust", "trust.json", "--min-trust-version", "2"),
        Exit.INTEGRITY,
        "rollback",
    ),
    "judged in ten years": (("inspect", "batch", "--trust", "trust.json", "--at", "+3650d"), Exit.INTEGRITY, "expired"),
    "judged last year": (
        ("inspect", "batch", "--trust", "trust.json", "--at", "2020-01-01"),
        Exit.INTEGRITY,
        "not-yet-valid",
    ),
    "no time": (("inspect", "batch", "--trust", "trust.json", "--at", "soon"), Exit.USAGE, "bad-request"),
    "a public key": (
        ("sign", "batch", "--key", "device.pub.pem", "--device", "d", "--force"),
        Exit.UNREADABLE,
        "malformed",
    ),
    "a store for a key": (
        ("sign", "batch", "--key", "trust.json", "--device", "d", "--force"),
        Exit.UNREADABLE,
        "malformed",
    ),
    "a key for a store": (("inspect", "batch", "--trust", "device.pub.pem"), Exit.UNREADABLE, "malformed"),
    "a private key to list": (
        ("trust", "init", "--root-key", "root.pem", "--add", "device=device.pem", "--out", "t"),
        Exit.UNREADABLE,
        "malformed",
    ),
    "one root key twice": (
        ("trust", "init", "--root-key", "root.pem", "--root-key", "root.pem", "--out", "t"),
        Exit.USAGE,
        "bad-request",
    ),
    "a private key by a public name": (
        ("keygen", "--role", "root", "--out", "k.pub.pem", "--no-passphrase"),
        Exit.USAGE,
        "bad-request",
    ),
    "no name for a key": (("keygen", "--role", "root", "--out", ".", "--no-passphrase"), Exit.USAGE, "bad-request"),
    "an endless path": (("inspect", "x" * 300, "--trust", "trust.json"), Exit.UNREADABLE, "unreadable"),
    "the manifest for its folder": (
        ("inspect", "batch/batch.sigstore.json", "--trust", "trust.json"),
        Exit.UNREADABLE,
        "unreadable",
    ),
    "the end of the calendar": (
        (*ADD_AUDITOR, "--from", "9999-12-31", "--until", "9999-12-31"),
        Exit.USAGE,
        "bad-request",
    ),
    "a picture not yet taken": (
        ("sign", "batch", "--key", "device.pem", "--device", "d", "--force", "--captured", "+9d"),
        Exit.USAGE,
        "bad-request",
    ),
    "another store than the pinned": ((*ADD_AUDITOR, "--root", "0" * 64), Exit.INTEGRITY, "wrong-root"),
    "no second signature": (("inspect", "batch", "--trust", "trust.json", "--both"), Exit.INTEGRITY, "no-signature"),
    "no model": (("model", "verify", "nowhere", "--trust", "trust.json"), Exit.UNREADABLE, "unreadable"),
    "no model signature": (("model", "verify", "batch", "--trust", "trust.json"), Exit.INTEGRITY, "no-signature"),
    "a model key of another kind": (("model", "sign", "batch", "--key", "device.pem"), Exit.UNREADABLE, "unsupported"),
    "no token": (("report", "timestamp", "batch", "--token", "nowhere.tsr"), Exit.UNREADABLE, "unreadable"),
    "junk for a token": (("report", "timestamp", "batch", "--token", "root.pem"), Exit.INTEGRITY, "bad-timestamp"),
    "neither query nor token": (("report", "timestamp", "batch"), Exit.USAGE, "usage"),
    "signed already": (("sign", "batch", "--key", "device.pem", "--device", "d"), Exit.USAGE, "exists"),
    "no duration": (("sign", "b", "--key", "k", "--device", "d", "--valid-for", "long"), Exit.USAGE, "bad-request"),
    "no pixel size": (
        ("sign", "batch", "--key", "device.pem", "--device", "d", "--pixel-size", "12"),
        Exit.USAGE,
        "bad-request",
    ),
    "a key there": (("keygen", "--role", "root", "--out", "root.pem", "--no-passphrase"), Exit.USAGE, "exists"),
    "no terminal": (("keygen", "--role", "root", "--out", "new.pem"), Exit.USAGE, "bad-passphrase"),
    "a kind that the role does not have": (
        ("keygen", "--role", "model", "--alg", "ed25519", "--out", "new.pem", "--no-passphrase"),
        Exit.USAGE,
        "usage",
    ),
    "no role": (("keygen", "--role", "king", "--out", "new.pem"), Exit.USAGE, "usage"),
    "no verb": (("bless", "batch"), Exit.USAGE, "usage"),
    "not a root key": (
        ("trust", "add", "trust.json", "--role", "auditor", "--key", "auditor.pub.pem", "--root-key", "auditor.pem"),
        Exit.INTEGRITY,
        "wrong-role",
    ),
    "a key for an authority": (
        ("trust", "add", "trust.json", "--role", "timestamp", "--key", "auditor.pub.pem", "--root-key", "root.pem"),
        Exit.USAGE,
        "usage",
    ),
    "an empty window": (
        (*ADD_AUDITOR, "--from", "2026-02-01", "--until", "2026-01-01"),
        Exit.USAGE,
        "bad-request",
    ),
    "nothing to revoke": (
        ("trust", "revoke", "trust.json", "--key", "auditor.pub.pem", "--reason", "retired", "--root-key", "root.pem"),
        Exit.INTEGRITY,
        "unknown-key",
    ),
    "an unwritable place": (
        ("trust", "init", "--root-key", "root.pem", "--out", "no/t.json"),
        Exit.ENVIRONMENT,
        "cannot-write",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_refusal_has_a_code_a_reason_and_a_sentence(lab: Tool, case: str) -> None:
    words, code, reason = WRONG[case]
    before = Path("trust.json").read_bytes()
    done = lab(*words)
    last = done.err.splitlines()[-1]
    assert (done.code, done.out) == (code, "")
    assert last.startswith("REFUSED: ")
    assert last.endswith(f"({reason})")
    assert "Traceback" not in done.err
    as_json = lab(*words, "--json")
    assert (as_json.code, as_json.json["exit"], as_json.json["reason"]) == (code, code, reason)
    assert Path("trust.json").read_bytes() == before

"""The verbs of `ledger`, on a ledger that two runs have written."""

import json
import shutil
from pathlib import Path

import pytest

import signing
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.ledger import CheckpointKeys, Ledger
from tests.cli.conftest import ADD_AUDITOR, Tool

TRUST = ("--trust", "trust.json")


@pytest.fixture
def kept(lab: Tool) -> Tool:
    """Return the tool beside a ledger."""
    assert lab(*ADD_AUDITOR).code == 0
    now = signing.now()
    trust = signing.load_trust(Path("trust.json"), at=now)
    key = signing.load_key(Path("auditor.pem"), passphrase=bytes)
    batch = signing.open_batch(Path("batch"), trust=trust)
    with Ledger(Path("ledger"), key=key, keys=CheckpointKeys.of_auditors(trust), clock=lambda: now) as ledger:
        for run, again in (("first", None), ("second", "the report was lost")):
            ledger.admit(batch, trust, run=run, again=again)
            ledger.note_pixels(run, [("a.tif", "a" * 64), ("b.tif", "b" * 64)])
            ledger.issue(run, "c" * 64 if again else "d" * 64)
    return lab


def test_show_lists_the_entries(kept: Tool) -> None:
    done = kept("ledger", "show", "ledger")
    assert done.code == 0
    assert "again: the report was lost" in done.out
    assert "2 images, 2 known before" in done.out
    assert done.out.splitlines()[-1] == "DONE: 7 entries, not verified: `ledger verify` does that"
    kinds = [e["kind"] for e in kept("ledger", "show", "ledger", "--json").json["entries"]]
    assert kinds == ["ledger", "batch", "pixels", "report", "batch", "pixels", "report"]


def test_verify_states_the_size_and_root_of_the_tree(kept: Tool) -> None:
    done = kept("ledger", "verify", "ledger", *TRUST)
    assert (done.code, done.out.splitlines()[-1]) == (
        0,
        "PASSED: 7 entries, under 7 checkpoints in the ledger and 5 beside it (trust store not pinned)",
    )
    assert "2, 1 of them admitted again" in done.out
    newest = max(Path("ledger/checkpoints").iterdir())
    shutil.copy(newest, "kept.note")
    assert (
        "6 beside it, 1 of them named here"
        in kept("ledger", "verify", "ledger", *TRUST, "--checkpoint", "kept.note").out
    )
    newest.write_bytes(newest.read_bytes().replace(b"\n7\n", b"\n6\n"))
    done = kept("ledger", "verify", "ledger", *TRUST)
    assert (done.code, done.err.splitlines()[-1].endswith("(ledger-altered)")) == (Exit.INTEGRITY, True)


def test_an_export_is_the_tree_that_the_checkpoint_signs(kept: Tool) -> None:
    done = kept("ledger", "export", "ledger", *TRUST, "--out", "exported", "--json").json
    lines = Path("exported/entries.jsonl").read_bytes().splitlines()
    tree = signing.MerkleTree(signing.leaf_hash(line) for line in lines)
    assert tree.root().hex() == done["root"]
    assert json.loads(lines[0])["origin"] == done["origin"]
    note = Path("exported/checkpoint.note").read_bytes()
    key = signing.load_public_key(Path("auditor.pub.pem"))
    assert signing.open_checkpoint(note, "x", origin=done["origin"], key=key).root == tree.root()
    assert kept("ledger", "export", "ledger", *TRUST, "--out", "exported").code == Exit.USAGE


def test_show_verify_and_export_change_nothing(kept: Tool) -> None:
    before = {p: p.read_bytes() for p in Path("ledger").rglob("*") if p.is_file()}
    assert kept("ledger", "show", "ledger").code == 0
    assert kept("ledger", "verify", "ledger", *TRUST).code == 0
    after = {p: p.read_bytes() for p in Path("ledger").rglob("*") if p.is_file()}
    assert after == before


REFUSALS = {
    "no folder": (("show", "nowhere"), Exit.INTEGRITY, "missing-file"),
    "no ledger": (("verify", "batch", *TRUST), Exit.INTEGRITY, "missing-file"),
    "no trust store": (("verify", "ledger"), Exit.USAGE, "usage"),
    "another auditor": (("verify", "ledger", "--trust", "other.json"), Exit.INTEGRITY, "unknown-key"),
    "a note that is none": (("verify", "ledger", *TRUST, "--checkpoint", "trust.json"), Exit.UNREADABLE, "malformed"),
    "no note": (("verify", "ledger", *TRUST, "--checkpoint", "nowhere"), Exit.UNREADABLE, "unreadable"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_have_a_code_and_a_reason(case: str, kept: Tool) -> None:
    words, code, reason = REFUSALS[case]
    init = ("trust", "init", "--root-key", "root.pem", "--add", "device=device.pub.pem", "--out", "other.json")
    assert kept(*init).code == 0
    done = kept("ledger", *words)
    assert (done.code, done.err.splitlines()[-1].rpartition("(")[2]) == (code, f"{reason})")

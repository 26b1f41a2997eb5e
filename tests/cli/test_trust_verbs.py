"""The keepers' verbs: adding, revoking, rotating, and several root keys together."""

from pathlib import Path

import signing
from fusiondiff_audit.cli.exits import Exit
from tests.cli.conftest import ADD_AUDITOR, Tool


def test_keys_are_added_and_revoked(lab: Tool) -> None:
    assert lab(*ADD_AUDITOR, "--principal", "Ana").code == 0
    keyid = lab("trust", "show", "trust.json", "--json").json["keys"][0]["keyid"]
    revoke = (
        "trust",
        "revoke",
        "trust.json",
        "--keyid",
        keyid[:20],
        "--reason",
        "compromised",
        "--root-key",
        "root.pem",
    )
    assert lab(*revoke).code == 0
    shown = lab("trust", "show", "trust.json")
    pin = lab("trust", "show", "trust.json", "--json").json["trust"]["root"]
    assert shown.out.splitlines()[:2] == ["pin", f"  {pin}"]
    assert "Ana" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 100
    assert lab("trust", "show", "trust.json", "--json").json["trust"]["version"] == 3
    done = lab("inspect", "batch", "--trust", "trust.json")
    assert done.code == Exit.INTEGRITY
    assert done.err.splitlines()[-1].endswith("(revoked)")


def test_an_expired_store_is_shown_but_not_passed(lab: Tool) -> None:
    done = lab("trust", "show", "trust.json", "--at", "+400d")
    assert done.code == Exit.INTEGRITY
    assert "nothing is verified with it" in done.out


def test_a_proposal_is_shown_before_it_is_signed(lab: Tool) -> None:
    done = lab(*ADD_AUDITOR, "--json")
    assert "version 2 of the store sha256:" in done.err
    keyid = signing.load_public_key(Path("auditor.pub.pem")).keyid
    assert f"  auditor 'auditor', key sha256:{keyid}: listed from 20" in done.err
    rotate = ("trust", "rotate", "trust.json", "--root-key", "root.pem", "--expires", "2030-01-01")
    assert "  expires 2030-01-01T00:00:00Z (before: expires 20" in lab(*rotate).err
    revoke = ("trust", "revoke", "trust.json", "--key", "auditor.pub.pem", "--root-key", "root.pem")
    since = lab(*revoke, "--reason", "compromised", "--since", "2001-01-01")
    assert f"key sha256:{keyid}: compromised since 2001-01-01T00:00:00Z" in since.err
    assert lab(*revoke, "--reason", "compromised", "--since", "+9d").code == Exit.USAGE


def test_a_root_key_given_twice_signs_once(lab: Tool) -> None:
    assert lab(*ADD_AUDITOR, "--root-key", "root.pem").code == 0
    assert lab("trust", "show", "trust.json").code == 0


def test_several_root_keys_change_a_store_together(lab: Tool) -> None:
    for name in ("root2", "new"):
        lab("keygen", "--role", "root", "--out", f"{name}.pem", "--no-passphrase")
    keys = ("--root-key", "root.pem", "--root-key", "root2.pem")
    assert lab("trust", "init", *keys, "--threshold", "2", "--out", "two.json").code == 0
    pin = lab("trust", "show", "two.json", "--json").json["trust"]["root"]
    add = ("trust", "add", "two.json", "--role", "auditor", "--key", "auditor.pub.pem", "--root-key", "root.pem")
    assert lab(*add).err.splitlines()[-1].endswith("(no-signature)")
    proposed = lab(*add, "--pending", "pending.json", "--json")
    assert (proposed.code, proposed.json["complete"]) == (0, False)
    assert lab("inspect", "batch", "--trust", "pending.json").code == Exit.INTEGRITY
    assert lab("trust", "cosign", "pending.json", "--root-key", "root2.pem", "--json").json["complete"] is True
    assert lab("trust", "update", "two.json", "pending.json").code == 0
    rotate = ("trust", "rotate", "two.json", "--add-root", "new.pub.pem", "--drop-root", "root.pub.pem")
    assert lab(*rotate, *keys).err.splitlines()[-1].endswith("(no-signature)")
    assert lab(*rotate, *keys, "--root-key", "new.pem").code == 0
    shown = lab("trust", "show", "two.json", "--json").json
    assert (shown["trust"]["version"], shown["trust"]["root"], shown["rootKeys"]["threshold"]) == (3, pin, 2)
    assert lab("trust", "update", "two.json", "trust.json").code == Exit.INTEGRITY

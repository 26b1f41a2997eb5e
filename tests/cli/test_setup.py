"""`setup`, and the settings file that it writes."""

import os
from pathlib import Path

import pytest

from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.cli.setup import KEYS, SETTINGS
from signing import MIN_PASSPHRASE
from tests.cli.conftest import Tool
from tests.vectors.images.make import plain, tiff

HERE = ("--settings", f"lab/{SETTINGS}")


@pytest.fixture
def laboratory(tool: Tool) -> Tool:
    """Return the tool in a folder with a laboratory and a folder of images."""
    done = tool("setup", "lab", "--device", "sem-1", "--no-passphrase", "--json")
    assert done.code == 0, done.err
    Path("images").mkdir()
    Path("images/a.tif").write_bytes(tiff(plain()))
    return tool


def test_a_laboratory_signs_and_inspects_without_naming_keys(laboratory: Tool) -> None:
    done = laboratory(*HERE, "sign", "images")
    assert done.code == 0, done.err
    assert f"settings: --key {Path('lab/keys/device.pem').absolute()}, from lab/{SETTINGS}" in done.err
    assert "settings: --device sem-1" in done.err
    inspected = laboratory(*HERE, "inspect", "images", "--json")
    assert inspected.code == 0, inspected.err
    assert inspected.json["trust"]["pinned"]
    assert "settings: --root" in inspected.err


def test_what_the_command_line_says_counts_first(laboratory: Tool) -> None:
    done = laboratory(*HERE, "sign", "images", "--device", "sem-2")
    assert done.code == 0
    assert "settings: --device" not in done.err
    assert '"sem-2"' in laboratory(*HERE, "inspect", "images", "--json").out
    other = laboratory(*HERE, "inspect", "images", "--root", f"sha256:{'0' * 64}")
    assert other.code == Exit.INTEGRITY


def test_without_the_option_no_settings_file_is_read(laboratory: Tool) -> None:
    os.chdir("lab")
    assert laboratory("sign", "../images").code == Exit.USAGE


def test_setup_makes_encrypted_keys_and_overwrites_nothing(tool: Tool) -> None:
    Path("passphrase").write_bytes(b"x" * MIN_PASSPHRASE)
    Path("passphrase").chmod(0o600)
    assert tool("setup", "lab", "--passphrase-file", "passphrase").code == 0
    keys = {path.name: path for path in Path("lab", KEYS).iterdir()}
    assert {name for name in keys if not name.endswith(".pub.pem")} == {
        *("root.pem", "device.pem", "labeller.pem", "model.pem", "auditor.pem")
    }
    assert all("ENCRYPTED" in path.read_text() for name, path in keys.items() if not name.endswith(".pub.pem"))
    before = {name: path.read_bytes() for name, path in keys.items()}
    assert tool("setup", "lab", "--no-passphrase").code == Exit.USAGE
    assert {name: path.read_bytes() for name, path in keys.items()} == before


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('trsut = "trust.json"', "unknown setting 'trsut'"),
        ('[keys]\nroot = "root.pem"', "unknown setting 'keys.root'"),
        ("root = 7", "root is no text"),
        ("keys = 7", "keys is no text"),
        ("trust = ", "not TOML"),
        ("\udce4", "not TOML"),
    ],
)
def test_a_settings_file_that_is_not_understood_is_refused(laboratory: Tool, text: str, fault: str) -> None:
    Path("lab", SETTINGS).write_bytes(text.encode(errors="surrogateescape"))
    done = laboratory(*HERE, "inspect", "images")
    assert done.code not in (Exit.DONE, Exit.FAULT)
    assert fault in done.err + done.out


def test_a_settings_file_that_others_can_change_is_refused(laboratory: Tool) -> None:
    for path, mode in ((Path("lab", SETTINGS), 0o646), (Path("lab"), 0o777), (Path.cwd(), 0o777)):
        path.chmod(mode)
        done = laboratory(*HERE, "inspect", "images")
        assert done.code not in (Exit.DONE, Exit.FAULT)
        assert "others on this machine can change" in done.err + done.out
        path.chmod(0o755)
    assert laboratory(*HERE, "sign", "images").code == Exit.DONE


def test_a_settings_file_among_the_evidence_is_refused(laboratory: Tool) -> None:
    Path("images", SETTINGS).write_bytes(Path("lab", SETTINGS).read_bytes())
    done = laboratory("--settings", f"images/{SETTINGS}", "sign", "images", "--key", "lab/keys/device.pem")
    assert done.code == Exit.USAGE
    assert "lies inside images" in done.err + done.out
    assert not Path("images/batch.sigstore.json").exists()

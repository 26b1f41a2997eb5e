"""Whatever a stranger calls a file, or writes into one: a terminal shows it, and obeys none of it."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import signing
from fusiondiff_audit.cli import progress as progress_module
from fusiondiff_audit.cli import verbs
from fusiondiff_audit.cli.answer import Answer, run_verbs
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.cli.progress import ProgressLine
from signing.strict import is_plain
from tests.cli.conftest import ADD_AUDITOR, Done, Tool

# Escape, carriage return, bell, backspace, newline; C1 controls, one of them raw; overrides, zero widths, blanks.
EVIL = "a\x1b[2J\x1b]0;owned\x07\r\x08\x7f\n\x9b31m\x85\udc9b\u202e\u2066\u200b\u200f\u2028\ufeff\u2800\u3164z"
TEXT = EVIL.replace("\udc9b", "").replace("\n", "")  # as a file of UTF-8 text may hold it, on one line
CELL = TEXT.replace("\r", "")  # as a line of a CSV file may
JSON = json.dumps(TEXT)


def without_control_characters(done: Done) -> Done:
    """Refuse an answer that holds anything but what is seen, and newlines."""
    for text in (done.out, done.err):
        for line in text.split("\n"):
            assert line.isprintable(), ascii(line)
            assert is_plain(line), ascii(line)
    return done


def write(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def csv(text: str) -> Callable[[], str]:
    return lambda: write("evil.csv", text)


def toml(text: str) -> Callable[[], str]:
    return lambda: write("evil.toml", text)


def batch_of(name: str) -> str:
    Path("evil").mkdir()
    Path("evil", name).write_bytes(b"x")
    return "evil"


def added() -> str:
    Path("batch", EVIL).write_bytes(b"x")
    return "batch"


def junk(text: str) -> Callable[[], str]:
    return lambda: write("junk.json", text)


def bundle() -> str:
    Path("bundle").mkdir()
    write("bundle/bundle.json", f'{{"name": {JSON}, {JSON}: {JSON}}}')
    return "bundle"


TRUST = ("--trust", "trust.json")
SIGN = ("sign", "batch", "--key", "device.pem", "--force", "--device")
AUDIT = ("audit", "batch", *TRUST, "--key", "auditor.pem", "--no-ledger", "--out", "out", "--model")
EMBEDDED = "fusion-diff-v1-ceramic"
STRESS = ("stress", "--data", "batch", *TRUST, "--key", "auditor.pem", "--out", "out", "--first", "--model")
ATTACK = f'name = "x"\nattacks = [{{attack = {JSON}}}]\n'
MODEL_KEY = ("--key", "model.pem")
QUICK, LABELS = ("--policy", "quick"), ("--labels", "labels.csv")
# A word that is a function makes what it names.
CASES: dict[str, tuple[Any, ...]] = {
    "a verb": (EVIL,),
    "an option": ("verify", f"--{EVIL}"),
    "a choice": ("keygen", "--role", EVIL, "--out", "k.pem"),
    "a folder": ("inspect", EVIL, *TRUST),
    "a store": ("inspect", "batch", "--trust", EVIL),
    "a root": ("inspect", "batch", *TRUST, "--root", EVIL),
    "a time": ("inspect", "batch", *TRUST, "--at", EVIL),
    "a key": ("sign", "batch", "--key", EVIL, "--device", "d", "--force"),
    "a passphrase file": ("sign", "batch", "--key", EVIL, "--device", "d", "--passphrase-file", EVIL),
    "a device": (*SIGN, EVIL),
    "a lab": (*SIGN, "d", "--lab", EVIL),
    "a duration": (*SIGN, "d", "--valid-for", EVIL),
    "a pixel size": (*SIGN, "d", "--pixel-size", EVIL),
    "a column": (*SIGN, "d", "--entries", csv(f"file,{CELL}\na.tif,b\n")),
    "a file in entries": (*SIGN, "d", "--entries", csv(f"file,specimen\n{CELL},b\n")),
    "a specimen": (*SIGN, "d", "--entries", csv(f"file,specimen\na.tif,{CELL}\n")),
    "a kind": (*SIGN, "d", "--entries", csv(f"file,kind\na.tif,{CELL}\n")),
    "a file to sign": ("sign", lambda: batch_of(EVIL), "--key", "device.pem", "--device", "d"),
    "a file that was added": ("inspect", added, *TRUST, "--no-decode"),
    "a key file": ("keygen", "--role", "device", "--out", f"{EVIL}.pem", "--no-passphrase"),
    "a new store": ("trust", "init", "--root-key", "root.pem", "--add", "device=device.pub.pem", "--out", EVIL),
    "a listed key": ("trust", "init", "--root-key", "root.pem", "--add", f"device={EVIL}", "--out", "t.json"),
    "a role": ("trust", "init", "--root-key", "root.pem", "--add", f"{EVIL}=device.pub.pem", "--out", "t.json"),
    "a principal": (
        *("trust", "add", "trust.json", "--role", "auditor", "--key", "auditor.pub.pem", "--root-key", "root.pem"),
        *("--principal", EVIL),
    ),
    "a field of a store": ("trust", "show", junk(f'{{{JSON}: 1, "roots": []}}')),
    "a field twice": ("trust", "show", junk(f"{{{JSON}: 1, {JSON}: 2}}")),
    "a type": ("trust", "show", junk(f'{{"mediaType": {JSON}, "roots": [{JSON}]}}')),
    "what is no store": ("trust", "show", junk(TEXT)),
    "a report's type": ("verify", junk(f'{{"mediaType": {JSON}, "verificationMaterial": {JSON}}}'), *TRUST),
    "a report": ("verify", EVIL, *TRUST),
    "an image": ("report", "excerpt", "batch", EVIL, "--out", "e.json"),
    "a page": ("report", "render", EVIL, "--out", EVIL),
    "an excerpt": ("report", "verify-excerpt", junk(f'{{"rows": {JSON}}}'), *TRUST),
    "a token": ("report", "timestamp", "batch", "--token", EVIL),
    "a question": ("report", "timestamp", "batch", "--query", f"{EVIL}.tsq"),
    "a ledger": ("ledger", "show", EVIL),
    "a model's folder": ("model", "show", EVIL),
    "a model's name": ("model", "show", bundle),
    "a model to sign": ("model", "sign", lambda: batch_of(EVIL), "--key", "model.pem"),
    "a model to verify": ("model", "verify", bundle, *TRUST),
    "a model to audit with": (*AUDIT, EVIL),
    "a setting": (*AUDIT, EMBEDDED, "--policy", toml(f'name = "x"\n{JSON} = 1\n')),
    "a name of a policy": (*AUDIT, EMBEDDED, "--policy", toml(f"name = {JSON}\n")),
    "a case": (*AUDIT, EMBEDDED, "--policy", toml(f'name = "x"\n[case]\ntext = [{JSON}]\n')),
    "a policy that is none": (*AUDIT, EMBEDDED, "--policy", toml(f"name = {TEXT}\n")),
    "a reason": (*AUDIT[:6], "--ledger", "ledger", "--out", "out", "--model", EMBEDDED, "--again", EVIL),
    "an attack": (*STRESS, EMBEDDED, *LABELS, "--policy", toml(ATTACK)),
    "a label": (*STRESS, EMBEDDED, *QUICK, "--labels", csv(f"file,label\na.tif,{CELL}\n")),
    "a labelled file": (*STRESS, EMBEDDED, *QUICK, "--labels", csv(f"file,label\n{CELL},authentic\n")),
    "a column of labels": (*STRESS, EMBEDDED, *QUICK, "--labels", csv(f"file,label,{CELL}\na.tif,authentic,x\n")),
    "a labelled specimen": (*STRESS, EMBEDDED, *QUICK, "--labels", csv(f"file,label,specimen\na.tif,authentic,{CELL}")),
    "a picture to explain": ("explain", EVIL, "--model", EMBEDDED, "--out", "o"),
    "a baseline": ("evaluate", "batch", "--labels", csv(f"file,label\n{CELL},authentic\n"), "--baseline", EVIL),
    "a folder of pictures": ("kiln", "make", f"no/{EVIL}", "--specimens", "1"),
    "a model to enrol": ("enrol", "batch", "--reference", EVIL, "--model", EVIL, *TRUST, *MODEL_KEY, "--out", EVIL),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_no_control_character_reaches_the_terminal(lab: Tool, case: str) -> None:
    assert case == "a principal" or lab(*ADD_AUDITOR).code == 0
    assert lab("keygen", "--role", "model", "--out", "model.pem", "--no-passphrase").code == 0
    words = [word() if callable(word) else word for word in CASES[case]]
    done = without_control_characters(lab(*words))
    assert done.out + done.err
    assert done.code != Exit.FAULT, done.err
    as_json = without_control_characters(lab(*words, "--json"))
    if as_json.out:
        assert as_json.json["exit"] == as_json.code


def test_hostile_names_are_shown_escaped(lab: Tool) -> None:
    """Spelt out, and not left away: people are to see what somebody tried."""
    Path("batch", EVIL).write_bytes(b"x")
    done = without_control_characters(lab("inspect", "batch", "--trust", "trust.json", "--no-decode"))
    assert (done.code, "extra-file" in done.out) == (Exit.INTEGRITY, True)
    assert "a\\x1b[2J\\x1b]0;owned\\x07\\r\\x08\\x7f\\n\\x9b31m" in done.out
    assert "\\u202e" in done.out
    found = lab("inspect", "batch", "--trust", "trust.json", "--no-decode", "--json").json["files"]
    assert any("\x1b[2J" in file["name"] and "\\udc9b" in file["name"] for file in found)


def test_a_traceback_shows_hostile_text_escaped(lab: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback has the message of the error as it is, and any number of lines."""

    def fault(*_: object, **__: object) -> Answer:
        raise RuntimeError(EVIL) from OSError(EVIL)

    monkeypatch.setattr(signing, "open_batch", fault)
    done = without_control_characters(lab("inspect", "batch", "--trust", "trust.json"))
    assert done.code == Exit.FAULT
    assert len(done.err.splitlines()) > 10
    assert done.err.count("\\u202e") >= 3
    assert (
        without_control_characters(lab("inspect", "batch", "--trust", "trust.json", "--json")).json["reason"] == "fault"
    )


def test_text_of_an_answer_is_escaped(
    tool: Tool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import fusiondiff_audit.cli.doctor as doctor

    monkeypatch.setattr(doctor, "table", lambda _: f"one\n{EVIL}\nthree")
    done = without_control_characters(tool("doctor"))
    assert done.out.startswith("one\na\\x1b[2J")
    assert "three" in done.out


def test_progress_is_escaped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for pause in ("_PATIENCE", "_PAUSE"):
        monkeypatch.setattr(progress_module, pause, 0.01)
    with ProgressLine(EVIL) as progress:
        progress(1, 2)
        time.sleep(0.2)
    shown = capsys.readouterr().err
    assert "owned" in shown
    assert is_plain(shown.replace("\r\x1b[K", "")), ascii(shown)


def test_an_undecodable_name_is_shown(lab: Tool) -> None:
    """As a file system has it: bytes that are no UTF-8, among them a raw C1 escape."""
    with open(os.fsencode("batch") + b"/\x9b31m\xff.tif", "wb") as file:
        file.write(b"x")
    done = without_control_characters(lab("inspect", "batch", "--trust", "trust.json", "--no-decode"))
    assert (done.code, "\\udc9b31m\\udcff.tif" in done.out) == (Exit.INTEGRITY, True)
    assert run_verbs(verbs, ["sign", "batch", "--key", "device.pem", "--device", "d", "--force"]) == Exit.INTEGRITY


@pytest.mark.slow
def test_an_audit_with_hostile_names_is_escaped(lab: Tool) -> None:
    """Named by a stranger: a file that was added, and the folder that the report is written to."""
    assert lab(*ADD_AUDITOR).code == 0
    Path("batch", EVIL).write_bytes(b"x")
    write("audit.toml", 'name = "ours"\n[robustness]\nresult = "optional"\n')
    done = without_control_characters(lab(*AUDIT[:-2], EVIL, "--model", EMBEDDED, "--policy", "audit.toml"))
    assert done.code == Exit.INTEGRITY, done.err
    assert "\\x1b[2J" in done.out
    for words in (("verify", EVIL, *TRUST), ("verify", EVIL, *TRUST, "--images", "batch")):
        without_control_characters(lab(*words))
        without_control_characters(lab(*words, "--json"))
    page = Path(EVIL, "report.html").read_text(encoding="utf-8")
    assert "x1b[2J" in page
    assert all(is_plain(line) for line in page.split("\n"))

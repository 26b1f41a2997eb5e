"""Keys and passphrases stay in the process that was given them."""

import ctypes
import os
import pty
import resource
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import click
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

import signing
from fusiondiff_audit.cli import core_dumps, verbs
from fusiondiff_audit.cli.answer import PASSPHRASES
from fusiondiff_audit.cli.exits import Exit
from tests.images.synthetic import grains, written
from tests.terminal import converse
from tests.watching import spellings, watched

TOOL = Path(sysconfig.get_path("scripts"), "fusiondiff-audit")
PASSPHRASE = "zwölf Schafe über den Zaun 83b1"
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
START = "import sys; from fusiondiff_audit.cli import main; sys.argv = ['fusiondiff-audit', *sys.argv[1:]]\n"


def allow_core_files() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def at_its_prompt(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a verb that asks for a passphrase in a shell that allows core files, and return it while it waits."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [TOOL, "keygen", "--role", "device", "--out", "k.pem"],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=PLAIN, start_new_session=True,
        preexec_fn=allow_core_files,
    )  # fmt: skip
    os.close(theirs)
    screen = b""
    while not screen.endswith(b": "):
        screen += os.read(ours, 4096)
    return process, ours


def test_a_process_that_holds_a_passphrase_writes_no_core_file(tmp_path: Path) -> None:
    """The main process kept its core limit."""
    process, screen = at_its_prompt(tmp_path)
    os.write(screen, PASSPHRASE.encode())
    (line,) = (s for s in Path(f"/proc/{process.pid}/limits").read_text().splitlines() if s.startswith("Max core"))
    assert line.split()[-3:-1] == ["0", "0"]
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGABRT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -signal.SIGABRT
    os.close(screen)
    assert os.WTERMSIG(status) == signal.SIGABRT
    assert not os.WCOREDUMP(status)
    assert not list(tmp_path.iterdir())


LOOK = """
import ctypes, os, resource
sync = os.fsync
def look(descriptor):
    print("dumpable", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), "core", resource.getrlimit(resource.RLIMIT_CORE))
    sync(descriptor)
os.fsync = look
"""


@pytest.mark.parametrize(
    ("words", "dumpable"),
    [
        (("keygen", "--role", "device", "--out", "k.pem", "--no-passphrase"), 0),
        (("report", "timestamp", "signed", "--query", "out.tsq"), 1),
    ],
)
def test_a_process_that_holds_a_key_is_not_dumpable(tmp_path: Path, words: tuple[str, ...], dumpable: int) -> None:
    """Core limits do not hold for crash collectors; only a verb that takes a passphrase gives up its debugger."""
    if words[0] == "report":
        folder = tmp_path / "signed"
        folder.mkdir()
        (folder / "a.txt").write_text("a")
        key = signing.PrivateKey.generate(signing.Algorithm.ED25519)
        claims = {"device": "d", "lab": None, "captured": signing.now(), "issued": signing.now(), "sequence": 1}
        signing.sign_batch(folder, key=key, valid_for=signing.read_duration("1d"), **claims)  # type: ignore[arg-type]
    done = subprocess.run(
        [sys.executable, "-c", f"{LOOK}{START}main()", *words],
        cwd=tmp_path, env=PLAIN, capture_output=True, text=True, preexec_fn=allow_core_files, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"dumpable {dumpable} core (0, 0)" in done.stdout


def test_every_verb_that_opens_a_key_forbids_dumps() -> None:
    """They are told by the option for passphrases; each has it that takes a private key."""
    found = {name for name, command in commands() if PASSPHRASES in {option.name for option in command.params}}
    private = {
        name
        for name, command in commands()
        for option in command.params
        if option.name in ("root_keys", "second_key", "no_passphrase") or (option.name == "key" and name != "trust add")
    }
    assert private <= found
    assert len(found) == 17


def commands(group: click.Command = verbs, name: str = "") -> list[tuple[str, click.Command]]:
    if not isinstance(group, click.Group):
        return [(name, group)]
    context = click.Context(group)
    inner = ((verb, group.get_command(context, verb)) for verb in group.list_commands(context))
    return [one for verb, command in inner if command for one in commands(command, f"{name} {verb}".strip())]


def test_a_warning_is_printed_if_dumps_cannot_be_forbidden(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no")

    class Kernel:
        def prctl(self, *_: object) -> int:
            return -1

    monkeypatch.setattr(resource, "setrlimit", refuse)
    core_dumps.forbid_core_files()
    assert "core files cannot be forbidden (no)" in capsys.readouterr().err
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Kernel())
    core_dumps.forbid_dumps()
    assert "cannot make this process undumpable" in capsys.readouterr().err


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder with images to sign, and a passphrase in a folder of its own."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "pass").write_text(PASSPHRASE)
    (tmp_path / "secrets" / "pass").chmod(0o600)
    (tmp_path / "batch").mkdir()
    for number in range(2):
        (tmp_path / "batch" / f"{number}.tif").write_bytes(written(grains(64, 64, top=255, seed=number)))
    return tmp_path


def hidden(home: Path, *names: str) -> list[bytes]:
    """Return what must not be seen: the passphrase, and the private halves of keys without it."""
    found = [PASSPHRASE.encode()]
    for name in names:
        key = signing.load_key(home / name, passphrase=PASSPHRASE.encode)._key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            found.append(key.private_numbers().private_value.to_bytes(32))
        elif isinstance(key, ed25519.Ed25519PrivateKey):
            found.append(key.private_bytes_raw())
        else:
            raise TypeError(name)
    return found


PASS = ("--passphrase-file", "secrets/pass")
WALK: tuple[tuple[str, ...], ...] = (
    ("keygen", "--role", "root", "--out", "root.pem", *PASS),
    ("keygen", "--role", "device", "--out", "device.pem", *PASS),
    ("keygen", "--role", "auditor", "--out", "auditor.pem", *PASS),
    ("keygen", "--role", "model", "--out", "model.pem", *PASS),
    (
        *("trust", "init", "--root-key", "root.pem", "--add", "device=device.pub.pem", "--add", "model=model.pub.pem"),
        *("--add", "auditor=auditor.pub.pem", "--out", "trust.json", *PASS),
    ),
    ("sign", "batch", "--key", "device.pem", "--device", "sem-1", *PASS),
    ("inspect", "batch", "--trust", "trust.json"),
)


def test_verbs_that_sign_show_no_secrets(home: Path) -> None:
    """Not to `ps`, in a variable, in a file of its own or a temporary one, nor in what it says."""
    for words in (*WALK, (*WALK[5], "--force", "--json")):
        made = [name for name in ("root.pem", "device.pem", "auditor.pem", "model.pem") if (home / name).exists()]
        done = watched([TOOL, *words], secrets=hidden(home, *made), home=home)
        assert done.code == 0, done.said
        assert done.seen == frozenset(), words
    every = hidden(home, "root.pem", "device.pem", "auditor.pem", "model.pem")
    assert watched([TOOL, "doctor"], secrets=every, home=home).seen == frozenset()


def test_the_watcher_finds_secrets(home: Path) -> None:
    """What the test above looks for would be found: in the words, in the variables, in files that come and go, said."""
    secret = PASSPHRASE.encode()
    start = "import os, sys, time; time.sleep(0.5)"
    seen = watched([sys.executable, "-c", start, PASSPHRASE], secrets=[secret], home=home).seen
    assert any(where.endswith("cmdline") for where in seen)
    seen = watched(["env", f"P={PASSPHRASE}", sys.executable, "-c", start], secrets=[secret], home=home).seen
    assert any(where.endswith("environ") for where in seen)
    write = f"import base64, os, time; open('t', 'wb').write(base64.b64encode(b'xy' + {secret!r} + b'z'))"
    seen = watched(
        [sys.executable, "-c", f"{write}; time.sleep(0.5); os.remove('t')"], secrets=[secret], home=home
    ).seen
    assert str(home / "t") in seen
    assert "what it said" in watched(["echo", secret.hex()], secrets=[secret], home=home).seen
    assert len(spellings(secret)) >= 6


FAULTS = {
    "while the file is read": "signing.key_files.load_pem_private_key = fault",
    "while it signs": "signing.keys.PrivateKey.sign = fault",
    "while it is written": "signing.batch.create = fault",
    "while the passphrase is read": "signing.key_files._bounded = fault",
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_traceback_shows_no_secrets(home: Path, case: str) -> None:
    """Exit code 70 prints a traceback for us: it has lines of our code, and no values."""
    for words in (WALK[0], WALK[1]):
        assert subprocess.run([TOOL, *words], cwd=home, env=PLAIN, capture_output=True, check=False).returncode == 0
    fault = "import signing.batch, signing.key_files\ndef fault(*a, **k):\n    raise RuntimeError('a fault')\n"
    command = [sys.executable, "-c", f"{fault}{FAULTS[case]}\n{START}main()", *WALK[5]]
    done = watched(command, secrets=hidden(home, "root.pem", "device.pem"), home=home)
    assert done.code == Exit.FAULT, done.said
    assert b"Traceback" in done.said
    assert done.seen == frozenset()
    assert not (home / "batch" / "batch.sigstore.json").exists()


def test_a_wrong_passphrase_is_not_repeated(home: Path) -> None:
    subprocess.run([TOOL, *WALK[1]], cwd=home, env=PLAIN, capture_output=True, check=True)
    wrong = f"{PASSPHRASE}, but not quite"
    (home / "secrets" / "wrong").write_text(wrong)
    (home / "secrets" / "wrong").chmod(0o600)
    words = ("sign", "batch", "--key", "device.pem", "--device", "d", "--passphrase-file", "secrets/wrong")
    done = watched([TOOL, *words], secrets=[*hidden(home, "device.pem"), wrong.encode()], home=home)
    assert (done.code, done.seen) == (Exit.USAGE, frozenset()), done.said


def test_a_typed_passphrase_is_not_shown(home: Path) -> None:
    """A prompt on a terminal: nothing is echoed, repeated or written."""
    words = ("keygen", "--role", "device", "--out", "typed.pem")
    code, screen = converse([str(TOOL), *words], answer=PASSPHRASE, folder=home)
    assert code == 0, screen
    code, again = converse(
        [str(TOOL), "sign", "batch", "--key", "typed.pem", "--device", "d"], answer=PASSPHRASE, folder=home
    )
    assert code == 0, again
    for secret in hidden(home, "typed.pem"):
        for spelling in spellings(secret):
            assert spelling not in (screen + again).encode()
    assert watched(["true"], secrets=hidden(home, "typed.pem"), home=home).seen == frozenset()


@pytest.mark.slow
def test_an_audit_shows_no_secrets(home: Path) -> None:
    """Journal, ledger, report, pages and everything beside them, from an audit with a model."""
    from tests.model.tiny import enrolled_model  # loads torch, which no other test here needs

    for words in WALK:
        subprocess.run([TOOL, *words], cwd=home, env=PLAIN, capture_output=True, check=True)
    enrolled_model(2).save(home / "tiny")
    (home / "audit.toml").write_text('name = "ours"\n\n[robustness]\nresult = "optional"\n')
    every = hidden(home, "root.pem", "device.pem", "auditor.pem", "model.pem")
    audit = ("audit", "batch", "--model", "tiny", "--trust", "trust.json", "--key", "auditor.pem", *PASS)
    for words in (
        ("model", "sign", "tiny", "--key", "model.pem", *PASS),
        (*audit, "--policy", "audit.toml", "--ledger", "ledger", "--out", "out"),
        ("verify", "out", "--trust", "trust.json", "--images", "batch"),
        ("ledger", "export", "ledger", "--trust", "trust.json", "--out", "entries"),
    ):
        done = watched([TOOL, *words], secrets=every, home=home)
        assert done.code == 0, done.said
        assert done.seen == frozenset(), words
    assert {"report.sigstore.json", "report.html"} <= {path.name for path in (home / "out").iterdir()}

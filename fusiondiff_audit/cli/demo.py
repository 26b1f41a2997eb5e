"""The verb `demo`: a complete audit of synthetic micrographs, by the verbs that users call."""

import contextlib
import random
import shutil
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, run_verbs, say
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.cli.options import PATH
from fusiondiff_audit.extras import missing_libraries
from fusiondiff_audit.inputs.folders import make_folder
from reports.verdict.issue import REPORT, REPORT_PAGE

MODEL = "fusion-diff-v1-ceramic"
_SIDE = 160  # pixels
_GRAINS = 40


@click.command()
@click.option("--out", type=PATH, help="A new folder for all files; default: one in the system's temporary folder.")
@answering()
def command(out: Path | None) -> Answer:
    """Sign, audit and verify synthetic micrographs, as an example.

    Makes keys, a trust store and micrographs of a kiln and of workshops that copy it; signs the micrographs, audits
    them with the embedded model, and verifies the report. Then one bit of an image and one of the report are changed,
    and both are refused. All files are kept. The keys are for the demonstration only. Without the extra `audit`, the
    demonstration ends with the signed folder.

    \b
    fusiondiff-audit demo
    fusiondiff-audit demo --out demonstration
    """
    if out is None:
        out = Path(tempfile.mkdtemp(prefix="fusiondiff-audit-demo-"))
    else:
        make_folder(out, new=True)
    return _sign_and_inspect(out) if missing_libraries("audit") else _audit(out)


def _audit(home: Path) -> Answer:
    """Sign, audit and verify a batch, and show that changes are refused."""
    batch, report = home / "micrographs", home / "report"
    pin, keys = _trusted(home, "device", "auditor")
    trust = ("--trust", home / "trust.json", "--root", f"sha256:{pin}")
    _expect(Exit.DONE, "kiln", "make", batch, "--specimens", 6, "--side", 256, "--seed", 1)
    _expect(Exit.DONE, "sign", batch, "--key", keys["device"], "--device", "sem-1", "--entries", batch / "entries.csv")
    audit = ("audit", batch, "--model", MODEL, *trust, "--key", keys["auditor"], "--ledger", home / "ledger")
    _expect(Exit.DONE, *audit, "--out", report)
    _expect(Exit.DONE, "verify", report, *trust, "--images", batch)
    victim = _tampered(batch, home / "tampered")
    say("")
    say(f"one bit of {victim} has been changed")
    _expect(Exit.INTEGRITY, "verify", report, *trust, "--images", home / "tampered")
    forged = shutil.copytree(report, home / "forged") / REPORT
    forged.write_bytes(_flipped(forged.read_bytes()))
    say("")
    say(f"one bit of {forged} has been changed")
    _expect(Exit.INTEGRITY, "verify", home / "forged", *trust)
    say("")
    for name, path in {"page": report / REPORT_PAGE, "signed report": report / REPORT, "images": batch}.items():
        say(f"{name}: {path}")
    sentence = f"audited and verified; two changes were refused; open {report / REPORT_PAGE}"
    data = {"folder": str(home), "pin": f"sha256:{pin}", "report": str(report), "page": str(report / REPORT_PAGE)}
    return Answer("DONE", f"DEMONSTRATION: {sentence}", data=data)


def _sign_and_inspect(home: Path) -> Answer:
    """Sign and inspect a batch, and show that a change is refused; needs no model."""
    batch = home / "micrographs"
    batch.mkdir()
    for number in range(1, 5):
        (batch / f"tile-{number}.png").write_bytes(_micrograph(seed=number))
    pin, keys = _trusted(home, "device")
    trust = ("--trust", home / "trust.json", "--root", f"sha256:{pin}")
    _expect(Exit.DONE, "sign", batch, "--key", keys["device"], "--device", "sem-1", "--pixel-size", "12.5 nm")
    bare = ("--no-decode",) if missing_libraries("images") else ()
    _expect(Exit.DONE, "inspect", batch, *trust, *bare)
    victim = _tampered(batch, home / "tampered")
    say("")
    say(f"one bit of {victim} has been changed")
    _expect(Exit.INTEGRITY, "inspect", home / "tampered", *trust, *bare)
    say("")
    say("auditing needs the extra `audit`; `fusiondiff-audit doctor` says how to install it")
    sentence = f"DEMONSTRATION: signed and inspected; a change was refused; all files are in {home}"
    return Answer("DONE", sentence, data={"folder": str(home), "pin": f"sha256:{pin}"})


def _trusted(home: Path, *roles: str) -> tuple[str, dict[str, Path]]:
    """Make a key for each role and a trust store that lists them, and return its pin and the keys."""
    keys = {role: home / f"{role}.pem" for role in ("root", *roles)}
    for role, path in keys.items():
        _expect(Exit.DONE, "keygen", "--role", role, "--out", path, "--no-passphrase")
    listed = [word for role in roles for word in ("--add", f"{role}={signing.public_path(keys[role])}")]
    _expect(Exit.DONE, "trust", "init", "--root-key", keys["root"], *listed, "--out", home / "trust.json")
    return signing.load_trust(home / "trust.json", at=signing.now()).fingerprint, keys


def _tampered(batch: Path, copy: Path) -> Path:
    """Copy a folder, change one bit of its largest image, and return that image."""
    shutil.copytree(batch, copy)
    images = [path for path in copy.iterdir() if path.suffix in (".png", ".tif", ".tiff", ".jpg")]
    victim = max(sorted(images), key=lambda path: path.stat().st_size)
    victim.write_bytes(_flipped(victim.read_bytes()))
    return victim


def _flipped(data: bytes) -> bytes:
    """Return data with a bit changed near the middle, where a letter or digit stays one: base64 stays base64."""
    changed, middle = bytearray(data), len(data) // 2
    letters = (at for at in range(middle, len(data)) if chr(data[at]).isalnum() and chr(data[at] ^ 1).isalnum())
    changed[next(letters, middle)] ^= 1
    return bytes(changed)


def _expect(code: Exit, *arguments: object) -> None:
    """Call a verb as a user would; RuntimeError if it does not end with the expected code."""
    from fusiondiff_audit.cli import verbs

    words = [str(a) for a in arguments]
    shown = " ".join(f"'{w}'" if " " in w else w for w in words)
    say("")
    say(f"$ fusiondiff-audit {shown}")
    with contextlib.redirect_stdout(sys.stderr):  # only the answer of `demo` goes to stdout
        ended = run_verbs(verbs, words)
    if ended != code:
        raise RuntimeError(f"{words[0]} ended with {ended}, expected {code}")


def _micrograph(*, seed: int) -> bytes:
    """Return a grey PNG of a polished section: grains of even grey between dark boundaries, and shot noise."""
    rng = random.Random(seed)  # noqa: S311  # an image, not a secret
    grains = [(rng.random() * _SIDE, rng.random() * _SIDE, rng.randint(90, 210)) for _ in range(_GRAINS)]
    rows = bytearray()
    for y in range(_SIDE):
        rows.append(0)  # PNG filter: none
        for x in range(_SIDE):
            (near, grey), (next_, _) = sorted(((x - a) ** 2 + (y - b) ** 2, g) for a, b, g in grains)[:2]
            value = 40 if next_**0.5 - near**0.5 < 1.5 else grey
            rows.append(max(0, min(255, round(rng.gauss(value, 9)))))
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )

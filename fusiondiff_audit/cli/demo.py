"""The verb `demo`: the whole way, on made-up micrographs, by the verbs that users call."""

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
from fusiondiff_audit.cli.answer import Answer, answering, run, say
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.cli.options import PATH
from fusiondiff_audit.extras import lacking

_SIDE = 160  # pixels
_GRAINS = 40


@click.command()
@click.option("--out", type=PATH, help="A new folder to keep everything in; default: a temporary one.")
@answering()
def command(out: Path | None) -> Answer:
    """See the whole way on made-up micrographs.

    Makes keys, a trust store and a folder of pictures; signs it, inspects it; then changes one bit of a copy, and shows
    how that is refused. The keys are for the demonstration only.
    """
    if out is not None:
        try:
            out.mkdir(parents=True)
        except FileExistsError as e:
            raise signing.SigningError(signing.Reason.EXISTS, f"{out}: exists already", hint="name a new folder") from e
        except OSError as e:
            raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{out}: cannot be made: {e.strerror}") from e
        return _walk(out, f"everything lies in {out}")
    with tempfile.TemporaryDirectory(prefix="fusiondiff-audit-demo-") as name:
        return _walk(Path(name), "--out DIR keeps everything")


def _walk(home: Path, kept: str) -> Answer:
    batch, tampered = home / "micrographs", home / "tampered"
    batch.mkdir()
    for number in range(1, 5):
        (batch / f"tile-{number}.png").write_bytes(_micrograph(seed=number))
    root, device, trust = home / "root.pem", home / "sem-1.pem", home / "trust.json"
    _expect(Exit.DONE, "keygen", "--role", "root", "--out", root, "--no-passphrase")
    _expect(Exit.DONE, "keygen", "--role", "device", "--out", device, "--no-passphrase")
    public = signing.public_path(device)
    _expect(Exit.DONE, "trust", "init", "--root-key", root, "--add", f"device={public}", "--out", trust)
    _expect(Exit.DONE, "sign", batch, "--key", device, "--device", "sem-1", "--pixel-size", "12.5 nm")
    pin = signing.load_trust(trust, at=signing.now()).fingerprint
    bare = ("--no-decode",) if lacking("images") else ()
    _expect(Exit.DONE, "inspect", batch, "--trust", trust, "--root", f"sha256:{pin}", *bare)
    shutil.copytree(batch, tampered)
    victim = tampered / "tile-3.png"
    picture = bytearray(victim.read_bytes())
    picture[len(picture) // 2] ^= 1
    victim.write_bytes(picture)
    say("")
    say(f"one bit of {victim} has been changed")
    _expect(Exit.INTEGRITY, "inspect", tampered, "--trust", trust, "--root", f"sha256:{pin}", *bare)
    sentence = f"DEMONSTRATION: signed, inspected, tampered with and refused, as it should be; {kept}"
    return Answer("DONE", sentence, data={"folder": str(home), "pin": f"sha256:{pin}"})


def _expect(code: Exit, *arguments: object) -> None:
    """Call a verb as a user would; a demonstration that does not go as told is a fault of ours."""
    from fusiondiff_audit.cli import verbs

    words = [str(a) for a in arguments]
    shown = " ".join(f"'{w}'" if " " in w else w for w in words)
    say("")
    say(f"$ fusiondiff-audit {shown}")
    with contextlib.redirect_stdout(sys.stderr):  # our own answer alone goes to stdout
        found = run(verbs, words)
    if found != code:
        raise RuntimeError(f"{words[0]} ended with {found}, expected {code}")


def _micrograph(*, seed: int) -> bytes:
    """Return a grey PNG of a polished section: grains of even grey between dark boundaries, and shot noise."""
    rng = random.Random(seed)  # noqa: S311  # a picture, not a secret
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

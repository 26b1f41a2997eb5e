"""Whatever bytes come: the walkers say what is wrong, and so do the decoders behind them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusiondiff_audit.images.decoding import decode_samples
from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.file_claims import read_claims
from fusiondiff_audit.images.formats.recognition import read_image_header
from fusiondiff_audit.images.formats.registry import FORMATS
from fusiondiff_audit.images.sidecar import read_sidecar
from tests.images.dm_model import dm_model
from tests.images.synthetic import written
from tests.images.test_header import TIFFS
from tests.vectors.images import make

ROOT = Path(__file__).parents[2]
BEGINNINGS = {
    **{b"\x89PNG\r\n\x1a\n": "x.png", b"\xff\xd8\xff": "x.jpg", b"II\x97\x01\x20\x02": "x.ser"},
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "x.tif"),
    **{bytes(208) + stamp: "x.mrc" for stamp in (b"MAP DD\0\0", b"MAP DA\0\0", b"MAP \x11\x11\0\0")},
    **{dm_model().to_bytes()[:21]: "x.dm3", dm_model(4).to_bytes()[:27]: "x.dm4"},
}
SEEDS = [*make.GOOD.items(), *(("x.tif", written(p, **dict(o))) for p, o, _ in TIFFS.values())]


def walk_and_decode(data: bytes, name: str) -> None:
    """Let nothing out but our own refusal."""
    try:
        header = read_image_header(data, name)
        claims = read_claims(data, header, sidecar=read_sidecar(data))
        assert all(scale.nanometres > 0 for scale in claims.scales)
        if header.nbytes < 1 << 24:
            pixels = sum(len(block) for block in decode_samples(memoryview(data), header).blocks)
            assert pixels == header.height
    except ImageError as e:
        assert str(e).isprintable()


@given(st.sampled_from(sorted(BEGINNINGS)), st.binary(max_size=300))
def test_any_bytes_behind_a_signature_end_in_a_reason(beginning: bytes, rest: bytes) -> None:
    walk_and_decode(beginning + rest, BEGINNINGS[beginning])


def test_every_signature_has_a_beginning() -> None:
    signatures = {(image.suffixes[0], signature) for image in FORMATS for signature in image.signatures}
    reached = {
        (image.suffixes[0], signature)
        for image in FORMATS
        for signature in image.signatures
        for beginning in BEGINNINGS
        if re.compile(signature).match(beginning, image.signature_offset)
    }
    assert reached == signatures


@given(st.sampled_from(SEEDS), st.data())
def test_good_files_changed_anywhere_end_in_a_reason_or_an_image(seed: tuple[str, bytes], data: st.DataObject) -> None:
    name, whole = seed
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(len(changed) // 2, len(changed)))
    walk_and_decode(bytes(changed[:end]), name)


@given(st.text(max_size=400))
def test_any_sidecar_is_read_as_claims_or_not_at_all(text: str) -> None:
    header = read_image_header(make.GOOD["good.png"], "good.png")
    for prefix in ("", "[SemImageFile]\nPixelSize=", "$$SM_MICRON_BAR 1\n$$SM_MICRON_MARKER "):
        data = (prefix + text).encode("utf-8", "surrogatepass")
        claims = read_claims(make.GOOD["good.png"], header, sidecar=read_sidecar(data))
        assert len(claims.scales) <= 1


@pytest.mark.soak
@pytest.mark.parametrize("suffix", [image.suffixes[0] for image in FORMATS])
def test_a_fuzzer_that_follows_the_code_finds_nothing(suffix: str, tmp_path: Path) -> None:
    for i, (name, data) in enumerate([*SEEDS, *((n, d) for files in make.ALL.values() for n, d in files.items())]):
        if Path(name).suffix == suffix:
            (tmp_path / str(i)).write_bytes(data)
    command = [sys.executable, "-m", "tests.images.fuzzing", suffix, "-max_total_time=120", "-rss_limit_mb=4096"]
    done = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done" in done.stderr

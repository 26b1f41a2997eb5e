"""Microscopes' own files: the samples are exactly those that are stored, or the file is refused; claims are read."""

import struct
import time
import tracemalloc
from decimal import Decimal
from typing import Any

import mrcfile
import numpy as np
import pytest

from fusiondiff_audit.images.claims import Claims, ScaleSource
from fusiondiff_audit.images.decoding import decode_samples
from fusiondiff_audit.images.errors import ImageError, ImageReason
from fusiondiff_audit.images.file_claims import read_claims
from fusiondiff_audit.images.formats.dm_tags import MAX_DM_TAGS
from fusiondiff_audit.images.formats.recognition import read_image_header
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.header import MAX_METADATA, ImageHeader
from fusiondiff_audit.images.pixels import Samples, digest_pixels
from tests.images.dm_model import DmTag, array, dm_model, image_tags, number, text
from tests.images.microscope_models import MrcModel, SerModel
from tests.images.microscope_writers import DM_TYPES, MRC_MODES, SER_TYPES, dm, mrc, ser
from tests.images.synthetic import written

TALL = np.arange(7 * 5, dtype=np.uint16).reshape(7, 5) * 3

CASES: dict[str, tuple[str, Any]] = {
    **{f"MRC, {kind}": ("x.mrc", lambda p, k=kind: mrc(p.astype(k))) for kind in MRC_MODES},
    **{f"MRC, big-endian {kind}": ("x.mrc", lambda p, k=kind: mrc(p.astype(k), ">")) for kind in MRC_MODES},
    **{f"DM3, {kind}": ("x.dm3", lambda p, k=kind: dm(p.astype(k))) for kind in DM_TYPES},
    **{f"DM4, {kind}": ("x.dm4", lambda p, k=kind: dm(p.astype(k), 4)) for kind in DM_TYPES},
    **{f"SER, {kind}": ("x.ser", lambda p, k=kind: ser(p.astype(k))) for kind in SER_TYPES},
}  # fmt: skip


def read(data: bytes, name: str) -> tuple[Samples, ImageHeader]:
    header = read_image_header(data, name)
    rows = decode_samples(memoryview(data), header)
    return np.concatenate([block.copy() for block in rows.blocks]), header


def refuse(data: bytes, name: str, reason: ImageReason, words: str) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        read(data, name)
    assert caught.value.reason is reason
    if reason is ImageReason.UNSUPPORTED:
        assert "before signing" in str(caught.value.hint)


@pytest.mark.parametrize("case", CASES)
def test_the_pixels_are_those_that_were_stored(case: str) -> None:
    name, write = CASES[case]
    data = write(TALL)
    samples, header = read(data, name)
    eight = case.endswith("1")
    assert samples.dtype == (np.uint8 if eight else np.uint16)
    assert (samples[:, :, 0] == TALL).all()
    assert header.unreferenced == 0
    assert ImageHeader.from_data(header.to_data()) == header


def test_one_image_has_one_digest_however_it_is_stored() -> None:
    with Guard() as guard:
        digests = {
            case: guard.decode(data := write(TALL), read_image_header(data, name)).digest
            for case, (name, write) in CASES.items()
            if not case.endswith("1")
        }
        tiff = written(TALL)
        assert set(digests.values()) == {guard.decode(tiff, read_image_header(tiff, "x.tif")).digest}
    assert set(digests.values()) == {digest_pixels(TALL[:, :, None])}
    assert len(digests) == 6 + 6 + 6 + 6


WRONG: dict[str, list[float]] = {
    "i1": [-1, -128],
    "i2": [-1, -32_768],
    "i4": [-1, 65_536, 2**31 - 1],
    "u4": [65_536, 2**32 - 1],
    "f4": [-1, 65_536, 0.5, float("nan"), float("inf"), -float("inf"), 1e-30],
    "f8": [-1, 65_536, 0.5, float("nan"), float("inf"), 65_534.999],
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in WRONG.items() for value in values])
def test_a_sample_that_no_unsigned_whole_number_states_is_refused(kind: str, value: float) -> None:
    pixels = TALL.astype(kind)
    pixels[3, 2] = value
    refuse(ser(pixels), "x.ser", ImageReason.UNSUPPORTED, "a sample")
    refuse(dm(pixels), "x.dm3", ImageReason.UNSUPPORTED, "a sample")
    if kind in MRC_MODES:
        refuse(mrc(pixels), "x.mrc", ImageReason.UNSUPPORTED, "a sample")


def test_the_ends_of_the_range_are_read() -> None:
    pixels = np.array([[0, 65_535], [-0.0, 1]])
    for kind in ("f4", "f8"):
        assert (read(dm(pixels.astype(kind)), "x.dm3")[0][:, :, 0] == pixels).all()


def test_steps_say_how_samples_are_stored() -> None:
    assert read(mrc(TALL.astype("u2")), "x.mrc")[1].notes == ()
    assert read(mrc(TALL.astype("f4"), extended=bytes(80)), "x.mrc")[1].notes == (
        "ignored: an extended header of 80 bytes",
        "floating-point samples of 32 bits, all whole and from 0 to 65,535",
    )
    assert read(mrc(TALL.astype("i1")), "x.mrc")[1].notes == ("signed samples of 8 bits, all whole and from 0 to 127",)
    assert read(ser(TALL), "x.ser")[1].notes == ("rows stored from the lowest to the highest",)
    assert read(dm(TALL), "x.dm3")[1].notes == ("ignored: tags beside the image, a thumbnail",)
    assert read(dm(TALL, thumbnail=False), "x.dm3")[1].notes == ("ignored: tags beside the image",)


def test_a_file_that_mrcfile_wrote_is_read(tmp_path: Any) -> None:
    for kind in ("i2", "f4", "u2"):
        with mrcfile.new(tmp_path / f"{kind}.mrc") as file:
            file.set_data(TALL.astype(kind))
            file.voxel_size = 12.5
        data = (tmp_path / f"{kind}.mrc").read_bytes()
        samples, header = read(data, "x.mrc")
        assert (samples[:, :, 0] == TALL).all()
        (scale,) = read_claims(data, header).scales
        assert (scale.nanometres, scale.source) == (Decimal("1.25"), ScaleSource.MRC)


def claims(data: bytes, name: str) -> Claims:
    return read_claims(data, read_image_header(data, name))


SCALES: dict[str, tuple[str, bytes, str | None, int]] = {  # nanometres, and the number of conflicts
    "MRC": ("x.mrc", mrc(TALL, cell=(50, 70, 0), sampling=(5, 7, 1)), "1", 0),
    "MRC, oblong": ("x.mrc", mrc(TALL, cell=(50, 50, 0), sampling=(5, 7, 1)), "1", 1),
    "MRC, none": ("x.mrc", mrc(TALL), None, 0),
    "MRC, 1 for each sample": ("x.mrc", mrc(TALL, cell=(5, 7, 1), sampling=(5, 7, 1)), None, 0),
    "MRC, micrometres or ångströms": (
        "x.mrc", mrc(TALL, cell=(50, 70, 0), sampling=(5, 7, 1), words={104: 0x52414741}), None, 0,
    ),
    "MRC, no sampling": ("x.mrc", mrc(TALL, cell=(50, 70, 0), sampling=(0, 0, 0)), None, 0),
    "MRC, no number": ("x.mrc", mrc(TALL, cell=(float("nan"), 70, 0), sampling=(5, 7, 1)), None, 0),
    "MRC, negative": ("x.mrc", mrc(TALL, cell=(-50, -70, 0), sampling=(5, 7, 1)), None, 0),
    "DM, nm": ("x.dm3", dm(TALL, scale=0.25, unit="nm"), "0.25", 0),
    "DM, µm": ("x.dm4", dm(TALL, 4, scale=0.25, unit="µm"), "250", 0),
    "DM, ångström": ("x.dm3", dm(TALL, scale=2.5, unit="Å"), "0.25", 0),
    "DM, reciprocal": ("x.dm3", dm(TALL, scale=0.25, unit="1/nm"), None, 0),
    "DM, no unit": ("x.dm3", dm(TALL, scale=0.25, unit=""), None, 0),
    "DM, unit too long": ("x.dm3", dm(TALL, scale=0.25, unit="nm" * 600), None, 0),
    "SER": ("x.ser", ser(TALL, across=2.5e-9, down=2.5e-9), "2.5", 0),
    "SER, oblong": ("x.ser", ser(TALL, across=2.5e-9, down=3e-9), "2.5", 1),
    "SER, diffraction": ("x.ser", ser(TALL, across=4.2e7, down=4.2e7), None, 0),
    "SER, uncalibrated": ("x.ser", ser(TALL, across=1.0, down=1.0), None, 0),
    "SER, no number": ("x.ser", ser(TALL, across=float("inf"), down=float("nan")), None, 0),
}  # fmt: skip


@pytest.mark.parametrize("case", SCALES)
def test_a_scale_is_claimed_with_its_unit_or_not_at_all(case: str) -> None:
    name, data, nanometres, conflicts = SCALES[case]
    read_of_file = claims(data, name)
    assert [scale.nanometres for scale in read_of_file.scales] == ([] if nanometres is None else [Decimal(nanometres)])
    assert len(read_of_file.conflicts) == conflicts


def test_gatan_names_the_detector_and_the_magnification() -> None:
    microscope = DmTag("Microscope Info", [number("Indicated Magnification", 25_000, 7)])
    bar = DmTag("DataBar", [text("Device Name", "DigiScan"), text("Signal Name", "HAADF")])
    found = claims(dm(TALL, tags=[microscope, bar]), "x.dm3")
    assert (found.detector, found.magnification) == ("HAADF", "25000")
    found = claims(dm(TALL, tags=[DmTag("DataBar", [text("Device Name", "Digi\x1bScan")])]), "x.dm3")
    assert (found.detector, found.magnification) == (None, None)


def test_the_manifest_wins_over_the_file() -> None:
    data = dm(TALL, scale=0.25, unit="nm")
    found = read_claims(data, read_image_header(data, "x.dm3"), signed=("0.5", "nm"))
    assert found.scale is not None
    assert found.scale.source is ScaleSource.MANIFEST
    assert found.conflicts == ("0.5 nm (manifest), 0.25 nm (Gatan)",)


def test_much_beside_the_image_is_refused() -> None:
    large = [array("Hidden", bytes(MAX_METADATA), 10, 1)]
    refuse(dm(TALL, tags=large), "x.dm3", ImageReason.TOO_LARGE, "beside the image")
    model = dm_model()
    model.group("ImageList")[0] = image_tags(array("Data", bytes(4 * 513 * 512), 3, 4), 23, 4, (513, 512))
    refuse(model.to_bytes(), "x.dm3", ImageReason.TOO_LARGE, "a thumbnail of 1,050,624 bytes")
    refuse(mrc(TALL) + bytes(70_000), "x.mrc", ImageReason.MALFORMED, "belong to no part")


def tags_of(count: int) -> bytes:
    return dm(TALL, tags=[number("", 1, 8) for _ in range(count)])


def test_a_file_of_many_tags_is_read_in_little_time_and_memory() -> None:
    data = tags_of(MAX_DM_TAGS - 100)
    started = time.process_time()
    header = read_image_header(data, "x.dm3")
    assert time.process_time() - started < 3
    assert header.width == 5
    refuse(tags_of(MAX_DM_TAGS), "x.dm3", ImageReason.TOO_LARGE, "tags or more")


LIES: dict[str, tuple[str, bytes]] = {  # claims of gigabytes
    "MRC": ("x.mrc", MrcModel(2**31 - 1, 2**31 - 1, mode=6).to_bytes()),
    "SER": ("x.ser", SerModel(width=30_000, height=3_000, type=8).to_bytes()),
    "SER, series": ("x.ser", SerModel(total=2**31 - 1, valid=2**31 - 1).to_bytes()),
    "DM, array": ("x.dm4", dm_model(4, sides=(30_000, 3_000)).to_bytes()),
    "DM, tags": ("x.dm4", struct.pack(">IQIBBQBHQ", 4, 0, 1, 1, 0, 30_000, 20, 0, 2**63) + bytes(1000)),
    "DM, empty groups": ("x.dm3", struct.pack(">IIIBBI", 3, 0, 1, 1, 0, 8_000) + 8_000 * (b"\x14" + bytes(8))),
}


@pytest.mark.parametrize("case", LIES)
def test_a_claim_of_gigabytes_costs_nothing(case: str) -> None:
    name, data = LIES[case]
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(ImageError):
        read_image_header(data, name)
    assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    tracemalloc.stop()
    assert time.process_time() - started < 3

"""A batch through the door: hostile files among good neighbours, sidecars, claims, and the loose file."""

import io
import os
import resource
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import signing
from fusiondiff_audit.images.batch import RefusedImage, decode_batch
from fusiondiff_audit.images.claims import ScaleSource
from fusiondiff_audit.images.errors import ImageError, ImageReason
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, LooseMicrograph, SignedMicrograph, decode
from fusiondiff_audit.images.thumbnails import thumbnail
from signing import RefusedFile, SignedFile, TrustStore
from tests.conftest import NOW, sign
from tests.images import heavy
from tests.images.synthetic import written
from tests.images.test_header import CASES, GREY8, GREY16
from tests.vectors.images import make, microscope

NEIGHBOURS = {
    f"good-{i:02d}.tif": written(np.full((40, 48), i, np.uint16), compression="deflate" if i % 2 else None)
    for i in range(20)
}
BatchFiles = dict[str, SignedMicrograph | SignedFile | RefusedFile | RefusedImage]


def taken(folder: Path, trust: TrustStore, **options: Any) -> BatchFiles:
    batch = signing.open_batch(folder, trust=replace(trust, at=NOW))
    with Guard() as guard:
        return {file.name: file for file in decode_batch(batch, guard=guard, **options)}


def check_neighbours(files_by_name: BatchFiles) -> None:
    for name in NEIGHBOURS:
        neighbour = files_by_name.pop(name)
        assert isinstance(neighbour, SignedMicrograph), neighbour
        assert int(neighbour.pixels.max()) == int(name[5:7])


@pytest.mark.parametrize("outcome", make.ALL)
def test_our_own_hostile_files_end_as_their_folder_says(
    outcome: str, make_batch: Callable[..., Path], trust: TrustStore
) -> None:
    files = make.ALL[outcome]
    files_by_name = taken(make_batch(files | NEIGHBOURS), trust)
    check_neighbours(files_by_name)
    for name in files:
        file = files_by_name.pop(name)
        if outcome == "good":
            assert isinstance(file, SignedMicrograph)
            own = name in microscope.GOOD
            expected = microscope.greys(name) if own else np.asarray(Image.open(io.BytesIO(files[name])))
            assert (file.pixels[:, :, 0] == expected).all()
        elif Path(name).suffix in (".gif", ".pdf"):
            assert isinstance(file, SignedFile)  # no image by its name, and nobody decodes it
        else:
            assert isinstance(file, RefusedImage), file
            assert file.reason == outcome
            assert repr(name) in file.message
            assert file.message.isprintable()
    assert not files_by_name


# Of the damaged files that once crashed other readers, these have an image all the same; the others are refused.
PILLOW = {
    "broken_exif_dpi.jpg",
    "invalid-exif-without-x-resolution.jpg",
}


@pytest.mark.vectors
def test_the_files_that_crashed_other_readers_are_refused_or_right(
    make_batch: Callable[..., Path], trust: TrustStore, vectors: Path
) -> None:
    kinds = (".tif", ".jpg", ".jpeg", ".png")
    files = {p.name: p.read_bytes() for p in (vectors / "images-pillow").iterdir() if p.suffix in kinds}
    assert len(files) == 23
    started = time.monotonic()
    files_by_name = taken(make_batch(files | NEIGHBOURS), trust)
    assert time.monotonic() - started < 30
    check_neighbours(files_by_name)
    good = {name: file for name, file in files_by_name.items() if isinstance(file, SignedMicrograph)}
    assert good.keys() == PILLOW
    for name, file in good.items():
        second = np.asarray(Image.open(io.BytesIO(files[name])))
        assert (file.pixels == second.reshape(*second.shape[:2], -1)[:, :, : file.pixels.shape[2]]).all()
    for name in files.keys() - good.keys():
        refused = files_by_name[name]
        assert isinstance(refused, RefusedImage), name
        assert refused.reason.value in ("malformed", "unsupported", "ambiguous")


def test_each_hostile_file_ends_soon_and_small() -> None:
    """Each alone, by the clock and by the memory of the one process that reads it here."""
    with Guard() as guard:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for case, data in CASES.items():
            started = time.monotonic()
            try:
                decode(LooseFile(case, "", data), guard=guard)
            except ImageError as e:
                assert not case.startswith("good"), e
            assert time.monotonic() - started < 10, case
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


def test_a_bomb_of_the_largest_size_is_held_by_the_childs_limits() -> None:
    """100 megapixels that deflate to 200 KB, at 16 bits: 200 MB, which the decoder's own limits allow."""
    zeros = np.zeros((10_000, 10_000), np.uint16)
    data = written(zeros, compression="deflate", rowsperstrip=64)
    assert len(data) < 1_000_000
    with Guard() as guard:
        bomb = decode(LooseFile("bomb.tif", "", data), guard=guard)
        assert bomb.pixels.shape == (10_000, 10_000, 1)
        assert not bomb.pixels.any()


def many_pages() -> bytes:
    """Return 64 directories that all name the same very long lists."""
    count = 1_000_000
    lists = struct.pack("<I", 8) * count
    tags = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1), (278, 4, 1, 1)]
    tags += [(tag, 4, count, 8) for tag in (273, 279, 324, 325)]
    packed = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    start, size = 8 + len(lists), 2 + len(packed) + 4
    pages = [struct.pack("<H", len(tags)) + packed + struct.pack("<I", start + size * (i + 1)) for i in range(63)]
    pages.append(struct.pack("<H", len(tags)) + packed + struct.pack("<I", 0))
    return b"II*\0" + struct.pack("<I", start) + lists + b"".join(pages)


def noise_png() -> bytes:
    """Return pixels that do not deflate, in one chunk."""
    rows = np.random.default_rng(0).integers(0, 256, (5000, 5001), np.uint8)
    rows[:, 0] = 0
    return make.png(make.ihdr(5000, 5000), make.chunk(b"IDAT", zlib.compress(rows.tobytes(), 0)))


ENDLESS_JPEG = make.jpeg(make.frame(), scan=b"\xff\0" * 20_000_000)
OME_OF_NAMES = "<OME>" + f"<Pixels {'a' * 3990}>" * 250
COSTLY: dict[str, tuple[str, Callable[[], bytes]]] = {
    "64 pages of long lists": ("x.tif", many_pages),
    "noise in a PNG": ("x.png", noise_png),
    "a JPEG of stuffed bytes": ("x.jpg", lambda: ENDLESS_JPEG),
    "OME of attributes without values": ("x.tif", lambda: tagged(270, OME_OF_NAMES)),
    "OME of comments": ("x.tif", lambda: tagged(270, "<OME>Pixels" + "<!--" * 250_000)),
    "descriptions of shapes": ("x.tif", lambda: tagged(270, "shape=[40, 48], axes=YX " * 40_000)),
    "XMP of orientations": ("x.tif", lambda: tagged(700, "orientation " * 80_000)),
    "a profile of long curves": ("x.tif", lambda: tagged(34675, "curv" * 200_000)),
    "Zeiss of empty lines": ("x.tif", lambda: tagged(34118, "\n" * 1_000_000)),
    "a TIFF of one-row strips": ("x.tif", lambda: written(np.zeros((30_000, 8), np.uint8), rowsperstrip=1)),
    "the same, packed": ("x.tif", lambda: heavy.flat_tiff(8, 30_000, compression=5, bits=8, rows=1)),
}


@pytest.mark.parametrize("case", COSTLY)
def test_what_is_made_to_be_costly_ends_in_time(case: str) -> None:
    name, make_it = COSTLY[case]
    data = make_it()
    with Guard() as guard:
        started = time.process_time()
        try:
            decode(LooseFile(name, "", data), guard=guard)
        except ImageError as e:
            assert len(str(e)) < 200
        assert time.process_time() - started < 10


def test_sixteen_bits_that_differ_in_the_lowest_differ_in_the_digest() -> None:
    other = GREY16.copy()
    other[20, 20] ^= 1
    with Guard() as guard:
        for options in ({}, {"compression": "deflate"}, {"byteorder": ">"}):
            one, two = (
                decode(LooseFile("x.tif", "", written(p, **dict(options))), guard=guard) for p in (GREY16, other)
            )
            assert one.pixel_digest != two.pixel_digest
            assert one.pixels.dtype == np.uint16
            assert (one.pixels != two.pixels).sum() == 1


def tagged(tag: int, text: str, pixels: np.ndarray[Any, Any] = GREY8, **options: Any) -> bytes:
    return written(pixels, extratags=[(tag, 2, len(text) + 1, text, True)], metadata=None, **options)


FEI = "\r\n".join((
    *("[Scan]", "PixelWidth=1.25e-08", "PixelHeight=1.25e-08", "[Image]", "ResolutionX=48", "ResolutionY=36"),
    *("[Detectors]", "Name=ETD", ""),
))  # fmt: skip
ZEISS = "\r\n".join((
    *("", "1", "AP_MAG", "Mag = 5.00 K X", "AP_PIXEL_SIZE", "Pixel Size = 99.0 nm"),
    *("AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 12.5 nm", "DP_DETECTOR_TYPE", "Detector = InLens", ""),
))  # fmt: skip
HITACHI = "[SemImageFile]\r\nImageName=a.tif\r\nPixelSize=12.5\r\nMagnification=5000\r\nSignalName=SE\r\n"
JEOL = "$$SM_MICRON_BAR 80\r\n$$SM_MICRON_MARKER 1um\r\n$CM_MAG 5000\r\n"
IMAGEJ = written(GREY8, imagej=True, resolution=(80, 80), metadata={"unit": "um"})
CLAIMS: dict[str, tuple[dict[str, bytes], ScaleSource, str | None, str | None]] = {
    "FEI": ({"a.tif": tagged(34680, FEI)}, ScaleSource.FEI, "ETD", None),
    "Zeiss": ({"a.tif": tagged(34118, ZEISS)}, ScaleSource.ZEISS, "InLens", "5.00 K X"),
    "OME": (
        {
            "a.tif": written(
                GREY8,
                ome=True,
                metadata={"axes": "YX", "PhysicalSizeX": 0.0125, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.0125},
            )
        },
        ScaleSource.OME,
        None,
        None,
    ),
    "ImageJ": ({"a.tif": IMAGEJ}, ScaleSource.IMAGEJ, None, None),
    "Hitachi": ({"a.tif": written(GREY8), "a.txt": HITACHI.encode()}, ScaleSource.HITACHI, "SE", "5000"),
    "Hitachi, UTF-16": ({"a.tif": written(GREY8), "a.txt": HITACHI.encode("utf-16")}, ScaleSource.HITACHI, "SE", "5000"),  # noqa: E501
    "JEOL": ({"a.tif": written(GREY8), "a.txt": JEOL.encode()}, ScaleSource.JEOL, None, "5000"),
}  # fmt: skip


@pytest.mark.parametrize("case", CLAIMS)
def test_claims_of_files_name_their_source(
    case: str, make_batch: Callable[..., Path], trust: TrustStore, keys: dict[str, signing.PrivateKey]
) -> None:
    files, source, detector, magnification = CLAIMS[case]
    folder = make_batch(files)
    claims = micrograph(taken(folder, trust)).claims
    assert claims.scale is not None
    assert (claims.scale.nanometres, claims.scale.source) == (Decimal("12.5"), source)
    assert (claims.detector, claims.magnification, claims.conflicts) == (detector, magnification, ())
    assert claims.rows == (36 if case == "FEI" else None)
    for size, conflict in (("12.6 nm", False), ("13 nm", True), ("0.0125 um", False)):
        sign(folder, keys["device"], force=True, pixel_size=signing.PixelSize.parse(size))
        claims = micrograph(taken(folder, trust)).claims
        assert claims.scale is not None
        assert claims.scale.source is ScaleSource.MANIFEST
        assert bool(claims.conflicts) is conflict, claims.conflicts
    assert claims.scales[1].source is source


def micrograph(files_by_name: BatchFiles) -> SignedMicrograph:
    file = files_by_name["a.tif"]
    assert isinstance(file, SignedMicrograph), file
    return file


NONSENSE = [
    FEI.replace("1.25e-08", "1.25e+08"),
    FEI.replace("1.25e-08", "nan"),
    FEI.replace("1.25e-08", "-1"),
    FEI.replace("1.25e-08", "1e999999999"),
    "[Scan]\nPixelWidth=" + "1" * 10_000,
    "[[[[=\n=\n]",
]


@pytest.mark.parametrize("text", NONSENSE, ids=range(len(NONSENSE)))
def test_text_that_cannot_be_parsed_makes_no_claim(text: str) -> None:
    with Guard() as guard:
        assert decode(LooseFile("a.tif", "", tagged(34680, text)), guard=guard).claims.scales == ()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (1, 1, 3)])
def test_the_smallest_image_has_a_thumbnail(shape: tuple[int, ...]) -> None:
    with Guard() as guard:
        tiny = decode(LooseFile("a.tif", "", written(np.full(shape, 9, np.uint8))), guard=guard)
    assert Image.open(io.BytesIO(thumbnail(tiny))).size == (shape[1], shape[0])


@pytest.mark.parametrize("rows", ["000100" + "0" * 5000, "0001009999999", "-36", "0", "40", "36.0"])
def test_rows_that_an_image_cannot_have_are_no_claim(rows: str) -> None:
    text = FEI.replace("ResolutionY=36", f"ResolutionY={rows}")
    assert rows in text
    with Guard() as guard:
        assert decode(LooseFile("a.tif", "", tagged(34680, text)), guard=guard).claims.rows is None


def test_pixels_that_are_not_square_are_a_conflict() -> None:
    with Guard() as guard:
        text = FEI.replace("PixelHeight=1.25e-08", "PixelHeight=2e-08")
        assert decode(LooseFile("a.tif", "", tagged(34680, text)), guard=guard).claims.conflicts == (
            "pixels of 12.5 nm by 20 nm (FEI)",
        )


def test_a_sidecar_outside_the_manifest_makes_no_claim(make_batch: Callable[..., Path], trust: TrustStore) -> None:
    folder = make_batch({"a.tif": written(GREY8)})
    (folder / "a.txt").write_bytes(HITACHI.encode())
    files_by_name = taken(folder, trust)
    assert micrograph(files_by_name).claims.scales == ()
    assert isinstance(files_by_name["a.txt"], RefusedFile)


def test_of_two_sidecars_the_first_of_the_manifest_counts_and_the_other_is_refused(
    make_batch: Callable[..., Path], trust: TrustStore, keys: dict[str, signing.PrivateKey]
) -> None:
    other = JEOL.replace("5000", "9000")
    files = {"a.tif": written(GREY8), "a.hdr": other.encode(), "a.txt": HITACHI.encode(), "b.txt": b"of no image"}
    folder = make_batch(files)
    beside = signing.Claim(signing.FileKind.SIDECAR, None, None)
    sign(folder, keys["device"], force=True, claims={"a.hdr": beside})
    files_by_name = taken(folder, trust)
    claims = micrograph(files_by_name).claims
    assert claims.magnification == "9000"
    assert isinstance(files_by_name["a.hdr"], SignedFile)
    assert isinstance(files_by_name["b.txt"], SignedFile)
    second = files_by_name["a.txt"]
    assert isinstance(second, RefusedImage)
    assert second.reason is ImageReason.UNSUPPORTED


def test_a_file_that_was_changed_reaches_no_decoder(
    make_batch: Callable[..., Path], trust: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_batch({"a.tif": written(GREY16, compression="deflate"), "b.tif": written(GREY8)})
    for name in ("a.tif", "b.tif"):
        data = bytearray((folder / name).read_bytes())
        data[-1] ^= 1
        (folder / name).write_bytes(data)
    monkeypatch.setattr(Guard, "decode", None)
    assert all(isinstance(file, RefusedFile) for file in taken(folder, trust).values())


def test_samples_of_32_bits_and_several_pages_are_refused(make_batch: Callable[..., Path], trust: TrustStore) -> None:
    pages = written(np.stack([GREY8, GREY8 + 1]), photometric="minisblack")
    folder = make_batch({"pages.tif": pages, "deep.tif": written(GREY8.astype("f4")), "one.tif": written(GREY8)})
    reasons = {name: getattr(file, "reason", None) for name, file in taken(folder, trust).items()}
    assert reasons == {"pages.tif": "unsupported", "deep.tif": "unsupported", "one.tif": None}


def test_load_microstructure_data_decodes_a_loose_file(tmp_path: Path) -> None:
    from fusiondiff_audit import load_microstructure_data

    path = tmp_path / "sample_001.tif"
    tifffile.imwrite(path, GREY16, compression="deflate")
    sample = load_microstructure_data(path)
    assert isinstance(sample, LooseMicrograph)
    assert (load_microstructure_data(str(path)).pixels[:, :, 0] == GREY16).all()
    assert sample.name == "sample_001.tif"
    path.write_bytes(b"GIF89a")
    with pytest.raises(ImageError, match="a GIF"):
        load_microstructure_data(path)
    with pytest.raises(signing.SigningError, match="no such"):
        load_microstructure_data(tmp_path / "nowhere.tif")


def test_only_signed_files_become_signed_micrographs() -> None:
    """Types are the ticket: a loose file's micrograph is not a signed one, whatever it is called."""
    with Guard() as guard:
        loose = decode(LooseFile("a.tif", "0" * 64, written(GREY8)), guard=guard)
    assert not isinstance(loose, SignedMicrograph)
    assert not hasattr(loose, "entry")
    assert os.fspath(Path(loose.name)) == "a.tif"


def test_of_a_sidecar_only_claims_are_kept(
    make_batch: Callable[..., Path], trust: TrustStore, keys: dict[str, signing.PrivateKey]
) -> None:
    """Whoever signs a batch chooses how much text lies beside its images."""
    count, size = 48, 1 << 20
    names = [f"{i:02d}" for i in range(count)]
    folder = make_batch({f"{n}.tif": b"II*\0" for n in names} | {f"{n}.txt": bytes(size) for n in names})
    beside = signing.Claim(signing.FileKind.SIDECAR, None, None)
    sign(folder, keys["device"], force=True, claims={f"{n}.txt": beside for n in names})
    batch = signing.open_batch(folder, trust=replace(trust, at=NOW))
    tracemalloc.start()
    with Guard() as guard:
        assert sum(1 for _ in decode_batch(batch, guard=guard)) == 2 * count
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < count * size / 2

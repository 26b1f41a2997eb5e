"""What is changed in a JPEG's APPn segments: orientation, colour, profiles, thumbnails, further images."""

import struct
from random import Random
from typing import Literal

import cv2
import numpy as np
from PIL import ImageCms

from tests.images.differential.exif import exif, orientation_in_xmp
from tests.images.differential.jpeg_model import APP, SOS, Jpeg, Segment
from tests.images.differential.jpeg_scans import Mutation

SPACES: tuple[Literal["sRGB", "LAB", "XYZ"], ...] = ("sRGB", "LAB", "XYZ")


def app(jpeg: Jpeg, number: int, body: bytes, rng: Random) -> None:
    new = Segment(APP + number, body)
    jpeg.insert(new, jpeg.frame if rng.random() < 0.5 else None)


def exif_orientation(jpeg: Jpeg, rng: Random) -> str:
    value, order = rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 0, 9]), rng.choice("<>")
    body = rng.choice([b"Exif\0\0", b"Exif\0\0", b"Exif\0\xff", b"EXIF\0\0"]) + exif(
        value, order, kind=rng.choice([3, 3, 4])
    )
    app(jpeg, rng.choice([1, 1, 1, 2]), body, rng)
    if rng.random() < 0.2:
        app(jpeg, 1, b"Exif\0\0" + exif(rng.choice([1, 3, 6]), order), rng)
    return f"{value} {order}"


def xmp_orientation(jpeg: Jpeg, rng: Random) -> str:
    value = rng.choice([1, 3, 6])
    app(jpeg, 1, b"http://ns.adobe.com/xap/1.0/\0" + orientation_in_xmp(value), rng)
    return str(value)


def adobe(jpeg: Jpeg, rng: Random) -> str:
    transform, jfif = rng.choice([0, 1, 2, 3]), rng.random() < 0.5
    if not jfif:
        drop_jfif(jpeg, rng)
    body = b"Adobe" + struct.pack(">HHHB", rng.choice([100, 101]), 0, 0, transform) + rng.choice([b"", b"", b"\0"])
    app(jpeg, 14, body[: rng.choice([12, 12, 12, 11, 14])], rng)
    return f"transform {transform}, {'with' if jfif else 'without'} JFIF"


def drop_jfif(jpeg: Jpeg, _: Random) -> None:
    jpeg.segments = [s for s in jpeg.segments if s.marker not in (APP, APP + 14)]


def jfif(jpeg: Jpeg, rng: Random) -> str:
    how = rng.choice(["dropped", "twice", "thumbnail", "late", "version", "short", "JFXX", "density"])
    applications = jpeg.all(APP)
    match how:
        case "dropped":
            drop_jfif(jpeg, rng)
        case "twice":
            app(jpeg, 0, b"JFIF\0\1\2\0\0\1\0\1\0\0", rng)
        case "thumbnail":
            app(jpeg, 0, b"JFIF\0\1\2\0\0\1\0\1\2\2" + bytes(range(12)), rng)
        case "late":
            jpeg.segments = [s for s in jpeg.segments if s not in applications]
            jpeg.insert(applications[0] if applications else Segment(APP, b"JFIF\0\1\1\0\0\1\0\1\0\0"), jpeg.first(SOS))
        case "version":
            app(jpeg, 0, b"JFIF\0\x09\2\0\0\1\0\1\0\0", rng)
        case "short":
            app(jpeg, 0, b"JFIF\0\1", rng)
        case "JFXX":
            app(jpeg, 0, b"JFXX\0\x10" + small(), rng)
        case _:
            app(jpeg, 0, b"JFIF\0\1\2\1\0\x48\0\1\0\0", rng)
    return how


def small() -> bytes:
    return cv2.imencode(".jpg", np.full((8, 8), 40, np.uint8))[1].tobytes()


def icc(jpeg: Jpeg, rng: Random) -> str:
    how, space = rng.choice(["whole", "whole", "junk", "second part alone", "in two parts"]), rng.choice(SPACES)
    profile = bytes(200) if how == "junk" else ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()
    half = len(profile) // 2
    parts = {"second part alone": [(2, 2, profile)], "in two parts": [(1, 2, profile[:half]), (2, 2, profile[half:])]}
    for number, count, part in parts.get(how, [(1, 1, profile)]):
        app(jpeg, 2, b"ICC_PROFILE\0" + bytes([number, count]) + part, rng)
    return f"{space}, {how}"


def mpf(jpeg: Jpeg, rng: Random) -> str:
    """Add a second image behind, and the index that says so (CIPA DC-007)."""
    how = rng.choice(["indexed", "padded", "not there", "one image"])
    count = 1 if how == "one image" else 2
    entries = [(0xB000, 7, 4, int.from_bytes(b"0100", "little")), (0xB001, 4, 1, count), (0xB002, 7, 16 * count, 50)]
    second = small()
    index = b"II*\0\x08\0\0\0" + struct.pack("<H", 3) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
    first_size = len(jpeg.to_bytes()) + 8 + len(index) + 16 * count
    padding = b"\0" * 4 if how == "padded" else b""
    where = first_size - (2 + len(jpeg.segments[1].to_bytes()) + 8) + len(padding)
    index += struct.pack("<IIIHH", 0x030000, first_size, 0, 0, 0) + struct.pack(
        "<IIIHH", 0, len(second), where, 0, 0
    ) * (count - 1)
    jpeg.insert(Segment(APP + 2, b"MPF\0" + index), jpeg.segments[2])
    jpeg.rest = padding + second if how in ("indexed", "padded") else b""
    return how


def other_app(jpeg: Jpeg, rng: Random) -> str:
    number = rng.choice([0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    exif_resource = b"8BIM\x04\x22\0\0" + struct.pack(">I", len(words := exif(6, "<"))) + words
    body = rng.choice([
        b"words", b"", b"AVI1\0", b"JP\0\0", b"AROT\0\0\0\0\1\0\0\0\6", b"Ducky\0\1\0\4\0\0\0\x3c",
        b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\0", b"Photoshop 3.0\0" + exif_resource,
        b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4), b"http://ns.adobe.com/xmp/extension/\0" + bytes(40),
    ])  # fmt: skip
    app(jpeg, number, body, rng)
    return f"{number} {body[:12]!r}"


APPLICATIONS: dict[str, Mutation] = {
    "EXIF orientation": exif_orientation,
    "XMP orientation": xmp_orientation,
    "Adobe": adobe,
    "JFIF": jfif,
    "ICC profile": icc,
    "multi-image": mpf,
    "APPn": other_app,
}

"""Chunks that may be added to a PNG, and what each could say (PNG, third edition; its extensions; private ones)."""

import struct
import zlib
from functools import cache
from random import Random
from typing import Literal

from PIL import ImageCms

from tests.images.differential.exif import exif, orientation_in_xmp
from tests.images.differential.png_model import CHANNELS, Png


def four(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *(number % 2**32 for number in numbers))


@cache
def profile(space: Literal["sRGB", "LAB"]) -> bytes:
    return zlib.compress(ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes())


def ancillary(kind: bytes, rng: Random, png: Png) -> bytes:
    """Return what a chunk may say."""
    depth, channels = png.bits, CHANNELS[png.colour]
    colours = {0: 2, 2: 6, 3: 256}.get(png.colour, 2)
    turned = b"Exif\0\0" + exif(6, "<")
    words = b" %7d\n%s\n" % (len(turned), turned.hex().encode())
    bodies: dict[bytes, list[bytes]] = {
        b"gAMA": [four(v) for v in (45455, 100000, 1, 0, 220000, 45454)] + [b"\0"],
        b"cHRM": [four(31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000), four(*[10000] * 8), b"\0\0"],
        b"sRGB": [bytes([v]) for v in (0, 1, 2, 3, 9)],
        b"iCCP": [b"a\0\0" + profile("sRGB"),
                  b"a\0\0" + profile("LAB"),
                  b"a\0\0" + zlib.compress(bytes(200)), b"\0\0", b"a\0\1x"],
        b"cICP": [bytes(v) for v in ([1, 13, 0, 1], [9, 16, 0, 1], [1, 13, 0, 0], [1, 8, 0, 1])],
        b"mDCV": [bytes(24)],
        b"mDCv": [bytes(24)],
        b"cLLI": [bytes(8)],
        b"cLLi": [bytes(8)],
        b"sBIT": [bytes([v] * (3 if png.colour == 3 else channels)) for v in (depth, max(1, depth - 3), 1, 0, 17)],
        b"bKGD": [bytes(1 if png.colour == 3 else 2 * (channels - (png.colour in (4, 6))))],
        b"hIST": [bytes(512), bytes(6)],
        b"tRNS": [bytes(colours), b"\xff" * colours, b"\xff", b""],
        b"pHYs": [four(3937, 3937) + b"\1", four(1, 2) + b"\0", b""],
        b"sPLT": [b"a\0\x08" + bytes(12)],
        b"eXIf": [exif(v, order) for v in (1, 3, 6, 8) for order in "<>"] + [b"junk", b"Exif\0\0" + exif(6, "<")],
        b"tIME": [bytes([7, 228, 1, 1, 0, 0, 0])],
        b"tEXt": [b"Comment\0words", b"Raw profile type exif\0\nexif\n      8\n4949", b"Software\0tifffile",
                  b"exif:Orientation\x006",
                  b"Raw profile type exif\0\nexif\n" + words,
                  b"Raw profile type APP1\0\ngeneric\n" + words],
        b"zTXt": [b"Comment\0\0" + zlib.compress(b"words"), b"Comment\0\0junk",
                  b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n" + words)],
        b"iTXt": [b"Comment\0\0\0\0\0words", b"XML:com.adobe.xmp\0\0\0\0\0" + orientation_in_xmp(6)],
        b"oFFs": [four(0, 0) + b"\0", four(5, 5) + b"\0"],
        b"pCAL": [b"a\0" + four(0, 255) + b"\0\2um\0" + b"0\0" + b"1"],
        b"sCAL": [b"\1" + b"0.5\0" + b"0.5", b"\1" + b"1\0-1"],
        b"sTER": [b"\0", b"\1"],
        b"acTL": [four(1, 0), four(2, 0), four(0, 0)],
        b"fcTL": [four(0, png.width, png.height, 0, 0) + bytes(6), four(0, 1, 1, 0, 0) + bytes(6)],
        b"fdAT": [four(1) + zlib.compress(bytes(len(png.raw)))],
        b"caBX": [bytes(30)],
        b"dSIG": [bytes(30)],
        b"vpAg": [four(png.width * 2, png.height) + b"\0"],
        b"iDOT": [bytes(28)],
        b"CgBI": [b"P\0 \2"],
        b"gIFg": [bytes(4)],
        b"gIFx": [bytes(14)],
        b"fRAc": [b"words"],
        b"npOl": [b"words"],
        b"orNT": [b"\6"],
        b"exIf": [exif(6, "<")],
        b"zxIf": [exif(6, "<")],
        b"tRnS": [bytes(2)],
        b"abcd": [b"words"],
        b"aBcD": [b"words"],
        b"ABCD": [b"words"],
        b"JDAT": [b"words"],
        b"MHDR": [bytes(28)],
        b"gMAP": [bytes(8)],
        b"a1cd": [b"words"],
        b"\0\0\0\0": [b""],
    }  # fmt: skip
    likely, *_ = values = bodies[kind]
    return likely if rng.random() < 0.3 else rng.choice(values)


KNOWN = (
    b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"mDCv", b"cLLI", b"cLLi", b"sBIT", b"bKGD", b"hIST", b"tRNS",
    b"pHYs", b"sPLT", b"eXIf", b"tIME", b"tEXt", b"zTXt", b"iTXt", b"oFFs", b"pCAL", b"sCAL", b"sTER", b"acTL", b"fcTL",
    b"fdAT", b"caBX", b"dSIG", b"vpAg", b"iDOT", b"CgBI", b"gIFg", b"gIFx", b"fRAc", b"npOl", b"orNT", b"exIf", b"zxIf",
    b"tRnS", b"abcd", b"aBcD", b"ABCD", b"JDAT", b"MHDR", b"gMAP", b"a1cd", b"\0\0\0\0",
)  # fmt: skip

"""What is changed in a JPEG's scans: restarts, entropy-coded data, and which scans there are."""

import struct
from collections.abc import Callable
from random import Random

from tests.images.differential.jpeg_model import DRI, SOS, Jpeg, Segment

Mutation = Callable[[Jpeg, Random], str | None]


def restart_interval(jpeg: Jpeg, rng: Random) -> str:
    """Say another interval, or none, than the data was written with."""
    value = rng.choice([0, 1, 2, 3, 100, 65535])
    jpeg.segments = [s for s in jpeg.segments if s.marker != DRI or rng.random() < 0.5]
    if rng.random() < 0.8:
        jpeg.insert(Segment(DRI, struct.pack(">H", value)), rng.choice([jpeg.frame, jpeg.first(SOS)]))
        return str(value)
    return "none"


def change_restarts(jpeg: Jpeg, rng: Random) -> str:
    """Number restarts otherwise, leave one out, or double one."""
    scan = rng.choice(jpeg.all(SOS))
    places = [i for i in range(len(scan.data) - 1) if scan.data[i] == 0xFF and 0xD0 <= scan.data[i + 1] <= 0xD7]
    if not places:
        return "-"
    place, how = rng.choice(places), rng.choice(["another number", "left out", "doubled", "with fill", "early"])
    before, marker, behind = scan.data[:place], scan.data[place : place + 2], scan.data[place + 2 :]
    match how:
        case "another number":
            marker = bytes([0xFF, rng.randrange(0xD0, 0xD8)])
        case "left out":
            marker = b""
        case "doubled":
            marker = marker * 2
        case "with fill":
            marker = b"\xff\xff" + marker
        case _:
            before, behind = before[:-1], before[-1:] + behind
    scan.data = before + marker + behind
    return how


def flip(jpeg: Jpeg, rng: Random) -> str:
    scan = rng.choice(jpeg.all(SOS))
    data = bytearray(scan.data)
    for _ in range(rng.choice([1, 1, 3])):
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
        if data[place] == 0xFF:
            data[place] = 0xFE
    scan.data = bytes(data)
    return f"of {len(data)} bytes"


def overwrite(jpeg: Jpeg, rng: Random) -> str:
    scan = rng.choice(jpeg.all(SOS))
    place = rng.randrange(len(scan.data))
    size = min(len(scan.data) - place, rng.choice([1, 4, 20, 60]))
    scan.data = scan.data[:place] + bytes(rng.randrange(255) for _ in range(size)) + scan.data[place + size :]
    return f"{size} bytes"


def truncate(jpeg: Jpeg, rng: Random) -> str:
    scan = rng.choice(jpeg.all(SOS))
    left = rng.choice([0, 1, 10, len(scan.data) // 2, max(0, len(scan.data) - 3), max(0, len(scan.data) - 1)])
    scan.data = scan.data[:left]
    return f"to {left}"


def lengthen(jpeg: Jpeg, rng: Random) -> str:
    scan = rng.choice(jpeg.all(SOS))
    junk = rng.choice([b"\0", b"\xff\0", bytes(rng.randrange(255) for _ in range(30)), b"\xff\xd0", b"\xff", b"\x7f"])
    scan.data += junk
    return repr(junk[:6])


def stuffing(jpeg: Jpeg, rng: Random) -> str:
    """Drop the zero behind an 0xFF, put one more there, or write fill bytes before it."""
    scan = rng.choice(jpeg.all(SOS))
    places = [i for i in range(len(scan.data) - 1) if scan.data[i : i + 2] == b"\xff\0"]
    place = rng.choice(places) if places else rng.randrange(len(scan.data))
    new = rng.choice([b"\xff\xff\0", b"\xff", b"\xff\0\0", b"\xff\1", b"\xff\xff"])
    scan.data = scan.data[:place] + new + scan.data[place + 2 :]
    return f"{new!r}{'' if places else ' anywhere'}"


def drop_scan(jpeg: Jpeg, rng: Random) -> str:
    scans = jpeg.all(SOS)
    if len(scans) < 2:
        return "-"
    if rng.random() < 0.3:
        jpeg.segments = [s for s in jpeg.segments if s.marker != SOS or s is scans[0]]
        return "all but the first"
    jpeg.segments.remove(scans[place := rng.randrange(len(scans))])
    return str(place)


def scan_again(jpeg: Jpeg, rng: Random) -> str:
    """Repeat a scan, or let two change places."""
    scans = jpeg.all(SOS)
    one = rng.choice(scans)
    if len(scans) > 1 and rng.random() < 0.5:
        two = rng.choice(scans)
        i, j = jpeg.segments.index(one), jpeg.segments.index(two)
        jpeg.segments[i], jpeg.segments[j] = two, one
        return "another order"
    jpeg.insert(
        Segment(SOS, one.body, one.data if rng.random() < 0.5 else one.data[: len(one.data) // 2]), jpeg.segments[-1]
    )
    return "again"


def parts_of_scan(jpeg: Jpeg, rng: Random) -> str:
    """Let a scan's head say other components, tables, or other bands of a progressive image."""
    scan = rng.choice(jpeg.all(SOS))
    body = bytearray(scan.body or b"")
    place = rng.randrange(len(body))
    body[place] = rng.choice([0, 1, 2, 3, 0x11, 0x10, 0x3F, 5, 63, 255])
    scan.body = bytes(body)
    return f"byte {place} = {body[place]}"


SCANS: dict[str, Mutation] = {
    "restart interval": restart_interval,
    "restarts": change_restarts,
    "flip bits": flip,
    "overwrite": overwrite,
    "truncate": truncate,
    "lengthen": lengthen,
    "stuffing": stuffing,
    "drop a scan": drop_scan,
    "a scan again": scan_again,
    "head of a scan": parts_of_scan,
}

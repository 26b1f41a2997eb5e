"""What is changed in a JPEG: its segments, what they say, and in which order they stand."""

import struct
from random import Random

from tests.images.differential.case import Case, generate
from tests.images.differential.jpeg_applications import APPLICATIONS, drop_jfif, small
from tests.images.differential.jpeg_model import COM, DHT, DNL, DQT, SOI, SOS, Jpeg, Segment, draw
from tests.images.differential.jpeg_scans import SCANS, Mutation

SAMPLINGS = ((1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (4, 2), (1, 4), (3, 1), (0, 1), (5, 1))


def jpeg_case(seed: int) -> Case:
    return generate(".jpg", seed, draw, MUTATIONS, MILD)


def component_ids(jpeg: Jpeg, rng: Random) -> str:
    """Name the components otherwise, in the frame and in the scans."""
    if jpeg.frame.body is None:
        return "-"
    channels = jpeg.frame.body[5]
    ids = rng.choice([b"RGB", b"rgb", b"\0\1\2", b"\1\2\3", b"\3\2\1", b"\1\1\1", b"YCc", b"\1\x22\x23"])[:channels]
    old = [jpeg.frame.body[6 + 3 * i] for i in range(channels)]
    body = bytearray(jpeg.frame.body)
    for i, new in enumerate(ids):
        body[6 + 3 * i] = new
    jpeg.frame.body = bytes(body)
    for scan in jpeg.all(SOS):
        head = bytearray(scan.body or b"")
        for i in range(head[0]):
            head[1 + 2 * i] = ids[old.index(head[1 + 2 * i])]
        scan.body = bytes(head)
    how = rng.choice(["with", "without"])
    if how == "without":
        drop_jfif(jpeg, rng)
    return f"{ids!r} {how} JFIF"


def sampling(jpeg: Jpeg, rng: Random) -> str:
    """Change a component's factors without changing the data, except in a grey image, where they mean nothing."""
    body = bytearray(jpeg.frame.body or b"")
    place = rng.randrange(body[5])
    across, down = rng.choice(SAMPLINGS)
    body[7 + 3 * place] = across << 4 | down
    jpeg.frame.body = bytes(body)
    return f"{place}: {across} x {down}"


def comment(jpeg: Jpeg, rng: Random) -> None:
    new = Segment(COM, rng.choice([b"words", b"", b"\xff\xd9", bytes(60_000)]))
    jpeg.insert(new, rng.choice([None, jpeg.frame, jpeg.first(SOS), jpeg.segments[-1]]))


def other_marker(jpeg: Jpeg, rng: Random) -> str:
    """Add a marker that this kind of file does not need, or must not have."""
    marker = rng.choice(
        [0x01, 0x02, 0x30, 0xBF, 0xC3, 0xC5, 0xC8, 0xC9, 0xCC, 0xCF, 0xD0, 0xD7, SOI, DNL, 0xDE, 0xDF, 0xF0, 0xF7, 0xFD]
    )
    alone = marker in (0x01, 0xD0, 0xD7, SOI) or rng.random() < 0.1
    jpeg.insert(
        Segment(marker, None if alone else bytes(2)), rng.choice([None, jpeg.frame, jpeg.first(SOS), jpeg.segments[-1]])
    )
    return f"{marker:02x}"


def fill(jpeg: Jpeg, rng: Random) -> str:
    segment = rng.choice(jpeg.segments[1:])
    segment.fill = rng.choice([b"\xff", b"\xff" * 20, b"\0", b"\0\0", b"words"])
    return f"{segment.fill[:5]!r} before {segment.marker:02x}"


def frame_kind(jpeg: Jpeg, rng: Random) -> str:
    jpeg.frame.marker = marker = rng.choice([0xC0, 0xC1, 0xC2])
    return f"{marker:02x}"


def frame_size(jpeg: Jpeg, rng: Random) -> str:
    body = jpeg.frame.body or b""
    height, width = struct.unpack_from(">HH", body, 1)
    height, width = rng.choice([
        (height + 8, width), (height - 1, width), (height, width + 1), (height, width - 3), (width, height), (0, width),
        (height, 0), (height + 1, width), (height * 3, width),
    ])  # fmt: skip
    jpeg.frame.body = body[:1] + struct.pack(">HH", max(0, height), max(0, width)) + body[5:]
    return f"{height} x {width}"


def height_later(jpeg: Jpeg, rng: Random) -> str:
    """Leave the height to a DNL segment behind the first scan, or say another one there."""
    body = jpeg.frame.body or b""
    height, wrong = body[1:3], struct.pack(">H", rng.choice([4, 8, 100]))
    how = rng.choice(["later", "another later", "too"])
    if how != "too":
        jpeg.frame.body = body[:1] + (bytes(2) if how == "later" else wrong) + body[3:]
    first = jpeg.segments.index(jpeg.first(SOS))
    jpeg.segments.insert(first + 1, Segment(DNL, wrong if how == "too" and rng.random() < 0.5 else height))
    return how


def bits(jpeg: Jpeg, rng: Random) -> str:
    value = rng.choice([4, 12, 16, 0])
    jpeg.frame.body = bytes([value]) + (jpeg.frame.body or b"")[1:]
    return str(value)


def tables(jpeg: Jpeg, rng: Random) -> str:
    """Drop a table, double one with other values, move one behind the scan, or store 16 bits for each value."""
    tables = jpeg.all(DQT, DHT)
    if not tables:
        return "-"
    segment, how = (
        rng.choice(tables),
        rng.choice(["dropped", "other values", "late", "sixteen bits", "twice", "cut", "all DHT dropped"]),
    )
    body = segment.body or b""
    match how:
        case "dropped":
            jpeg.segments.remove(segment)
        case "all DHT dropped":
            jpeg.segments = [s for s in jpeg.segments if s.marker != DHT]
        case "other values":
            place = rng.randrange(1, len(body))
            segment.body = body[:place] + bytes([body[place] ^ rng.choice([1, 16, 255])]) + body[place + 1 :]
        case "late":
            jpeg.segments.remove(segment)
            jpeg.insert(segment, jpeg.segments[-1])
        case "twice":
            jpeg.insert(Segment(segment.marker, body), segment)
        case "cut":
            segment.body = body[: rng.randrange(len(body))]
        case _:
            segment = jpeg.first(DQT)
            old = segment.body or b""
            segment.body = b"".join(
                bytes([0x10 | old[i]]) + struct.pack(">64H", *old[i + 1 : i + 65]) for i in range(0, len(old) - 64, 65)
            )
    return f"{segment.marker:02x} {how}"


def lengths(jpeg: Jpeg, rng: Random) -> str:
    segment = rng.choice([s for s in jpeg.segments if s.body is not None])
    segment.length = rng.choice([0, 1, 2, len(segment.body or b"") + 1, len(segment.body or b"") + 3, 65535])
    return f"of {segment.marker:02x} = {segment.length}"


def order(jpeg: Jpeg, rng: Random) -> str:
    i, j = rng.sample(range(1, len(jpeg.segments)), 2)
    jpeg.segments[i], jpeg.segments[j] = jpeg.segments[j], jpeg.segments[i]
    return f"{i}, {j}"


def double_segment(jpeg: Jpeg, rng: Random) -> str:
    segment = rng.choice(jpeg.segments[1:])
    jpeg.insert(Segment(segment.marker, segment.body, segment.data), segment)
    return f"{segment.marker:02x}"


def ending(jpeg: Jpeg, rng: Random) -> str:
    how = rng.choice(["zeros", "no end", "two ends", "words", "a JPEG", "a padded JPEG", "a scan behind the end"])
    match how:
        case "zeros":
            jpeg.rest = bytes(30)
        case "no end":
            jpeg.segments.pop()
        case "two ends":
            jpeg.rest = b"\xff\xd9"
        case "words":
            jpeg.rest = b"words of a camera" * 3
        case "a JPEG":
            jpeg.rest = small()
        case "a padded JPEG":
            jpeg.rest = b"\0\0" + small()
        case _:
            jpeg.rest = jpeg.first(SOS).to_bytes() + b"\xff\xd9"
    return how


MUTATIONS: dict[str, Mutation] = {
    **APPLICATIONS,
    "component ids": component_ids,
    "sampling": sampling,
    "comment": comment,
    "other marker": other_marker,
    "fill bytes": fill,
    **SCANS,
    "kind of frame": frame_kind,
    "size of the frame": frame_size,
    "height later": height_later,
    "bits": bits,
    "tables": tables,
    "length of a segment": lengths,
    "order of segments": order,
    "a segment twice": double_segment,
    "ending": ending,
}
MILD = (
    *("comment", "APPn", "JFIF", "ICC profile", "Adobe", "component ids", "EXIF orientation", "XMP orientation"),
    *("fill bytes", "restart interval", "tables", "a segment twice", "ending", "sampling", "flip bits", "lengthen"),
)

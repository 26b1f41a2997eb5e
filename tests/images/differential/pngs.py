"""What is changed in a PNG: its chunks, what they say and where they stand, and the stream that its data makes."""

import struct
import zlib
from collections.abc import Callable
from random import Random

from tests.images.differential.case import Case, generate
from tests.images.differential.png_chunks import KNOWN, ancillary, four
from tests.images.differential.png_model import SIGNATURE, Png, draw

Mutation = Callable[[Png, Random], str | None]


def png_case(seed: int) -> Case:
    return generate(".png", seed, draw, MUTATIONS, MILD)


def add(kind: bytes) -> Mutation:
    def mutate(png: Png, rng: Random) -> str:
        body = ancillary(kind, rng, png)
        where = rng.choice(["before", "before", "before", "first", "after", "between", "twice"])
        match where:
            case "after":
                png.after.append((kind, body))
            case "first":
                png.palette_first = False
                png.before.insert(0, (kind, body))
            case "between":
                png.cuts = png.cuts or [len(png.data()) // 2]
                png.between[0] = (kind, body)
            case "twice":
                png.before += [(kind, body), (kind, ancillary(kind, rng, png))]
            case _:
                png.before.append((kind, body))
        return f"{where} {body[:12]!r}"

    return mutate


def filter_byte(png: Png, rng: Random) -> str:
    raw, row = bytearray(png.raw), rng.randrange(png.height)
    place = row * (png.row + 1)
    raw[place % len(raw)] = value = rng.choice([0, 1, 2, 3, 4, 5, 6, 64, 255])
    png.raw = bytes(raw)
    return f"of row {row} = {value}"


def cut_data(png: Png, rng: Random) -> str:
    size = len(png.data())
    png.cuts = sorted(
        rng.choice([0, 1, 2, 3, size, size - 1, size - 4, rng.randrange(size)]) for _ in range(rng.randint(1, 5))
    )
    return str(png.cuts)


def interrupt(png: Png, rng: Random) -> None:
    png.cuts = [len(png.data()) // 2]
    png.between[0] = rng.choice(
        [(b"tEXt", b"a\0b"), (b"IDAT", b""), (b"PLTE", bytes(6)), (b"IEND", b""), (b"IHDR", bytes(13))]
    )


def pack_otherwise(png: Png, rng: Random) -> str:
    level, bits = rng.choice([0, 1, 9]), rng.choice([9, 10, 12, 15, -15, 31])
    packer = zlib.compressobj(level, zlib.DEFLATED, bits, strategy=rng.choice([0, 2, 3, 4]))
    half = rng.randrange(len(png.raw))
    first = packer.compress(png.raw[:half]) + packer.flush(rng.choice([zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]))
    png.stream = first + packer.compress(png.raw[half:]) + packer.flush()
    return f"level {level}, window {bits}"


def heading(png: Png, rng: Random) -> str:
    """Change the two bytes with which a stream begins: window, method, a dictionary, their check."""
    stream = png.data()
    first = rng.choice([0x78, 0x08, 0x18, 0x48, 0x88, 0x79])
    second = rng.choice([0x9C, 0x01, 0x20, 0xBB, (31 - first * 256 % 31) % 31, (31 - (first * 256 + 32) % 31) + 32])
    png.stream = bytes([first, second]) + stream[2:]
    return png.stream[:2].hex()


def dictionary(png: Png, _: Random) -> None:
    words = png.raw[:50]
    packer = zlib.compressobj(zdict=words)
    png.stream = packer.compress(png.raw) + packer.flush()


def checksum(png: Png, rng: Random) -> str:
    stream, how = png.data(), rng.choice(["wrong", "missing", "half"])
    end = {"wrong": bytes([stream[-4] ^ 1]) + stream[-3:], "missing": b"", "half": stream[-4:-2]}[how]
    png.stream = stream[:-4] + end
    return how


def flip(png: Png, rng: Random) -> str:
    stream = bytearray(png.data())
    place = rng.randrange(len(stream))
    stream[place] ^= 1 << rng.randrange(8)
    png.stream = bytes(stream)
    return str(place)


def behind_stream(png: Png, rng: Random) -> str:
    junk = rng.choice([b"\0", b"\0" * 8, b"junk", png.data()])
    png.stream = png.data() + junk
    return str(len(junk))


def cut_stream(png: Png, rng: Random) -> str:
    png.stream = png.data()[: -rng.choice([1, 4, 5, 8, 30])]
    return str(len(png.stream))


def inflate_more(png: Png, rng: Random) -> str:
    count = rng.choice([1, 4, png.row + 1, 1000])
    png.raw += bytes(rng.randrange(5) if i == 0 else rng.randrange(256) for i in range(count))
    return str(count)


def inflate_less(png: Png, rng: Random) -> str:
    less = rng.choice([1, png.row, png.row + 1, len(png.raw) // 2])
    png.raw = png.raw[:-less]
    return str(less)


def change_palette(png: Png, rng: Random) -> str:
    how = rng.choice(
        ["short", "one", "not of three", "long", "colour", "missing", "late", "in an image without", "twice"]
    )
    match how:
        case "short":
            png.palette = png.palette[: 3 * rng.randint(2, 255)]
        case "one":
            png.palette = b"\7\7\7"
        case "not of three":
            png.palette = (png.palette or b"abc") + b"\1"
        case "long":
            png.palette += bytes(3)
        case "colour":
            png.palette = b"\1\2\3" + png.palette[3:]
        case "missing":
            png.palette = b""
        case "late":
            png.after.append((b"PLTE", png.palette or bytes(6)))
            png.palette = b""
        case "twice":
            png.before.append((b"PLTE", png.palette[::-1] or bytes(6)))
        case _:
            png.palette = png.palette or bytes(range(30))
    return how


def ihdr(png: Png, rng: Random) -> str:
    match rng.randrange(6):
        case 0:
            png.width = rng.choice([0, 1, png.width + 1, png.width - 1, png.width * 2, 2**31])
        case 1:
            png.height = rng.choice([0, 1, png.height + 1, png.height - 1, png.height * 2])
        case 2:
            png.bits = rng.choice([1, 2, 4, 8, 16, 0, 3])
        case 3:
            png.colour = rng.choice([0, 2, 3, 4, 6])
        case 4:
            png.methods = rng.choice([(1, 0), (0, 1), (0, 64)])
        case _:
            png.width, png.height = png.height, png.width
    return f"{png.width} x {png.height}, {png.bits}, {png.colour}, {png.methods}"


def interlace(png: Png, rng: Random) -> str:
    png.interlace = rng.choice([1, 1, 2])
    return str(png.interlace)


def wrong_crc(png: Png, rng: Random) -> str:
    png.crc = rng.randrange(len(png.chunks())), 1 << rng.randrange(32)
    return str(png.crc)


def trailing(png: Png, rng: Random) -> str:
    end = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    rests = {
        "zeros": bytes(20),
        "a PNG": png.to_bytes(),
        "a padded PNG": b"\0" + png.to_bytes(),
        "an IEND": end,
        "an IDAT": struct.pack(">I", 5) + b"IDATabcde1234",
        "words": b"words\r\n" * 5,
    }
    png.rest = rests[how := rng.choice(list(rests))]
    return how


def end_with(png: Png, rng: Random) -> str:
    how = rng.choice(["words in IEND", "no IEND", "text behind"])
    if how == "words in IEND":
        png.end = b"words"
    elif how == "text behind":
        png.after += [(b"tEXt", b"a\0b"), (b"IDAT", b"")]
    else:
        png.after += [(b"IEND", b"")]
    return how


def start_with(png: Png, rng: Random) -> str:
    png.head = rng.choice(
        [
            b"\x89PNG\n\x1a\n\0",
            b"\x8aMNG\r\n\x1a\n",
            SIGNATURE + struct.pack(">I", 1) + b"tEXta\xe8\xb7\xbeC",
            SIGNATURE * 2,
        ]
    )
    return repr(png.head[:8])


def animated(png: Png, rng: Random) -> str:
    """Add a second image as an animation would have it."""
    other = zlib.compress(bytes(len(png.raw)))
    control = four(0, png.width, png.height, 0, 0) + bytes(6)
    png.before += [(b"acTL", four(2, 0)), (b"fcTL", control)]
    png.after += [(b"fcTL", b"\0\0\0\1" + control[4:]), (b"fdAT", b"\0\0\0\2" + other)]
    missing = rng.choice(["nothing", "acTL", "fcTL"])
    png.before = [(kind, body) for kind, body in png.before if kind.decode() != missing]
    return f"without {missing}"


MUTATIONS: dict[str, Mutation] = {
    "filter byte": filter_byte,
    "cut the data": cut_data,
    "interrupt the data": interrupt,
    "pack otherwise": pack_otherwise,
    "heading of the stream": heading,
    "dictionary": dictionary,
    "checksum of the stream": checksum,
    "flip a bit": flip,
    "more behind the stream": behind_stream,
    "cut the stream": cut_stream,
    "inflates to more": inflate_more,
    "inflates to less": inflate_less,
    "palette": change_palette,
    "IHDR": ihdr,
    "interlace": interlace,
    "wrong CRC": wrong_crc,
    "trailing": trailing,
    "end": end_with,
    "start": start_with,
    "animated": animated,
    **{f"chunk {kind.decode()!a}": add(kind) for kind in KNOWN},
}
MILD = (
    *("filter byte", "cut the data", "pack otherwise", "palette", "trailing"),
    *(f"chunk {kind!a}" for kind in ("gAMA", "cHRM", "sRGB", "iCCP", "cICP", "sBIT", "bKGD", "hIST", "pHYs", "sPLT")),
    *(f"chunk {kind!a}" for kind in ("eXIf", "tIME", "tEXt", "zTXt", "iTXt", "oFFs", "pCAL", "sCAL", "caBX")),
)

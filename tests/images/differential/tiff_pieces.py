"""What is changed in a TIFF's packed pieces: bits, ends, and the many ways to pack the same bytes."""

import zlib
from collections.abc import Callable
from random import Random

import imagecodecs

from tests.images.differential import tiff_base
from tests.images.differential.tiff_model import LONG, SHORT, Place, Tiff

Mutation = Callable[[Tiff, Random], str | None]
ALL = (1, 5, 8, 32946, 32773)
PACKED = (5, 8, 32946, 32773)
DEFLATE = (8, 32946)


def repack(compressions: tuple[int, ...], change: Callable[[bytes, int, Random], bytes]) -> Mutation:
    """Change a packed piece; images of another compression are made anew with one of these."""

    def mutate(tiff: Tiff, rng: Random) -> str:
        page = tiff.page
        compression = page.find(259)
        kind = compression.values[0] if compression else 1
        if kind not in compressions:
            if kind != 1 or compression is None:
                return "-"
            kind = rng.choice(compressions)
            compression.values = [kind]
            page.pieces = [tiff_base.pack(piece, kind, len(piece)) for piece in page.pieces]
        chosen = range(len(page.pieces)) if rng.random() < 0.3 else [rng.randrange(len(page.pieces))]
        for i in chosen:
            page.pieces[i] = change(page.pieces[i], int(kind), rng)
        page.measure()
        return f"{kind}, {list(chosen)}"

    return mutate


def flip(piece: bytes, _: int, rng: Random) -> bytes:
    changed = bytearray(piece)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(piece: bytes, _: int, rng: Random) -> bytes:
    return piece[: -rng.choice([1, 2, 4, len(piece) // 2]) or None] or b"\0"


def append(piece: bytes, _: int, rng: Random) -> bytes:
    return piece + bytes(rng.randrange(256) for _ in range(rng.choice([1, 4, 40])))


def append_another(piece: bytes, kind: int, rng: Random) -> bytes:
    return piece + tiff_base.pack(bytes(rng.randrange(256) for _ in range(40)), kind, 40)


def unpacked(piece: bytes, kind: int) -> bytes:
    """Return a piece's bytes; a ValueError where an earlier mutation has broken it."""
    try:
        match kind:
            case 5:
                return bytes(imagecodecs.lzw_decode(piece))
            case 32773:
                return bytes(imagecodecs.packbits_decode(piece))
            case _:
                return zlib.decompress(piece)
    except (zlib.error, RuntimeError) as e:
        raise ValueError("a broken piece") from e


def hold_more(piece: bytes, kind: int, rng: Random) -> bytes:
    raw = unpacked(piece, kind) + bytes(rng.randrange(256) for _ in range(rng.choice([1, 7, 100])))
    return tiff_base.pack(raw, kind, len(raw))


def hold_less(piece: bytes, kind: int, rng: Random) -> bytes:
    raw = unpacked(piece, kind)[: -rng.choice([1, 2, 9])] or b"\0"
    return tiff_base.pack(raw, kind, len(raw))


def deflate_otherwise(piece: bytes, kind: int, rng: Random) -> bytes:
    """Return the same bytes with a smaller window, stored, in several blocks, as gzip, or without a heading."""
    raw, level, bits = unpacked(piece, kind), rng.choice([0, 1, 9]), rng.choice([9, 12, 15, -15, 31])
    packer = zlib.compressobj(level, zlib.DEFLATED, bits)
    half = len(raw) // 2
    middle = packer.flush(rng.choice([zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]))
    return packer.compress(raw[:half]) + middle + packer.compress(raw[half:]) + packer.flush()


def wrong_checksum(piece: bytes, _: int, rng: Random) -> bytes:
    return piece[:-1] + bytes([piece[-1] ^ (1 + rng.randrange(255))])


def wrong_heading(piece: bytes, _: int, rng: Random) -> bytes:
    return (
        bytes([rng.choice([0x78, 0x48, 0x18, 0x79, 0x88, 0])])
        + bytes([rng.choice([piece[1], 1, 0x20, 0xBB])])
        + piece[2:]
    )


def packbits_oddly(piece: bytes, kind: int, rng: Random) -> bytes:
    """Return the same bytes with a code that means nothing, across rows, or in runs of one."""
    raw = unpacked(piece, kind)
    match rng.randrange(3):
        case 0:
            return b"\x80" * rng.choice([1, 3]) + piece
        case 1:
            return b"".join(bytes([min(128, len(raw) - i) - 1]) + raw[i : i + 128] for i in range(0, len(raw), 128))
        case _:
            return b"".join(b"\0" + raw[i : i + 1] for i in range(len(raw)))


def lzw_oddly(piece: bytes, kind: int, rng: Random) -> bytes:
    """Return the same bytes in the order of bits of old files, without a first clear or an end, or cleared often."""
    raw, how = unpacked(piece, kind), rng.randrange(4)
    codes: list[int] = [] if how == 1 else [256]
    if how == 0:
        return old_lzw(raw)
    for i, value in enumerate(raw):
        codes += [256] if i and i % rng.choice([50, 100, 200]) == 0 else []
        codes += [value]
    return bits_of(codes + ([] if how == 2 else [257, 3, 9] if how == 3 else [257]))


def full_table(tiff: Tiff, rng: Random) -> str:
    """Make an image of noise whose LZW codes go on, with or without a clear, when the table of 4,096 is full."""
    page, width, height = tiff.page, 80, 64
    if len(page.find(258).values) != 1 or page.find(324):  # type: ignore[union-attr]
        return "-"
    raw = bytes(rng.randrange(256) for _ in range(width * height))
    codes: list[int] = [256]
    clear = rng.choice([3836, 3837, 3838, 3839, 3840, 10_000])
    for i, value in enumerate(raw):
        codes += [256] if i and i % clear == 0 else []
        codes += [value]
    page.pieces = [bits_of([*codes, 257])]
    for tag, value in ((256, width), (257, height), (258, 8), (259, 5), (278, height)):
        page.put(tag, SHORT, [value])
    page.put(273, LONG, [Place(0, 0)])
    page.measure()
    for tag in (317, 339):
        page.drop(tag)
    return f"cleared after {clear}"


def bits_of(codes: list[int]) -> bytes:
    """Return codes with the width that a reader expects, whose table grows by one entry a code."""
    text, width, entries = "", 9, 258
    for i, code in enumerate(codes):
        text += f"{code:0{width}b}"
        if code == 256:
            width, entries = 9, 258
        elif i and codes[i - 1] != 256:
            entries += 1
            width = 12 if entries >= 2047 else 11 if entries >= 1023 else 10 if entries >= 511 else 9
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))


def old_lzw(raw: bytes) -> bytes:
    """Return bytes with the low bit first, as LZW was before TIFF 5.0; cleared before the width of a code grows."""
    codes = [c for i in range(0, len(raw), 200) for c in (256, *raw[i : i + 200])] + [257]
    number: int = sum(code << (9 * i) for i, code in enumerate(codes))
    return number.to_bytes(-(-9 * len(codes) // 8), "little")


PIECES: dict[str, Mutation] = {
    "flip a bit": repack(ALL, flip),
    "cut a piece": repack(ALL, cut),
    "append to a piece": repack(PACKED, append),
    "append another stream": repack(PACKED, append_another),
    "pieces hold more": repack(PACKED, hold_more),
    "pieces hold less": repack(PACKED, hold_less),
    "deflate otherwise": repack(DEFLATE, deflate_otherwise),
    "wrong checksum": repack(DEFLATE, wrong_checksum),
    "wrong heading of deflate": repack(DEFLATE, wrong_heading),
    "PackBits oddly": repack((32773,), packbits_oddly),
    "LZW oddly": repack((5,), lzw_oddly),
    "LZW with a full table": full_table,
}

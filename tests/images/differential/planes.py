"""What generators of MRC, DM3, DM4 and SER have in common: sides, samples, and numbers that are at some limit."""

import struct
from random import Random

SIDES = (1, 2, 5, 16, 33, 64)
WORDS = (0, 1, 2, 3, 4, 7, 16, 64, 255, 256, 1024, 65_535, 65_536, 2**24, 2**31 - 1, -1, -2, -(2**31))
JUNK = (b"\x89PNG\r\n\x1a\n", b"II*\0\x08\0\0\0", b"MAP DD\0\0", b"II\x97\x01\x20\x02", b"PK\x03\x04", b"\xff\xd8\xff")


def draw_samples(rng: Random, count: int, form: str) -> bytes:
    """Return so many whole samples that are not negative, of a type as struct names it with its byte order."""
    most = {"b": 127, "B": 255, "h": 32_767}.get(form[1], 65_535)
    top = rng.choice([most, most, 1, most // 3])
    return struct.pack(f"{form[0]}{count}{form[1]}", *(rng.randint(0, top) for _ in range(count)))

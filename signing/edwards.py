"""Which 32 bytes are an Ed25519 public key: the one encoding of a point of prime order on edwards25519 (RFC 8032, 5.1).

The library underneath takes any 32 bytes. Under a point of small order, signatures "verify" that nobody made; under a
point with a part of small order, its owner can make signatures that one verifier takes and another refuses, since the
equation is checked by some with the cofactor and by others without it. A point is free of both exactly if it is not the
identity and the group's order times it is.
"""

from functools import lru_cache

_PRIME = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _PRIME) % _PRIME
_ROOT_OF_MINUS_ONE = pow(2, (_PRIME - 1) // 4, _PRIME)
_REMEMBERED = 16_384  # keys; a trust store lists at most 10,000, and every version lists them again

_Point = tuple[int, int, int, int]  # X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z


@lru_cache(maxsize=_REMEMBERED)
def is_prime_order(raw: bytes) -> bool:
    """Say whether these bytes are the canonical encoding of a point of prime order; it takes 2 to 3 ms, once a key."""
    point = _decode(raw)
    if point is None or _is_identity(point):
        return False
    multiple = point
    for bit in bin(_ORDER)[3:]:
        multiple = _add(multiple, multiple)
        if bit == "1":
            multiple = _add(multiple, point)
    return _is_identity(multiple)


def _decode(raw: bytes) -> _Point | None:
    """Return the point (RFC 8032, 5.1.3), or None for what encodes none, or encodes one in another way than ours."""
    if len(raw) != 32:
        return None
    number = int.from_bytes(raw, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= _PRIME:
        return None
    u, v = (y * y - 1) % _PRIME, (_D * y * y + 1) % _PRIME
    x = u * pow(v, 3, _PRIME) * pow(u * pow(v, 7, _PRIME), (_PRIME - 5) // 8, _PRIME) % _PRIME
    if (v * x * x + u) % _PRIME == 0:
        x = x * _ROOT_OF_MINUS_ONE % _PRIME
    if (v * x * x - u) % _PRIME:
        return None  # u/v has no square root: no point has this y
    if x == 0 and sign:
        return None  # zero has no negative
    if x & 1 != sign:
        x = _PRIME - x
    return x, y, 1, x * y % _PRIME


def _is_identity(point: _Point) -> bool:
    x, y, z, _ = point
    return x % _PRIME == 0 and (y - z) % _PRIME == 0


def _add(one: _Point, other: _Point) -> _Point:
    """Return the sum of any two points, also of equal ones (RFC 8032, 5.1.4: the formula is complete)."""
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a, b = (y1 - x1) * (y2 - x2) % _PRIME, (y1 + x1) * (y2 + x2) % _PRIME
    c, d = 2 * _D * t1 * t2 % _PRIME, 2 * z1 * z2 % _PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _PRIME, g * h % _PRIME, f * g % _PRIME, e * h % _PRIME

"""The chunks that a PNG may have besides its image, so that every reader shows the same samples.

Descriptive chunks are ignored, and listed in the header. Chunks that can turn the image or change its tones are
accepted with values that do neither. Any other chunk is refused by name: Apple's iDOT has made one file show two
images.
"""

from fusiondiff_audit.images.errors import ambiguous, malformed, too_large, unsupported
from fusiondiff_audit.images.formats.exif import check_exif
from fusiondiff_audit.images.formats.icc import check_profile
from fusiondiff_audit.images.formats.inflate import Inflater
from fusiondiff_audit.images.formats.xmp import check_xmp
from fusiondiff_audit.images.header import MAX_METADATA

_DESCRIPTIVE = frozenset({b"pHYs", b"tIME", b"sPLT", b"hIST", b"bKGD", b"pCAL", b"sCAL", b"caBX"})
_NEUTRAL = {  # by chunk: the values that change no tones
    b"gAMA": (b"\x00\x00\xb1\x8e", b"\x00\x00\xb1\x8f"),  # 1/2.2, cut or rounded
    b"sRGB": (b"\x00", b"\x01", b"\x02", b"\x03"),  # how colours that a screen lacks are rendered
    b"cICP": (b"\x01\x0d\x00\x01",),  # sRGB
    b"cHRM": (bytes.fromhex("00007a26000080840000fa00000080e8000075300000ea6000003a9800001770"),),  # sRGB
}
_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})
_RAW = b"raw profile type"  # EXIF and others, spelt out in hexadecimal by ImageMagick; some readers heed it


def check_chunk(kind: bytes, body: bytes, *, bits: int, channels: int) -> int:
    """Refuse a chunk that would make some readers show another image; return the number of its bytes, inflated.

    `channels` include opacity.
    """
    if kind[:1].isupper():
        raise malformed(f"an unknown critical chunk {kind!a}")
    if kind in _ANIMATION:
        raise unsupported("an animated PNG")
    if kind == b"tRNS":
        raise unsupported("a PNG with a transparent colour")
    if kind in _NEUTRAL:
        if body not in _NEUTRAL[kind]:
            raise ambiguous(f"PNG chunk {kind!a} of {body[:32].hex()}: some readers would show other tones")
    elif kind == b"sBIT":
        if set(body) != {bits} or len(body) not in (channels, 3):  # three where the image has a palette
            raise ambiguous(f"PNG chunk {kind!a} says that not all of the {bits} bits count")
    elif kind == b"oFFs":
        if any(body[:8]):
            raise ambiguous("PNG chunk b'oFFs': some readers would show a part of the image")
    elif kind == b"eXIf":
        check_exif(body)
    elif kind == b"iCCP":
        profile = _profile(body)
        check_profile(profile, 3 if channels > 2 else 1)
        return len(profile)
    elif kind in (b"tEXt", b"zTXt", b"iTXt"):
        return _check_text(kind, body)
    elif kind not in _DESCRIPTIVE:
        raise ambiguous(f"PNG chunk {kind!a}: it is unknown, or some readers heed it")
    return len(body)


def _profile(body: bytes) -> bytes:
    name, separator, packed = body.partition(b"\0")
    if not separator or not 1 <= len(name) <= 79:
        raise malformed("an ICC profile whose name does not have 1 to 79 bytes")
    return _inflate(packed[:1], packed[1:], "an ICC profile")


def _check_text(kind: bytes, body: bytes) -> int:
    """Refuse text that turns the image: XMP, or EXIF that is spelt out; return the number of its bytes, inflated."""
    keyword, separator, text = body.partition(b"\0")
    if not separator or not 1 <= len(keyword) <= 79:
        raise malformed(f"chunk {kind!a} without a keyword")
    if keyword.lower().startswith(_RAW) or b"orientation" in keyword.lower():
        raise ambiguous(f"PNG text {keyword.decode('latin-1')!a}: some readers would turn the image")
    if kind == b"zTXt":
        text = _inflate(text[:1], text[1:], "a text")
    elif kind == b"iTXt":
        flags, rest = text[:2], text[2:]
        _language, separator, rest = rest.partition(b"\0")
        _translated, second, text = rest.partition(b"\0")
        if not separator or not second or flags[:1] not in (b"\0", b"\1"):
            raise malformed(f"chunk {kind!a} is not as PNG has it")
        if flags[:1] == b"\1":
            text = _inflate(flags[1:], text, "a text")
    check_xmp(text)
    return len(keyword) + len(text)


def _inflate(method: bytes, body: bytes, name: str) -> bytes:
    if method != b"\0":
        raise malformed(f"{name} is compressed by a method that PNG does not have")
    inflater = Inflater(MAX_METADATA, name, too_large(f"{name} inflates to more than {MAX_METADATA:,} bytes"))
    inflated = b"".join(inflater.feed(body))
    inflater.finish()
    return inflated

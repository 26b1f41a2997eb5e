"""The application segments and comments of a JPEG: none may turn the image, hide another one or change its tones.

An unknown segment is refused: several kinds hold a second image, more bits or another layout (MPF, gain maps, JPEG XT,
stereo pairs). A colour image must state its colour model unambiguously.
"""

from fusiondiff_audit.images.errors import ambiguous, malformed
from fusiondiff_audit.images.formats.exif import check_exif
from fusiondiff_audit.images.formats.icc import check_profile
from fusiondiff_audit.images.formats.jpeg_scans import Frame
from fusiondiff_audit.images.formats.photoshop import check_resources
from fusiondiff_audit.images.formats.xmp import check_xmp

_JFIF, _EXIF, _XMP, _PROFILE, _ADOBE, _PHOTOSHOP = "JFIF", "Exif", "XMP", "ICC", "Adobe", "Photoshop"
_COMMENT, _FIRST_APPLICATION, _LAST_APPLICATION = 0xFE, 0xE0, 0xEF
_KINDS = {  # by number of the application marker, and first bytes of the segment
    (0, b"JFIF\0"): _JFIF,
    (0, b"JFXX\0"): "JFXX",
    (1, b"Exif\0\0"): _EXIF,
    (1, b"http://ns.adobe.com/xap/1.0/\0"): _XMP,
    (2, b"ICC_PROFILE\0"): _PROFILE,
    (12, b"Ducky"): "Ducky",
    (13, b"Photoshop 3.0\0"): _PHOTOSHOP,
    (14, b"Adobe"): _ADOBE,
}
_REPEATED = frozenset({_PROFILE, _PHOTOSHOP})
_YCC_NAMES = ((1, 2, 3), (0, 1, 2))
_RGB_NAMES = (*_YCC_NAMES, tuple(b"RGB"))
_ADOBE_RGB, _ADOBE_YCC, _ADOBE_LENGTH = 0, 1, 12  # the last in bytes
_JFIF_LENGTH = 14  # bytes


class Segments:
    """The application segments and comments of one file."""

    def __init__(self) -> None:
        self._kinds: list[str] = []
        self._profile: list[bytes] = []
        self._resources: list[bytes] = []
        self._transform: int | None = None  # as Adobe's segment has it

    def add(self, marker: int, body: bytes) -> None:
        """Check the next segment; one that may change the image is refused by name."""
        if marker == _COMMENT:
            self._kinds.append("comment")
            return
        if not _FIRST_APPLICATION <= marker <= _LAST_APPLICATION:
            raise ambiguous(f"JPEG marker {marker:02X}: readers heed it or not")
        number = marker - _FIRST_APPLICATION
        starts = (start for (owner, start) in _KINDS if owner == number and body.startswith(start))
        if (start := next(starts, None)) is None:
            raise ambiguous(f"JPEG segment APP{number} {body[:16]!a}: it is unknown, or some readers heed it")
        kind, rest = _KINDS[number, start], body[len(start) :]
        if kind in self._kinds and kind not in _REPEATED:
            raise ambiguous(f"two JPEG segments {kind}: readers take the first or the last")
        self._kinds.append(kind)
        if kind == _EXIF:
            check_exif(rest)
        elif kind == _XMP:
            check_xmp(rest)
        elif kind == _PROFILE:
            self._profile.append(rest)
        elif kind == _PHOTOSHOP:
            self._resources.append(rest)
        elif kind == _JFIF:
            if len(body) < _JFIF_LENGTH:
                raise ambiguous("a JFIF segment that is cut short: readers take it for one or not")
        elif kind == _ADOBE:
            if len(body) != _ADOBE_LENGTH:
                raise malformed("Adobe's segment has another length than its own")
            self._transform = body[-1]

    def finish(self, frame: Frame) -> tuple[str, ...]:
        """Check the segments against the frame; return their kinds, all of which are ignored."""
        if len(frame.components) == 3:
            self._check_colours(frame)
        if self._profile:
            check_profile(self._joined_profile(), len(frame.components))
        check_resources(b"".join(self._resources), len(frame.components))
        return tuple(sorted(set(self._kinds)))

    def _check_colours(self, frame: Frame) -> None:
        """Refuse an image that some readers show as RGB and others as YCbCr."""
        jfif, names = _JFIF in self._kinds, frame.components
        stated = jfif or self._transform == _ADOBE_YCC  # else Java takes components 0, 1 and 2 for RGB
        ycc = self._transform in (None, _ADOBE_YCC) and names in (_YCC_NAMES if stated else _YCC_NAMES[:1])
        rgb = self._transform == _ADOBE_RGB and not jfif and names in _RGB_NAMES and frame.sampled_alike
        if not (ycc or rgb):
            raise ambiguous("a JPEG of which readers say RGB or YCbCr")

    def _joined_profile(self) -> bytes:
        """Return the profile, each of whose pieces states its number and their count."""
        for number, piece in enumerate(self._profile, 1):
            if tuple(piece[:2]) != (number, len(self._profile)):
                raise ambiguous("an ICC profile in pieces that are out of order")
        return b"".join(piece[2:] for piece in self._profile)

"""One zlib stream, inflated piece by piece: never to more than it may, and with nothing behind its end."""

import zlib
from collections.abc import Iterator

from fusiondiff_audit.images.errors import ImageError, malformed

_PIECE = 1 << 20  # bytes; what is left over of a piece is copied, so there must not be much


class Inflater:
    """Inflates what it is fed, and counts it; `name` stands in messages, and `excess` is raised for too much."""

    def __init__(self, limit: int, name: str, excess: ImageError) -> None:
        self._stream = zlib.decompressobj()
        self._limit, self._name, self._excess = limit, name, excess
        self.produced = 0  # bytes

    def feed(self, body: bytes | memoryview) -> Iterator[bytes]:
        """Yield what the next part of the stream inflates to."""
        for start in range(0, len(body), _PIECE):
            packed: bytes | memoryview = body[start : start + _PIECE]
            while packed:
                if self._stream.eof:
                    raise malformed(f"{self._name} has something behind its data")
                try:
                    part = self._stream.decompress(packed, _PIECE)
                except zlib.error as e:
                    raise malformed(f"{self._name} does not inflate") from e
                self.produced += len(part)
                if self.produced > self._limit:
                    raise self._excess
                yield part
                packed = self._stream.unconsumed_tail or self._stream.unused_data

    def finish(self) -> None:
        """Refuse a stream that does not end."""
        if not self._stream.eof:
            raise malformed(f"{self._name} is cut short, and inflates to {self.produced:,} bytes")

"""A zlib stream, inflated piece by piece up to a limit; data behind its end is refused."""

import zlib
from collections.abc import Iterator

from fusiondiff_audit.images.errors import ImageError, malformed

_PIECE = 1 << 20  # bytes; the unconsumed rest of a piece is copied, so pieces are small


class Inflater:
    """Inflates a stream and counts its bytes; `name` is for messages, and `excess` is raised beyond the limit."""

    def __init__(self, limit: int, name: str, excess: ImageError) -> None:
        self._stream = zlib.decompressobj()
        self._limit, self._name, self._excess = limit, name, excess
        self.produced = 0  # bytes

    def feed(self, body: bytes | memoryview) -> Iterator[bytes]:
        """Inflate the next part of the stream."""
        for start in range(0, len(body), _PIECE):
            packed: bytes | memoryview = body[start : start + _PIECE]
            while packed:
                if self._stream.eof:
                    raise malformed(f"{self._name} has bytes behind its end")
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

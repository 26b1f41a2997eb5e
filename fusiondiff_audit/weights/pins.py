"""What is known by its digest, whoever signed it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BUNDLES = Path(__file__).parent.parent / "bundles"


@dataclass(frozen=True, slots=True)
class Pin:
    """A bundle that comes with the tool: where it lies, and the digest of its list of files."""

    folder: Path
    digest: str


PINNED: Mapping[str, Pin] = {}  # by the name that `from_pretrained` knows it by

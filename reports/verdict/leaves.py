"""From the signed JSON of a leaf, of any version, to its record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.verdict.former_header import FormerHeader
from reports.verdict.former_rows import FormerImageRow, FormerSpecimenRow
from reports.verdict.header import Header
from reports.verdict.rows import ImageRow, SpecimenRow
from reports.verdict.versions import VERSIONS, rules_of, upgraded
from signing.columns import read_records
from signing.fields import Fields
from signing.records import read_record


@dataclass(frozen=True, slots=True)
class LeafTypes:
    """The records that a version's leaves are read as."""

    header: type[Header]
    specimen: type[SpecimenRow]
    image: type[ImageRow]


_FORMER, _NEWEST = LeafTypes(FormerHeader, FormerSpecimenRow, FormerImageRow), LeafTypes(Header, SpecimenRow, ImageRow)


def leaf_types(version: str) -> LeafTypes:
    """Return the records of a version; those of the newest for an unknown one, which its header refuses."""
    return _FORMER if version in VERSIONS and not rules_of(version).specimens_decide else _NEWEST


def read_header(leaf: Any, version: str, where: str) -> Header:
    """Return the header that a leaf of a version states."""
    return read_record(leaf_types(version).header, Fields(upgraded(leaf, "header", version, where), where))


def read_image(leaf: Any, version: str, where: str) -> ImageRow:
    """Return the row of an image that a leaf of a version states."""
    return read_record(leaf_types(version).image, Fields(upgraded(leaf, "image", version, where), where))


def read_specimen(leaf: Any, version: str, where: str) -> SpecimenRow:
    """Return the row of a specimen that a leaf of a version states."""
    return read_record(leaf_types(version).specimen, Fields(upgraded(leaf, "specimen", version, where), where))


def read_image_rows(leaves: Sequence[Any], version: str, where: str) -> list[ImageRow]:
    """Return the rows of many images."""
    rows = [upgraded(leaf, "image", version, where) for leaf in leaves]
    return list(read_records(leaf_types(version).image, rows, where))


def read_specimen_rows(leaves: Sequence[Any], version: str, where: str) -> list[SpecimenRow]:
    """Return the rows of many specimens."""
    rows = [upgraded(leaf, "specimen", version, where) for leaf in leaves]
    return list(read_records(leaf_types(version).specimen, rows, where))

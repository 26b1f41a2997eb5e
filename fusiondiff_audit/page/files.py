"""The files of a batch as the page shows them: grouped by specimen, each with its digests, measures and preparation."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from fusiondiff_audit.page.evidence import SpecimenEntry, former_p_values, specimen_entries
from fusiondiff_audit.page.language import Catalogue
from fusiondiff_audit.page.preparation import pixel_text, quality_text, step_text
from fusiondiff_audit.page.result import because
from reports.verdict.former_rows import FormerImageRow
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, Judgement
from reports.verdict.verdicts import Verdict

_EVEN = 50  # per cent
_NOTABLE_GATES = 0.1  # gates of a report that differ by less say nothing


@dataclass(frozen=True, slots=True)
class PageImage:
    """A PNG image on a page."""

    png: bytes

    @property
    def width(self) -> int:
        """Columns, as the PNG header gives them."""
        return int.from_bytes(self.png[16:20])

    @property
    def height(self) -> int:
        """Rows, as the PNG header gives them."""
        return int.from_bytes(self.png[20:24])

    @property
    def address(self) -> str:
        """The image as a data URL."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


@dataclass(frozen=True, slots=True)
class MapTile:
    """One square of a tile map."""

    across: int
    down: int
    score: int  # per cent of the trees that vote `authentic`
    verdict: Verdict  # gives the colour
    strength: float  # opacity of the colour


@dataclass(frozen=True, slots=True)
class TileMap:
    """The scores of an image's tiles at their places."""

    tiles: tuple[MapTile, ...]
    across: int
    down: int
    label: str


@dataclass(frozen=True, slots=True)
class FileFact:
    """A line of a file's card."""

    label: str
    text: str
    is_digest: bool = False


@dataclass(frozen=True, slots=True)
class FileCard:
    """One file of the batch."""

    name: str
    verdict: Verdict
    remark: str  # why it was refused or is no part of the evidence; else empty
    thumbnail: PageImage | None
    map: TileMap | None
    facts: tuple[FileFact, ...]


@dataclass(frozen=True, slots=True)
class FileGroup:
    """The files of a specimen; None: those without a specimen's name."""

    specimen: SpecimenEntry | None
    cards: tuple[FileCard, ...]


def file_groups(report: Report, thumbnails: Mapping[str, bytes], catalogue: Catalogue) -> list[FileGroup]:
    """Return every row of a file, those of named specimens first."""
    shows_gates = _gates_differ(report)
    cards: dict[str | None, list[FileCard]] = {row.specimen: [] for row in report.specimens} | {None: []}
    for row in report.images:
        png = thumbnails.get(row.name)
        image = None if png is None else PageImage(png)
        cards.setdefault(row.specimen, []).append(_card(row, image, catalogue, shows_gate=shows_gates))
    entries = {entry.name: entry for entry in specimen_entries(report, catalogue) if entry.named}
    return [FileGroup(None if name is None else entries.get(name), tuple(own)) for name, own in cards.items() if own]


def _gates_differ(report: Report) -> bool:
    gates = [float(row.judged.gate) for row in report.images if row.judged is not None]
    return bool(gates) and max(gates) - min(gates) >= _NOTABLE_GATES


def _card(row: ImageRow, thumbnail: PageImage | None, catalogue: Catalogue, *, shows_gate: bool) -> FileCard:
    if row.verdict is Verdict.REFUSED:
        remark = catalogue.joined(because(reason, catalogue) for reason in row.reasons)
    elif row.enrolled is not None:
        remark = catalogue.text(f"file.enrolled_{row.enrolled.value}")
    else:
        remark = catalogue.text("file.left_out") if row.judged is None else ""
    drawn = None if row.judged is None or row.judged.map is None else tile_map(row.judged.map, catalogue)
    return FileCard(
        row.name, row.verdict, remark, thumbnail, drawn, tuple(_facts(row, catalogue, shows_gate=shows_gate))
    )


def _facts(row: ImageRow, catalogue: Catalogue, *, shows_gate: bool) -> list[FileFact]:
    facts = []
    if row.verdict is not Verdict.REFUSED:
        facts.append(_fact("quality", catalogue, quality_text(row.quality, catalogue)))
        facts.append(_fact("pixel", catalogue, pixel_text(row.scale, catalogue)))
        facts.append(_fact("steps", catalogue, *(step_text(step, catalogue) for step in row.steps)))
    facts.append(_fact("remarks", catalogue, *(step_text(remark, catalogue) for remark in row.remarks)))
    if row.judged is not None:
        facts += _forests(row.judged, catalogue, shows_gate=shows_gate)
    if isinstance(row, FormerImageRow) and row.judged is not None:
        facts.append(FileFact("p", former_p_values(row.judged.ranks, catalogue)))
    digest = row.sha256 or catalogue.text("file.unsigned")
    facts.append(FileFact(catalogue.text("file.digest"), digest, is_digest=True))
    if row.pixels:
        facts.append(FileFact(catalogue.text("file.pixels"), row.pixels, is_digest=True))
    return [fact for fact in facts if fact.text]


def _forests(judged: Judgement, catalogue: Catalogue, *, shows_gate: bool) -> list[FileFact]:
    """Return the answer of the forests; of one forest the votes say no more than its score."""
    facts = [_fact("score", catalogue, catalogue.decimal(judged.score[:5]))]
    if shows_gate:
        facts.append(_fact("gate", catalogue, catalogue.decimal(judged.gate[:5])))
    votes = judged.votes_authentic, judged.votes_counterfeit
    if sum(votes) > 1:
        text = catalogue.text("file.votes_text", authentic=votes[0], counterfeit=votes[1])
        tolerance = () if judged.tolerance is None else (catalogue.text("specimen.tolerance", n=judged.tolerance),)
        facts.append(_fact("votes", catalogue, text, *tolerance))
    return facts


def _fact(key: str, catalogue: Catalogue, *texts: str) -> FileFact:
    return FileFact(catalogue.text(f"file.{key}"), catalogue.listed(texts))


def tile_map(scores: str, catalogue: Catalogue) -> TileMap:
    """Return the squares of a row's map."""
    tiles = []
    for down, line in enumerate(scores.split("; ")):
        for across, text in enumerate(line.split(" ")):
            if text == "-":
                continue
            score = min(max(int(text), 0), 100)
            verdict = Verdict.AUTHENTIC if score >= _EVEN else Verdict.COUNTERFEIT
            tiles.append(MapTile(across, down, score, verdict, round(abs(score - _EVEN) / _EVEN, 2)))
    size = max(tile.across for tile in tiles) + 1, max(tile.down for tile in tiles) + 1
    return TileMap(tuple(tiles), *size, catalogue.text("file.map", map=scores))

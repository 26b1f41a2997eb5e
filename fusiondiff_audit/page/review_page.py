"""The page of a reviewer: all specimens of a report, those nearest to another verdict first, and a decision on each.

It is one file with a script that the content policy knows by its digest; it loads nothing and sends nothing. Decisions
leave it as a file, which `report endorse` signs.
"""

import json
from collections.abc import Iterator, Mapping
from fractions import Fraction
from importlib.resources import files
from math import floor
from typing import Any

from fusiondiff_audit.page.evidence import specimen_entries
from fusiondiff_audit.page.files import FileCard, file_groups
from fusiondiff_audit.page.language import Catalogue, Language, catalogue_of
from fusiondiff_audit.page.one_file import one_file
from fusiondiff_audit.page.render import visible_text
from fusiondiff_audit.page.result import page_specimens
from reports.arithmetic import Rank
from reports.verdict.report import Report
from reports.verdict.review import DECISIONS_FORMAT, report_digest
from reports.verdict.rows import ImageRow, SpecimenRow

_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def review_page(report: Report, thumbnails: Mapping[str, bytes]) -> bytes:
    """Return the page; `thumbnails` are PNG files by the names of images."""
    content = _as_script(_content(report, thumbnails))
    script, style = _file("review.js"), _file("review.css")
    return one_file(_file("review.html"), script=script, style=style, parts={"CONTENT": content}).encode()


def distance_to_bound(rank: Rank, alpha: Fraction) -> int:
    """Return by how many enrolled specimens a rank has to change before its p-value crosses an error rate."""
    least = floor(alpha * (1 + rank.of))  # the least count whose p-value is above it
    return rank.at_least - least + 1 if rank.at_least >= least else least - rank.at_least


def _content(report: Report, thumbnails: Mapping[str, bytes]) -> dict[str, Any]:
    catalogue = catalogue_of(Language.ENGLISH)
    return {
        "format": DECISIONS_FORMAT,
        "report": report_digest(report),
        "id": report.header.id,
        "reference": visible_text(report.header.reference),
        "demonstration": report.header.demonstration,
        "alpha": float(report.header.policy.rate),
        "specimens": list(_specimens(report, thumbnails, catalogue)),
    }


def _specimens(report: Report, thumbnails: Mapping[str, bytes], catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    """Yield what the page shows of each specimen; texts are as people may see them."""
    cards = {card.name: card for group in file_groups(report, thumbnails, catalogue) for card in group.cards}
    of_specimen: dict[str, list[FileCard]] = {}
    for image in report.images:
        of_specimen.setdefault(image.specimen or image.name, []).append(cards[image.name])
    for row, entry in zip(page_specimens(report), specimen_entries(report, catalogue), strict=True):
        ranks = _ranks(row)
        yield {
            "name": entry.name,
            "shown": visible_text(entry.name),
            "verdict": entry.verdict.value,
            "reasons": [visible_text(reason) for reason in entry.reasons],
            "evidence": [visible_text(text) for text in (*entry.evidence, *entry.details)],
            "p": float(ranks[0].p) if ranks else None,
            "near": min(distance_to_bound(rank, report.header.policy.rate) for rank in ranks) if ranks else None,
            "images": [_image(card) for card in of_specimen.get(entry.name, [])],
        }


def _ranks(row: ImageRow | SpecimenRow) -> tuple[Rank, ...]:
    """Return the ranks as authentic and as counterfeit, if a specimen has them."""
    evidence = getattr(row, "evidence", None)
    if evidence is None or evidence.authentic is None or evidence.counterfeit is None:
        return ()
    return evidence.authentic, evidence.counterfeit


def _image(card: FileCard) -> dict[str, Any]:
    drawn = card.map
    tiles = [] if drawn is None else [(tile.across, tile.down, tile.score) for tile in drawn.tiles]
    return {
        "name": visible_text(card.name),
        "remark": visible_text(card.remark),
        "picture": None if card.thumbnail is None else card.thumbnail.address,
        "map": None if drawn is None else {"across": drawn.across, "down": drawn.down, "tiles": tiles},
        "facts": [[fact.label, visible_text(fact.text)] for fact in card.facts],
    }


def _as_script(content: object) -> str:
    """Return JSON that ends no element, whatever its texts hold."""
    return "".join(_IN_SCRIPT.get(c, c) for c in json.dumps(content, ensure_ascii=False, separators=(",", ":")))


def _file(name: str) -> str:
    return (files("fusiondiff_audit.page") / "review" / name).read_text(encoding="utf-8")

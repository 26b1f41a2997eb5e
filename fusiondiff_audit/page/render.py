"""Renders a report and thumbnails as HTML. Every text is escaped; the content policy forbids scripts and addresses."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from fusiondiff_audit import __version__
from fusiondiff_audit.page.evidence import (
    can_answer,
    comparison,
    p_values,
    page_specimens,
    verdict_cards,
)
from reports.verdict.former_header import FormerHeader
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenRow, least_tolerance, surviving_answers
from reports.verdict.verdicts import Verdict
from reports.verdict.wording import (
    UNCHECKED,
    instrument_lines,
    limitations,
    rate_lines,
    ratio_sentences,
    robustness_text,
    scale_text,
    statement_lines,
    unchecked_tests,
)
from signing.strict import visible

# Distinct in shape as well as in colour.
_SIGNS = {
    Verdict.AUTHENTIC: "\N{BLACK CIRCLE}",
    Verdict.COUNTERFEIT: "\N{BLACK UP-POINTING TRIANGLE}",
    Verdict.INCONCLUSIVE: "\N{WHITE CIRCLE}",
    Verdict.UNFAMILIAR: "\N{WHITE DIAMOND}",
    Verdict.REFUSED: "\N{MULTIPLICATION SIGN}",
}
_EVEN = 50  # per cent
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_MEANINGS = {
    Verdict.AUTHENTIC: "like specimens of the reference, and unlike the enrolled counterfeits",
    Verdict.COUNTERFEIT: "like the enrolled counterfeits, and unlike the reference",
    Verdict.INCONCLUSIVE: "no answer: both are possible, or the evidence disagrees or is missing",
    Verdict.UNFAMILIAR: "unlike anything that the model was enrolled with",
    Verdict.REFUSED: "not judged: the file is not the signed one, or cannot be used",
}
_WHY = {
    "was-enrolled": "the model was enrolled with this image, or with its specimen: its answer is no evidence",
    "instrument-not-enrolled": "no image of this instrument was enrolled: it may differ as another maker does",
    "instrument-confounded": "imaging predicts the labels of enrolled specimens: a verdict may be of the instrument",
    "not-calibrated": "too few enrolled specimens: the error rate of a verdict is unknown",
    "not-assessable": "cannot be judged: out of focus, saturated, empty or too small",
    "scale-unknown": "the size of a pixel is not stated",
    "unfamiliar": "unlike anything enrolled",
    "unlike-both": "unlike either class",
    "not-sure": "either class is possible",
    "set-disagrees": "label and conformal set disagree",
    "pictures-disagree": "its images differ more than those of one specimen do",
    "too-few-tiles": "too little of it was compared for a positive finding",
    "picture-refused": "an image of it was refused",
    "least-not-reached": "a certificate is below the minimum of the policy",
    "all-refused": "all its images were refused",
    "digest-mismatch": "changed since it was signed",
    "missing-file": "signed, but missing",
    "extra-file": "present, but not signed",
    "duplicate-pixels": "the same image was admitted before",
    "malformed": "damaged, or not in its declared format",
    "ambiguous": "other programs may show another image",
    "unsupported": "of a kind that this tool does not read",
    "too-large": "larger than this tool reads",
    "timed-out": "took too long to decode",
}


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


def render(report: Report, thumbnails: Mapping[str, bytes] | None = None) -> bytes:
    """Return the page; `thumbnails` are PNG files, by the names of images."""
    pages = templates()
    pages.globals |= {
        "tiles": _tiles,
        "unchecked": UNCHECKED,
        "sign": _SIGNS,
        "meaning": _MEANINGS,
        "p_values": p_values,
        "compared": comparison,
        "ratios": ratio_sentences,
        "why": _why,
        "share": _share,
        "tolerates": _tolerates,
        "tolerance": _tolerance,
        "pixel": scale_text,
    }
    header = report.header
    page = pages.get_template("report.html").render(
        header=header,
        report=report,
        thumbnails={name: PageImage(png) for name, png in (thumbnails or {}).items()},
        former=isinstance(header, FormerHeader),
        cards=verdict_cards(report),
        specimens=page_specimens(report),
        nameless=sum(row.specimen is None for row in report.images),
        answers=can_answer(report),
        unchecked_tests=unchecked_tests(header, report.specimens, report.images),
        instrument=instrument_lines(header),
        statement=statement_lines(header),
        rates=rate_lines(header),
        stress_test=robustness_text(header.robustness),
        limitations=limitations(header),
        certified=header.policy.tolerance is not None,
        poisoned=surviving_answers(report.specimens or report.images),
        version=__version__,
    )
    return page.encode()


def templates() -> Environment:
    """Return the templates, in which every text is escaped and invisible characters are shown by their codes."""
    return Environment(
        loader=PackageLoader("fusiondiff_audit.page", "templates"),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _visible(value: object) -> object:
    """Return a value for a template; in text, control characters, direction overrides and blanks are escaped."""
    return visible(value, keep=_SPACES) if isinstance(value, str) else value


def _tiles(map_: str) -> list[MapTile]:
    """Return the squares of a row's map."""
    tiles = []
    for down, line in enumerate(map_.split("; ")):
        for across, text in enumerate(line.split(" ")):
            if text == "-":
                continue
            score = min(max(int(text), 0), 100)
            verdict = Verdict.AUTHENTIC if score >= _EVEN else Verdict.COUNTERFEIT
            tiles.append(MapTile(across, down, score, verdict, round(abs(score - _EVEN) / _EVEN, 2)))
    return tiles


def _why(row: ImageRow | SpecimenRow) -> str:
    return "; ".join(_WHY.get(reason, reason) for reason in row.reasons)


def _tolerance(row: ImageRow | SpecimenRow) -> str:
    """Return a specimen's tolerance, or that of an image without a specimen's name."""
    tolerance = least_tolerance((row,)) if isinstance(row, ImageRow) else row.tolerance
    return "none" if tolerance is None else str(tolerance)


def _tolerates(tolerance: int | None) -> str:
    """Return how many altered specimens a label tolerates, in words."""
    if tolerance is None:
        return ""
    return f"tolerates {tolerance} altered" if tolerance else "tolerates none"


def _share(decimal: str) -> int:
    """Return a decimal from 0 to 1 in per cent, for the width of a bar."""
    return round(100 * min(max(float(decimal), 0.0), 1.0))

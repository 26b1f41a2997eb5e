"""Renders a report and thumbnails as HTML. Every text is escaped; the content policy forbids scripts and addresses."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from jinja2 import Environment, PackageLoader, StrictUndefined

from fusiondiff_audit import __version__
from reports.arithmetic import Rank, least_specimens
from reports.verdict.coverage import AvailableChecks, available_checks
from reports.verdict.header import VerdictCounts
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenRow, surviving_answers
from reports.verdict.verdicts import Label, Verdict
from reports.verdict.wording import limitations, robustness_text, scale_text
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
UNCHECKED = "not checked"  # the count of a test that was not made is never shown as 0
_MEANINGS = {
    Verdict.AUTHENTIC: "like the reference, and unlike its counterfeits",
    Verdict.COUNTERFEIT: "like the counterfeits that the model was enrolled with",
    Verdict.INCONCLUSIVE: "no answer: both are possible, or the evidence disagrees or is missing",
    Verdict.UNFAMILIAR: "unlike anything that the model was enrolled with",
    Verdict.REFUSED: "not judged: the file is not the signed one, or cannot be used",
}
_WHY = {
    "was-enrolled": "the model was enrolled with this image, or with its specimen: its answer is no evidence",
    "not-calibrated": "too few calibration specimens: the error rate of the model is unknown",
    "not-assessable": "cannot be judged: out of focus, saturated, empty or too small",
    "scale-unknown": "the size of a pixel is not stated",
    "unfamiliar": "unlike anything enrolled",
    "unlike-both": "unlike either class",
    "not-sure": "either class is possible",
    "set-disagrees": "label and conformal set disagree",
    "pictures-disagree": "its images disagree",
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
        "p": _p,
        "why": _why,
        "conformal_set": _conformal_set,
        "share": _share,
        "tolerates": _tolerates,
        "pixel": scale_text,
    }
    header, available = report.header, available_checks(report.header, report.images)
    page = pages.get_template("report.html").render(
        header=header,
        report=report,
        thumbnails={name: PageImage(png) for name, png in (thumbnails or {}).items()},
        verdicts=list(Verdict),
        images=_cards(header.images, available),
        specimens=header.specimens.by_verdict().items(),
        checked=available,
        stress_test=robustness_text(header.robustness),
        limitations=limitations(header),
        least=least_specimens(header.policy.rate),
        alpha=header.policy.rate,
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


def _cards(counts: VerdictCounts, available: AvailableChecks) -> list[tuple[Verdict, str]]:
    """Return the number on each verdict's card; UNCHECKED where no image could have got that verdict."""
    possible = {
        Verdict.AUTHENTIC: available.answers,
        Verdict.COUNTERFEIT: available.answers,
        Verdict.UNFAMILIAR: available.sets or available.familiarity,
    }
    return [
        (verdict, f"{number:,}" if number or possible.get(verdict, True) else UNCHECKED)
        for verdict, number in counts.by_verdict().items()
    ]


def _p(rank: Rank | None) -> str:
    """Return a p-value to three digits, rounded up: rounded down it would overstate the evidence."""
    if rank is None:
        return UNCHECKED
    thousandths = -(-rank.p.numerator * 1000 // rank.p.denominator)
    return f"{thousandths / 1000:.3f}"


def _conformal_set(row: ImageRow | SpecimenRow, alpha: Fraction) -> str:
    """Return the conformal set, in words."""
    ranked = row.judged if isinstance(row, ImageRow) else row
    if ranked is None or ranked.authentic is None or ranked.counterfeit is None:
        return UNCHECKED
    pairs = ((Label.AUTHENTIC, ranked.authentic), (Label.COUNTERFEIT, ranked.counterfeit))
    return " or ".join(label for label, rank in pairs if rank.p > alpha) or "neither"


def _why(row: ImageRow | SpecimenRow) -> str:
    return "; ".join(_WHY.get(reason, reason) for reason in row.reasons)


def _tolerates(tolerance: int | None) -> str:
    """Return how many altered specimens a label tolerates, in words."""
    if tolerance is None:
        return ""
    return f"tolerates {tolerance} altered" if tolerance else "tolerates none"


def _share(decimal: str) -> int:
    """Return a decimal from 0 to 1 in per cent, for the width of a bar."""
    return round(100 * min(max(float(decimal), 0.0), 1.0))

"""A report and small pictures to HTML. Every text is escaped; the policy forbids scripts and every address."""

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

_SIGNS = {  # told apart by shape as well as by colour
    Verdict.AUTHENTIC: "\N{BLACK CIRCLE}",
    Verdict.COUNTERFEIT: "\N{BLACK UP-POINTING TRIANGLE}",
    Verdict.INCONCLUSIVE: "\N{WHITE CIRCLE}",
    Verdict.UNFAMILIAR: "\N{WHITE DIAMOND}",
    Verdict.REFUSED: "\N{MULTIPLICATION SIGN}",
}
_EVEN = 50  # per cent
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
UNCHECKED = "not checked"  # what nobody looked for is never told as 0
_MEANINGS = {
    Verdict.AUTHENTIC: "like the reference, and unlike its counterfeits",
    Verdict.COUNTERFEIT: "like the counterfeits that the model was taught with",
    Verdict.INCONCLUSIVE: "no answer: both are possible, the evidence disagrees, or it tells nothing",
    Verdict.UNFAMILIAR: "unlike anything that the model was taught with",
    Verdict.REFUSED: "never looked at: the file is not what was signed, or not usable",
}
_WHY = {
    "was-enrolled": "the model was enrolled with this picture, or with its specimen: its answer says nothing",
    "not-calibrated": "too few calibration specimens: nobody can tell how often the model errs",
    "not-assessable": "cannot be judged: out of focus, saturated, empty or too small",
    "scale-unknown": "nobody says how large a pixel is",
    "unfamiliar": "unlike anything enrolled",
    "unlike-both": "unlike either class",
    "not-sure": "either class is possible",
    "set-disagrees": "label and set disagree",
    "pictures-disagree": "its pictures disagree",
    "picture-refused": "a picture of it was refused",
    "least-not-reached": "a certificate is below the least asked for",
    "all-refused": "all its pictures were refused",
    "digest-mismatch": "changed since it was signed",
    "missing-file": "signed, and not there",
    "extra-file": "there, and not signed",
    "duplicate-pixels": "the same picture was admitted before",
    "malformed": "damaged, or not of its format",
    "ambiguous": "other programs would show another picture",
    "unsupported": "of a kind that is not read",
    "too-large": "larger than is read",
    "timed-out": "took too long to decode",
}


@dataclass(frozen=True, slots=True)
class PageImage:
    """A picture as PNG, small enough for a page."""

    png: bytes

    @property
    def width(self) -> int:
        """Return its columns, as its header says."""
        return int.from_bytes(self.png[16:20])

    @property
    def height(self) -> int:
        """Return its rows."""
        return int.from_bytes(self.png[20:24])

    @property
    def address(self) -> str:
        """Return the picture as an address that holds it."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


@dataclass(frozen=True, slots=True)
class MapTile:
    """One square of a picture on the page: where it is drawn, and how."""

    across: int
    down: int
    score: int  # per cent of the trees that hold it for authentic
    verdict: Verdict  # whose colour it has
    strength: float  # of the colour


def render(report: Report, pictures: Mapping[str, bytes] | None = None) -> bytes:
    """Return the page; `pictures` are small PNG files, by the names of images."""
    pages = templates()
    pages.globals |= {
        "tiles": _tiles,
        "unchecked": UNCHECKED,
        "sign": _SIGNS,
        "meaning": _MEANINGS,
        "p": _p,
        "why": _why,
        "left_in": _left_in,
        "share": _share,
        "stands": _stands,
        "pixel": scale_text,
    }
    header, looked = report.header, available_checks(report)
    page = pages.get_template("report.html").render(
        header=header,
        report=report,
        pictures={name: PageImage(png) for name, png in (pictures or {}).items()},
        verdicts=list(Verdict),
        images=_cards(header.images, looked),
        specimens=_counted(header.specimens),
        checked=looked,
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
    """Return our templates, in which every text is escaped, and what nobody would see is spelt out."""
    return Environment(
        loader=PackageLoader("fusiondiff_audit.page", "templates"),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _seen(value: object) -> object:
    """Return what a template shows: of text, no direction override, control or blank reaches the page as itself."""
    return visible(value, keep=_SPACES) if isinstance(value, str) else value


def _tiles(map_: str) -> list[MapTile]:
    """Return the squares of a row's map."""
    found = []
    for down, line in enumerate(map_.split("; ")):
        for across, text in enumerate(line.split(" ")):
            if text == "-":
                continue
            score = min(max(int(text), 0), 100)
            verdict = Verdict.AUTHENTIC if score >= _EVEN else Verdict.COUNTERFEIT
            found.append(MapTile(across, down, score, verdict, round(abs(score - _EVEN) / _EVEN, 2)))
    return found


def _counted(counts: VerdictCounts) -> list[tuple[Verdict, int]]:
    numbers = (counts.authentic, counts.counterfeit, counts.inconclusive, counts.unfamiliar, counts.refused)
    return list(zip(Verdict, numbers, strict=True))


def _cards(counts: VerdictCounts, looked: AvailableChecks) -> list[tuple[Verdict, str]]:
    """Return what stands on the card of each verdict: where nobody could have found any, no number."""
    found = {
        Verdict.AUTHENTIC: looked.answers,
        Verdict.COUNTERFEIT: looked.answers,
        Verdict.UNFAMILIAR: looked.sets or looked.familiarity,
    }
    return [
        (verdict, f"{number:,}" if number or found.get(verdict, True) else UNCHECKED)
        for verdict, number in _counted(counts)
    ]


def _p(rank: Rank | None) -> str:
    """Return a p-value to three digits, rounded up: nothing looks rarer than it is."""
    if rank is None:
        return UNCHECKED
    thousandths = -(-rank.p.numerator * 1000 // rank.p.denominator)
    return f"{thousandths / 1000:.3f}"


def _left_in(row: ImageRow | SpecimenRow, alpha: Fraction) -> str:
    """Return the conformal set, in words."""
    seen = row.judged if isinstance(row, ImageRow) else row
    if seen is None or seen.authentic is None or seen.counterfeit is None:
        return UNCHECKED
    pairs = ((Label.AUTHENTIC, seen.authentic), (Label.COUNTERFEIT, seen.counterfeit))
    return " or ".join(label for label, rank in pairs if rank.p > alpha) or "neither"


def _why(row: ImageRow | SpecimenRow) -> str:
    return "; ".join(_WHY.get(reason, reason) for reason in row.reasons)


def _stands(tolerance: int | None) -> str:
    """Return how many altered specimens a label stands, in words."""
    if tolerance is None:
        return ""
    return f"stands {tolerance} altered" if tolerance else "stands none"


def _share(decimal: str) -> int:
    """Return a decimal from 0 to 1 in per cent, for the width of a bar."""
    return round(100 * min(max(float(decimal), 0.0), 1.0))

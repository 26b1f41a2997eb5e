"""What to do next with the specimens of each verdict, and of each reason for which there is no answer."""

from dataclasses import dataclass

from fusiondiff_audit.page.language import Catalogue
from fusiondiff_audit.page.result import because, page_specimens
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow
from reports.verdict.verdicts import Verdict

_MOST_NAMES = 12
_ORDER = tuple(Verdict)


@dataclass(frozen=True, slots=True)
class NextStep:
    """Advice for some specimens."""

    verdict: Verdict
    why: str  # empty for an answer
    specimens: str
    advice: str


def next_steps(report: Report, catalogue: Catalogue) -> list[NextStep]:
    """Return advice in the order of verdicts; specimens are grouped by the reason that counts, the first."""
    groups: dict[tuple[Verdict, str], list[str]] = {}
    for row in page_specimens(report):
        has_answer = row.verdict in (Verdict.AUTHENTIC, Verdict.COUNTERFEIT, Verdict.UNFAMILIAR)
        reason = "" if has_answer or not row.reasons else row.reasons[0]
        groups.setdefault((row.verdict, reason), []).append(row.name if isinstance(row, ImageRow) else row.specimen)
    ordered = sorted(groups, key=lambda group: _ORDER.index(group[0]))
    return [_step(verdict, reason, groups[verdict, reason], catalogue) for verdict, reason in ordered]


def _step(verdict: Verdict, reason: str, names: list[str], catalogue: Catalogue) -> NextStep:
    rest = len(names) - _MOST_NAMES
    shown = names[:_MOST_NAMES] if rest <= 0 else [*names[:_MOST_NAMES], catalogue.text("next.more", n=rest)]
    is_unanswered = verdict is Verdict.INCONCLUSIVE
    advice = (catalogue.choice("next", reason) if is_unanswered else None) or catalogue.text(f"next.{verdict.value}")
    return NextStep(verdict, because(reason, catalogue) if reason else "", catalogue.joined(shown), advice)

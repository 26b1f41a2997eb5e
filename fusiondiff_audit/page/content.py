"""What a report's page says, in the words of a language: the values that the templates of HTML and PDF lay out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fusiondiff_audit import __version__
from fusiondiff_audit.page.circumstances import (
    instrument_sentences,
    limit_sentences,
    nothing_stated,
    stated_facts,
    stress_sentence,
)
from fusiondiff_audit.page.error_rates import batch_sentences, error_table
from fusiondiff_audit.page.evidence import specimen_entries
from fusiondiff_audit.page.files import file_groups
from fusiondiff_audit.page.language import Catalogue
from fusiondiff_audit.page.next_steps import next_steps
from fusiondiff_audit.page.not_examined import deviations, not_examined
from fusiondiff_audit.page.origin_facts import PageFact, origin_facts
from fusiondiff_audit.page.result import can_answer, result_sentence, verdict_cards
from reports.verdict.former_header import FormerHeader
from reports.verdict.header import Header
from reports.verdict.laboratory import StatedCase, read_stated_case
from reports.verdict.report import Report
from reports.verdict.rows import surviving_answers
from reports.verdict.verdicts import Verdict
from signing import SigningError

# Distinct in shape as well as in colour.
SIGNS = {
    Verdict.AUTHENTIC: "\N{BLACK CIRCLE}",
    Verdict.COUNTERFEIT: "\N{BLACK UP-POINTING TRIANGLE}",
    Verdict.INCONCLUSIVE: "\N{WHITE CIRCLE}",
    Verdict.UNFAMILIAR: "\N{WHITE DIAMOND}",
    Verdict.REFUSED: "\N{MULTIPLICATION SIGN}",
}
_HUNDRED = 100  # per cent


@dataclass(frozen=True, slots=True)
class Survival:
    """How many answers stay, with none, one, two, ... enrolled partitions altered."""

    text: str
    altered: tuple[str, ...]
    stay: tuple[str, ...]


def page_content(report: Report, thumbnails: Mapping[str, bytes], catalogue: Catalogue) -> dict[str, Any]:
    """Return the values by their names in the templates; `thumbnails` are PNG files, by the names of images."""
    header, t = report.header, catalogue.text
    stated = _stated_case(header)
    details = stated or nothing_stated()
    former = isinstance(header, FormerHeader)
    stress = stress_sentence(header.robustness, catalogue)
    unexamined = not_examined(report, catalogue)
    nameless = sum(row.specimen is None for row in report.images)
    counted = [t("result.former" if former else "result.specimens")]
    counted += [t("result.nameless", n=nameless)] if nameless and not former else []
    return {
        "id": header.id,
        "reference": header.reference,
        "laboratory": details.laboratory,
        "signs": {verdict.value: sign for verdict, sign in SIGNS.items()},
        "former": former,
        "warnings": tuple(_warnings(header, stress, catalogue)),
        "sentence": result_sentence(report, catalogue),
        "cards": verdict_cards(report, catalogue),
        "answers": can_answer(report),
        "counted": " ".join(counted),
        "errors": error_table(header, catalogue),
        "head": tuple(_head(header, details, stress, catalogue)),
        "specimens": specimen_entries(report, catalogue),
        "specimens_intro": t("specimen.former_intro" if former else "specimen.intro", alpha=_alpha(header, catalogue)),
        "steps": next_steps(report, catalogue),
        "open": unexamined,
        "unexamined_rest": t("unexamined.rest", n=unexamined.files) if unexamined.files else "",
        "unreadable": stated is None,
        "facts": stated_facts(details, header, catalogue),
        "reproduction": f"{t('laboratory.relate')} {details.laboratory.reproduction or t('laboratory.reproduction')}",
        "rule": tuple(_rule(header, catalogue)),
        "deviations": tuple(_deviations(report, details, catalogue)),
        "survival": _survival(report, catalogue),
        "limits": tuple(limit_sentences(header, catalogue)),
        "groups": file_groups(report, thumbnails, catalogue),
        "origin": tuple(origin_facts(header, stress, catalogue)),
        "version": __version__,
    }


def _stated_case(header: Header) -> StatedCase | None:
    """Return what the quoted policy states of laboratory and case; None if that cannot be read."""
    try:
        return read_stated_case(header.policy.text, "the report")
    except SigningError:
        return None


def _warnings(header: Header, stress: str, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Yield what stands above the result and on every sheet of paper, and why."""
    if header.demonstration:
        yield catalogue.text("mark.demonstration"), catalogue.text("mark.demonstration_why")
    if header.robustness is None:
        yield catalogue.text("mark.untested"), catalogue.text("mark.untested_why")
    elif not header.robustness.is_pass:
        yield catalogue.text("mark.failed"), catalogue.text("mark.failed_why", result=stress)


def _head(header: Header, stated: StatedCase, stress: str, catalogue: Catalogue) -> Iterator[PageFact]:
    """Yield the facts that stand below the result."""
    t, batch = catalogue.text, header.batch
    files, captured = t("head.files", n=batch.files), catalogue.moment(batch.captured)
    signed = t("head.batch_text", files=files, signer=batch.signer.principal, device=batch.device, moment=captured)
    issued = t("head.issued_by", moment=catalogue.moment(header.issued), auditor=header.auditor.principal)
    replay = "setting.replay_checked" if header.ledger else "setting.replay_unchecked"
    for label, texts in (
        ("head.customer", [stated.case.customer]),
        ("head.item", [stated.case.item]),
        ("head.case", header.case),
        ("head.issued", [issued]),
        ("head.batch", [f"{signed} ({batch.lab})" if batch.lab else signed]),
        ("errors.batch", batch_sentences(header, catalogue)),
        ("setting.instrument", [catalogue.listed(instrument_sentences(header, catalogue))]),
        ("setting.stress", [stress]),
        ("setting.replay", [t(replay)]),
    ):
        for place, text in enumerate(filter(None, texts)):
            yield PageFact("" if place else t(label), text)


def _rule(header: Header, catalogue: Catalogue) -> Iterator[str]:
    """Yield the sentences of the decision rule."""
    t, model, alpha = catalogue.text, header.model, _alpha(header, catalogue)
    if isinstance(header, FormerHeader):
        yield t("rule.former", alpha=alpha)
    else:
        enrolled = {"authentic": model.enrolled_authentic, "counterfeit": model.enrolled_counterfeit}
        yield t("rule.classes", alpha=alpha, **enrolled)
        yield t("rule.verdicts")
        yield t("rule.risk", percent=_percent(header, catalogue))
    yield t("rule.policy", policy=header.policy.name)


def _deviations(report: Report, stated: StatedCase, catalogue: Catalogue) -> Iterator[str]:
    own = [text for text in (stated.case.deviations,) if text]
    yield from [*own, *deviations(report, catalogue)] or [catalogue.text("deviation.none")]


def _survival(report: Report, catalogue: Catalogue) -> Survival | None:
    stay, model, t = surviving_answers(report.specimens or report.images), report.header.model, catalogue.text
    if not stay:
        return None
    key, enrolled = "poisoned.text" if report.specimens else "poisoned.images", model.enrolled_authentic
    text = t(key, specimens=enrolled + model.enrolled_counterfeit, partitions=model.partitions)
    ranks = "" if isinstance(report.header, FormerHeader) else f" {t('poisoned.ranks')}"
    altered = (t("poisoned.none"), *map(catalogue.number, range(1, len(stay))))
    return Survival(text + ranks, altered, tuple(map(catalogue.number, stay)))


def _alpha(header: Header, catalogue: Catalogue) -> str:
    return catalogue.decimal(header.policy.alpha)


def _percent(header: Header, catalogue: Catalogue) -> str:
    """Return the policy's error rate in per cent, without superfluous zeros."""
    percent = _HUNDRED * header.policy.rate
    text = f"{float(percent):.4f}".rstrip("0").rstrip(".")
    return catalogue.decimal(text)

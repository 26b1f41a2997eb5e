"""What a page states beside results: laboratory and case, instrument, stress test, replay, and what is not proven."""

from collections.abc import Iterable
from dataclasses import dataclass

from fusiondiff_audit.page.language import Catalogue
from reports.verdict.claims import RobustnessClaim
from reports.verdict.former_header import FormerHeader
from reports.verdict.header import Header
from reports.verdict.laboratory import CaseDetails, LaboratoryDetails, StatedCase
from reports.verdict.limits import SAME_OBJECT, STANDARD_LIMITS, limit_notice

_LIMITS = dict(zip((*STANDARD_LIMITS, SAME_OBJECT), ("reference", "scope", "claim", "same_object"), strict=True))


@dataclass(frozen=True, slots=True)
class StatedFact:
    """A line of the table of laboratory and case; `clause` is the letter of ISO/IEC 17025:2017, 7.8.2.1."""

    label: str
    text: str
    stated: bool
    clause: str


def stated_facts(stated: StatedCase, header: Header, catalogue: Catalogue) -> list[StatedFact]:
    """Return what a test report has to state, in the order of the clause."""
    laboratory, case = stated.laboratory, stated.case
    rows = (
        ("laboratory", laboratory.name, "b"),
        ("address", laboratory.address, "b"),
        ("place", laboratory.place, "c"),
        ("customer", case.customer, "e"),
        ("contact", case.contact, "e"),
        ("method", laboratory.method, "f"),
        ("method_version", laboratory.method_version, "f"),
        ("item", case.item, "g"),
        ("condition", case.condition, "g"),
        ("received", case.received and catalogue.day(case.received), "h"),
        ("sampled", case.sampled and catalogue.day(case.sampled), "h"),
        ("tested", _days(case, catalogue), "i"),
        ("issued", catalogue.moment(header.issued), "j"),
        ("sampling", case.sampling, "k"),
        ("authorised_by", case.authorised_by, "o"),
        ("external", case.external, "p"),
    )
    unstated = catalogue.text("laboratory.unstated")
    return [
        StatedFact(catalogue.text(f"laboratory.{key}"), text or unstated, bool(text), clause)
        for key, text, clause in rows
    ]


def nothing_stated() -> StatedCase:
    return StatedCase(LaboratoryDetails(), CaseDetails())


def instrument_sentences(header: Header, catalogue: Catalogue) -> list[str]:
    """Return whether the instrument was enrolled, and whether imaging predicts labels."""
    model, device = header.model, header.batch.device
    if isinstance(header, FormerHeader):
        return [device, catalogue.text("setting.no_devices")]
    sentences = [
        catalogue.text("setting.enrolled" if device in model.devices else "setting.not_enrolled", device=device)
    ]
    if not model.devices:
        sentences.append(catalogue.text("setting.no_devices"))
    elif model.devices != (device,):
        sentences.append(catalogue.text("setting.devices", devices=catalogue.joined(model.devices)))
    if model.confounded is not None:
        sentences.append(catalogue.text("setting.confounded" if model.confounded else "setting.not_confounded"))
    return sentences


def stress_sentence(claim: RobustnessClaim | None, catalogue: Catalogue) -> str:
    """Return what a report states of the stress test of its model."""
    if claim is None:
        return catalogue.text("setting.stress_none")
    key = "setting.stress_stale" if claim.stale else "setting.stress_result"
    return catalogue.text(
        key, outcome=claim.outcome.value, policy=claim.policy, day=catalogue.day(claim.midnight.date())
    )


def limit_sentences(header: Header, catalogue: Catalogue) -> Iterable[str]:
    """Return what a report does not prove; the standard sentences stand in the page's language, others as signed."""
    notice = limit_notice(header.run.limit)
    for text in header.limits:
        if text in notice and header.run.limit is not None:
            yield catalogue.text("deviation.limit", n=header.run.limit)
        else:
            yield catalogue.text(f"limit.{_LIMITS[text]}") if text in _LIMITS else text


def _days(case: CaseDetails, catalogue: Catalogue) -> str | None:
    first, last = case.tested_from, case.tested_until
    if first is not None and last is not None:
        if first == last:
            return catalogue.day(first)
        return catalogue.text("laboratory.tested_days", first=catalogue.day(first), last=catalogue.day(last))
    if first is not None:
        return catalogue.text("laboratory.tested_since", first=catalogue.day(first))
    return None if last is None else catalogue.text("laboratory.tested_until", last=catalogue.day(last))

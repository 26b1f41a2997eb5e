"""The answer of `verify` for the result of a stress test."""

from pathlib import Path
from typing import Any

import signing
from fusiondiff_audit.cli.answer import Answer
from fusiondiff_audit.cli.file_checks import signer_data
from fusiondiff_audit.cli.options import TrustContext
from fusiondiff_audit.cli.report_text import wrapped
from fusiondiff_audit.cli.text import count, table
from reports.stress.result import MAX_RESULT_FILE, STRESS_PAGE, StressResult, open_stress_result
from reports.stress.wording import outcome_sentence, result_sentences
from reports.verdict.model_check import checked_files
from reports.verdict.unchecked_files import unchecked_files
from reports.verdict.verification import PassedCheck, Verification
from signing.records import write_record


def verify_stress(file: Path, verification: Verification, *, trust: TrustContext, model: Path | None) -> StressResult:
    """Return a verified stress result; `verification` collects what passed."""
    result, signer = open_stress_result(signing.read_capped(file, limit=MAX_RESULT_FILE), str(file), trust=trust.store)
    verification.signer = signer
    time = f"{signing.write_time(signer.time or result.time)} ({'proven' if signer.proven else 'claimed, not proven'})"
    attacks, gates = count(len(result.attacks), "attack"), count(len(result.gates), "gate")
    verification.checks += [
        PassedCheck("signature", f"by key sha256:{signer.keyid}, listed as auditor {signer.principal!r}"),
        PassedCheck("time", f"the key was good at {time}"),
        PassedCheck("arithmetic", f"{gates} and the outcome follow from the images of {attacks}, by the quoted policy"),
    ]
    if model is not None:
        files = count(len(checked_files(model, result.model_digest)), "file")
        verification.checks.append(PassedCheck("model", f"{files} are those that were attacked: {model}"))
    verification.unchecked = unchecked_files(file.parent, file)
    return result


def stress_answer(
    file: Path, result: StressResult, verification: Verification, text: tuple[str, str], trust: TrustContext
) -> Answer:
    """Return the answer; `text` has the tables of checks and of unchecked files."""
    checks, unchecked = text
    sentences = result_sentences(result)
    facts = table(
        [
            ("model", f"{result.model}, sha256:{result.model_digest}"),
            *((("", "DEMONSTRATION: synthetic images, or a model for demonstration"),) if result.demonstration else ()),
            ("policy", f"{result.policy}, sha256:{result.policy_digest}"),
            ("issued", f"{result.issued} by {result.auditor.principal}"),
            ("outcome", result.word),
            *(line for text in sentences for line in wrapped("what happened", text)),
            ("not selected", ", ".join(result.not_selected) or "no check"),
        ]
    )
    data: dict[str, Any] = {
        "checks": [{"check": check.title, "state": "passed", "found": check.found} for check in verification.checks],
        "kind": "stress result",
        "demonstration": result.demonstration,
        "signer": signer_data(verification.signer) if verification.signer else {},
        "word": result.word.value,
        "sentences": list(sentences),
        "result": write_record(result),
        "unchecked": [{"name": other.name, "state": other.state} for other in verification.unchecked],
        "trust": trust.data(),
    }
    beside = any(other.name == STRESS_PAGE for other in verification.unchecked)
    page = f"; {STRESS_PAGE} beside it was NOT compared" if beside else ""
    demonstration = "DEMONSTRATION. " if result.demonstration else ""
    sentence = f"{file.name} is genuine and unaltered{trust.remarks()}{page}. {demonstration}It says: "
    return Answer(
        "PASSED", sentence + outcome_sentence(result), "\n\n".join(filter(None, (checks, unchecked, facts))), data
    )

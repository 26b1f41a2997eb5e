"""The verb `audit`."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say, say_some
from fusiondiff_audit.cli.exits import Exit, worst
from fusiondiff_audit.cli.options import PATH, TrustContext, open_key, passphrase_option, trust_options
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.extras import require
from reports.verdict.verdicts import Verdict

if TYPE_CHECKING:
    from fusiondiff_audit.audit.repeat import Comparison
    from fusiondiff_audit.audit.run import AuditResult
    from fusiondiff_audit.ledger import Ledger
    from reports.verdict.rows import ImageRow

_SHOWN = 20  # messages
REPORT_PAGE = "report.html"


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--model", "bundle", metavar="MODEL", required=True, help="An enrolled bundle: a folder, or a name.")
@click.option("--key", type=PATH, required=True, help="The auditor's private key, Ed25519; it signs the report.")
@click.option("--out", type=PATH, required=True, help="Where the report goes: a new folder.")
@click.option(
    "--policy", "rules", type=PATH, help="Your audit.toml, which names the stress policy to ask for. [built-in]"
)
@click.option("--ledger", "book", type=PATH, help="The ledger that says what was admitted before; founded if new.")
@click.option("--no-ledger", is_flag=True, help="Keep none: the report then says `replay not checked`.")
@click.option(
    "--certify", "certificates", type=click.Choice(["poisoning"]), multiple=True, help="State this, as in the policy."
)
@click.option("--robustness", "stressed", metavar="RESULT", type=PATH, help="The signed result of a stress test.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@click.option("--resume", is_flag=True, help="Go on with a run that was interrupted, in the folder of --out.")
@click.option("--repeat", "first", metavar="REPORT", type=PATH, help="Do an audit again, and compare.")
@click.option("--again", metavar="REASON", help="Admit a batch or a picture that the ledger knows, for all to see.")
@click.option("--limit", type=click.IntRange(1), help="Look at the first N images alone; the report says so.")
@click.option("--fail-on", "gates", type=click.Choice(Verdict), multiple=True, help="Exit 1 if an image is this.")
@passphrase_option
@answering()
@trust_options
def command(
    folder: Path,
    bundle: str,
    key: Path,
    out: Path,
    rules: Path | None,
    book: Path | None,
    no_ledger: bool,
    certificates: tuple[str, ...],
    stressed: Path | None,
    device: str,
    resume: bool,
    first: Path | None,
    again: str | None,
    limit: int | None,
    gates: tuple[Verdict, ...],
    passphrase_files: tuple[Path, ...],
    trust: TrustContext,
) -> Answer:
    """Audit a signed batch, and sign the report.

    DIR is a folder that a device key signed. Every image is checked against the signature, decoded in a guarded
    process, looked at by the model, and decided by one rule. OUT gets report.sigstore.json, which anyone can check with
    `verify`, the head of its tree, a summary for policy engines, and report.html for people. A file that cannot be used
    becomes a REFUSED row and stops nothing else. An interrupted run goes on with --resume. With --repeat the rules and
    the draws are those of an earlier report; with the same code and device the result is the same byte for byte, and
    exit code 6 says that a verdict or a vote is not.

    No image is judged by a model that did not pass a stress test, unless the policy says that this is optional:
    `stress` makes a result, and the model that comes along has one. --policy takes an audit.toml, which says what a
    verdict needs and by which stress policy a result must be; a stress.toml is for `stress`. With --certify poisoning
    each row says how many of the enrolled specimens somebody could have altered without another label; the bundle must
    have been enrolled with --partitions.

    \b
    fusiondiff-audit audit micrographs --model fusion-diff-v1-ceramic --trust trust.json --key auditor.pem \\
        --ledger ledger --out out
    fusiondiff-audit verify out --trust trust.json --images micrographs
    fusiondiff-audit audit micrographs --model alder --robustness stressed/robustness.sigstore.json \\
        --trust trust.json --key auditor.pem --no-ledger --out other
    fusiondiff-audit audit micrographs --model fusion-diff-v1-ceramic --trust trust.json --key auditor.pem \\
        --repeat out --out again
    """
    require("audit", "auditing a batch")
    if first is not None and (rules or certificates or book or no_ledger or again or limit):
        raise click.UsageError("--repeat takes policy, certificates, ledger and limit from the report; leave yours out")
    if first is None and (book is None) is not no_ledger:
        raise click.UsageError("say --ledger DIR, or --no-ledger and the report says that replay was not checked")
    if again is not None and book is None:
        raise click.UsageError("--again speaks to a ledger; say --ledger DIR")
    from fusiondiff_audit.audit.judge import ModelJudge
    from fusiondiff_audit.audit.order import AuditOrder
    from fusiondiff_audit.audit.repeat import Repetition, compare
    from fusiondiff_audit.audit.requirement import require_robustness
    from fusiondiff_audit.audit.run import audit, repeat
    from fusiondiff_audit.certify.poisoning import refuse_uncertifiable
    from fusiondiff_audit.inputs.folders import folder_if_filled
    from fusiondiff_audit.model.classifier import DiffusionModel
    from fusiondiff_audit.origin import check_origin
    from fusiondiff_audit.page.render import render
    from fusiondiff_audit.policy.audit import read_audit_policy
    from fusiondiff_audit.policy.quoted import quoted_audit_policy
    from reports.identity import Key
    from reports.verdict.issue import refuse_unfit_key
    from reports.verdict.verification import verify_report

    earlier = None if first is None else verify_report(first, trust=trust.store)
    if earlier is None:
        policy = read_audit_policy(rules)
    else:
        policy = quoted_audit_policy(earlier.header.policy.text, str(first))
    repetition = None if earlier is None else Repetition.of(earlier, trust.store)
    signer = open_key(key, passphrase_files)
    refuse_unfit_key(signer)
    entry = trust.store.signer(signer.public.keyid, (signing.Role.AUDITOR,), str(key))
    trust.store.judge(entry, signing.now(), str(key))  # a report that nobody could verify is not begun
    batch = signing.open_batch(folder, trust=trust.store, both=policy.intake.second_signature)
    _refuse_taken(out, folder, resume=resume)
    model = DiffusionModel.from_pretrained(bundle, trust=trust.store).to(device)
    when = signing.now() if earlier is None else earlier.header.time  # a stress result is as fresh as it was then
    if repetition is not None:
        repetition.refuse_other(batch=batch.digest, model=model.digest)
        trust.store.judge(entry, when, str(key))  # the second report states the time of the first
    robustness = require_robustness(stressed, model=model.digest, policy=policy, trust=trust.store, now=when)
    policy = policy.certifying(certificates)
    if policy.rules.tolerance is not None:
        refuse_uncertifiable(model.settings)
    order = AuditOrder(
        batch=batch,
        trust=trust.store,
        auditor=Key(entry.principal, entry.keyid),
        policy=policy,
        origin=check_origin(),
        out=out,
        again=again,
        limit=limit if earlier is None else earlier.header.run.limit,
        robustness=robustness,
    )
    with folder_if_filled(out), _opened(book, signer, trust) as ledger:
        if repetition is None:
            result = audit(order, ModelJudge(model), key=signer, ledger=ledger, watch=_watch)
        else:
            result = repeat(repetition, order, ModelJudge(model), key=signer, watch=_watch)
    signing.create(out / REPORT_PAGE, render(result.report, result.thumbnails), force=True)
    say_some(result.messages, most=_SHOWN, where="; the report has all")
    _say_enrolled(result.report.images)
    answer = _answer(result, out, gates, trust)
    return answer if earlier is None else _compared(answer, compare(earlier, result.report), result.believed)


def _say_enrolled(rows: "Iterable[ImageRow]") -> None:
    """Say what to do where names of specimens alone are known to the model: perhaps other objects were called so."""
    marks = [row.enrolled for row in rows if row.enrolled is not None]
    if marks and all(mark.value == "specimen" for mark in marks):
        say(f"{count(len(marks), 'image')} of specimens whose names the model was enrolled with")
        say("where these are other objects, have them signed under names of their own")


def _refuse_taken(out: Path, folder: Path, *, resume: bool) -> None:
    """Find out before any work whether the output is where it may be, and nothing else is there."""
    from fusiondiff_audit.audit.journal import JOURNAL

    if folder.resolve() in (out.resolve(), *out.resolve().parents):
        raise click.UsageError("--out names a folder inside DIR, where the report would be an unsigned file")
    if resume:
        if not (out / JOURNAL).is_file():
            what = f"{out}: no run was begun there"
            raise signing.SigningError(signing.Reason.UNREADABLE, what, hint="leave --resume out")
        signing.refuse_existing(out / REPORT_PAGE)  # written last: where it is, nothing is left to be done
    elif (out / JOURNAL).is_file() and not (out / REPORT_PAGE).exists():
        hint = "say --resume to go on with it"
        raise signing.SigningError(signing.Reason.EXISTS, f"{out}: a run was begun there", hint=hint)
    else:
        signing.refuse_existing(out)


def _opened(book: Path | None, key: signing.PrivateKey, trust: TrustContext) -> "AbstractContextManager[Ledger | None]":
    if book is None:
        return nullcontext()
    from fusiondiff_audit.ledger import CheckpointKeys, Ledger

    keys = CheckpointKeys.of_auditors(trust.store).with_key(key.public)
    return closing(Ledger(book, key=key, keys=keys, clock=signing.now))


def _watch(rows: "Iterator[ImageRow]", total: int) -> "Iterable[ImageRow]":
    return with_progress(rows, activity="auditing", total=total)


def _answer(result: "AuditResult", out: Path, gates: tuple[Verdict, ...], trust: TrustContext) -> Answer:
    from fusiondiff_audit.cli.failure import code_of
    from fusiondiff_audit.cli.verify import checked_data, header_rows, tolerance_rows, verdict_tables

    report = result.report
    text = f"{table([*header_rows(report.header), *tolerance_rows(report)])}\n\n{verdict_tables(report, whole=False)}"
    failed = sorted({row.verdict.value for row in report.images} & set(gates))
    refused = {reason for row in report.images if row.verdict is Verdict.REFUSED for reason in row.reasons}
    code = worst([Exit.DONE, *map(code_of, refused), *([Exit.GATE] if failed else [])])
    if not any(row.judged is not None for row in report.images):
        code = worst([code, Exit.INCONCLUSIVE])
    data = {
        "out": str(out),
        "id": report.header.id,
        "demonstration": report.header.demonstration,
        "judged": result.judged,
        "images": [{"name": r.name, "verdict": r.verdict.value, "reasons": list(r.reasons)} for r in report.images],
        "specimens": [
            {"specimen": r.specimen, "verdict": r.verdict.value, "reasons": list(r.reasons)} for r in report.specimens
        ],
        "checked": checked_data(report.header, report.images),
        "failedOn": failed,
        "trust": trust.data(),
    }
    shown = "DEMONSTRATION. " if report.header.demonstration else ""
    gated = f"; --fail-on {', '.join(failed)}" if failed else ""
    sentence = f"{shown}{count(len(report.images), 'image')}: {report.header.images}; signed in {out}{gated}"
    return Answer("DONE", sentence + trust.remarks(), text, data, code)


def _compared(answer: Answer, comparison: "Comparison", believed: tuple[str, ...]) -> Answer:
    """Return the answer of a repetition, with the differences from the first report."""
    if comparison.identical:
        summary = "the same as the first report, byte for byte"
    elif comparison.rows:
        summary = f"{count(len(comparison.rows), 'row')} came out otherwise"
    elif comparison.unexplained:
        summary = "other than the first report, and neither code nor device explains it"
    else:
        summary = "every verdict, vote and rank as in the first report"
    rows = [("different", text) for text in comparison.settings] + [("otherwise", text) for text in comparison.rows]
    rows += [("believed", f"{name}: refused as seen before, on the first report's word") for name in believed]
    text = f"{answer.text}\n\n{table(rows)}" if rows else answer.text
    data = {
        "identical": comparison.identical,
        "differentSettings": comparison.settings,
        "differentRows": comparison.rows,
    }
    data |= {"believed": believed}
    code = worst([Exit(answer.code), Exit.INCONCLUSIVE]) if comparison.unexplained else answer.code
    return replace(
        answer, sentence=f"{answer.sentence}; {summary}", text=text, data=answer.data | {"repeat": data}, code=code
    )

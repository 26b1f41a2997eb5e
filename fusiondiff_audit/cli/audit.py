"""The verb `audit`."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say, say_some
from fusiondiff_audit.cli.audit_answer import audit_answer, repetition_answer
from fusiondiff_audit.cli.options import (
    PATH,
    TrustContext,
    language_option,
    open_auditor_key,
    passphrase_option,
    trust_options,
)
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.cli.text import count
from fusiondiff_audit.extras import require
from fusiondiff_audit.page.language import Language
from reports.verdict.instructions import INSTRUCTIONS, INSTRUCTIONS_FILE
from reports.verdict.issue import REPORT_PAGE
from reports.verdict.verdicts import Verdict

if TYPE_CHECKING:
    from fusiondiff_audit.ledger import Ledger
    from reports.verdict.rows import ImageRow

_SHOWN = 20  # messages


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--model", "bundle", metavar="MODEL", required=True, help="An enrolled bundle: a folder, or a name.")
@click.option("--key", type=PATH, required=True, help="The auditor's private key, Ed25519; it signs the report.")
@click.option("--out", type=PATH, required=True, help="Where the report goes: a new folder.")
@click.option(
    "--policy", "rules", type=PATH, help="Your audit.toml, which names the stress policies that count. [built-in]"
)
@click.option(
    "--ledger", "ledger_folder", type=PATH, help="The ledger of what was admitted before; created if there is none."
)
@click.option("--no-ledger", is_flag=True, help="Use no ledger: the report then says `replay not checked`.")
@click.option(
    "--certify", "certificates", type=click.Choice(["poisoning"]), multiple=True, help="State this certificate, too."
)
@click.option("--robustness", "stress_result", metavar="RESULT", type=PATH, help="The signed result of a stress test.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@click.option("--resume", is_flag=True, help="Continue an interrupted run in the folder of --out.")
@click.option("--repeat", "first", metavar="REPORT", type=PATH, help="Repeat the audit of this report, and compare.")
@click.option("--again", metavar="REASON", help="Admit a batch or image that the ledger knows; the report states why.")
@click.option("--limit", type=click.IntRange(1), help="Judge only the first N images; the report says so.")
@click.option("--fail-on", "gates", type=click.Choice(Verdict), multiple=True, help="Exit 1 on this verdict.")
@language_option
@passphrase_option
@answering()
@trust_options
def command(
    folder: Path,
    bundle: str,
    key: Path,
    out: Path,
    rules: Path | None,
    ledger_folder: Path | None,
    no_ledger: bool,
    certificates: tuple[str, ...],
    stress_result: Path | None,
    device: str,
    resume: bool,
    first: Path | None,
    again: str | None,
    limit: int | None,
    gates: tuple[Verdict, ...],
    language: Language,
    passphrase_files: tuple[Path, ...],
    trust: TrustContext,
) -> Answer:
    """Audit a signed batch, and sign the report.

    DIR is a folder that a device key signed. Every image is checked against the signature and decoded in a sandboxed
    process; each specimen is judged by all its images together, and its verdict follows by one rule. An image without
    a specimen's name is a specimen of its own. OUT gets report.sigstore.json, which anyone can check with `verify`, its
    tree head, a summary for policy engines, report.html for people, and VERIFY.txt, which says how to verify it. A file
    that cannot be used becomes a REFUSED row, and one such image leaves its specimen INCONCLUSIVE; the other specimens
    are judged. An interrupted run continues with --resume. With --repeat, the rules and the random draws are those of
    an earlier report; with the same code and device the result is the same byte for byte, and exit code 6 says that a
    verdict or a vote differs.

    No image is judged by a model that did not pass a stress test, unless the policy says that this is optional:
    `stress` makes a result, and the embedded model has one. --policy takes an audit.toml, which says what a verdict
    needs and by which stress policies a result counts; a stress.toml is for `stress`. With --certify poisoning each row
    states how many of the enrolled specimens somebody could have altered without changing the label; the bundle must
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
    if first is not None and (rules or certificates or ledger_folder or no_ledger or again or limit):
        raise click.UsageError("--repeat takes policy, certificates, ledger and limit from the report; omit yours")
    if first is None and (ledger_folder is None) is not no_ledger:
        raise click.UsageError("give --ledger DIR; or --no-ledger, and the report says that replay was not checked")
    if again is not None and ledger_folder is None:
        raise click.UsageError("--again needs --ledger DIR")
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
    from reports.verdict.verification import verify_report

    earlier = None if first is None else verify_report(first, trust=trust.store)
    repetition = None if earlier is None else Repetition.of(earlier, trust.store)
    policy = (
        read_audit_policy(rules) if earlier is None else quoted_audit_policy(earlier.header.policy.text, str(first))
    )
    signer, entry = open_auditor_key(key, passphrase_files, trust.store)
    batch = signing.open_batch(folder, trust=trust.store, both=policy.intake.second_signature)
    _refuse_taken(out, folder, resume=resume)
    model = DiffusionModel.from_pretrained(bundle, trust=trust.store).to(device)
    when = signing.now() if earlier is None else earlier.header.time  # a stress result is as fresh as it was then
    if repetition is not None:
        repetition.refuse_other(batch=batch.digest, model=model.digest)
        trust.store.judge(entry, when, str(key))  # the second report states the time of the first
    robustness = require_robustness(stress_result, model=model.digest, policy=policy, trust=trust.store, now=when)
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
    judge = ModelJudge(model, policy.rules.alpha)
    with folder_if_filled(out), _opened(ledger_folder, signer, trust) as ledger:
        if repetition is None:
            result = audit(order, judge, key=signer, ledger=ledger, watch=_watch)
        else:
            result = repeat(repetition, order, judge, key=signer, watch=_watch)
    signing.create(out / INSTRUCTIONS_FILE, INSTRUCTIONS, force=True)
    page = render(result.report, result.thumbnails, language=language, origin=order.origin)
    signing.create(out / REPORT_PAGE, page, force=True)
    say_some(result.messages, most=_SHOWN, where="; the report has all")
    _say_enrolled(result.report.images)
    answer = audit_answer(result, out, gates, trust)
    return answer if earlier is None else repetition_answer(answer, compare(earlier, result.report), result.believed)


def _say_enrolled(rows: "Iterable[ImageRow]") -> None:
    """Give advice if only the names of specimens are enrolled: other specimens may have these names."""
    marks = [row.enrolled for row in rows if row.enrolled is not None]
    if marks and all(mark.value == "specimen" for mark in marks):
        say(f"{count(len(marks), 'image')} of specimens whose names the model was enrolled with")
        say("if these are other specimens, have them signed under other names")


def _refuse_taken(out: Path, folder: Path, *, resume: bool) -> None:
    """Refuse, before any work, an output that is inside the batch or exists."""
    from fusiondiff_audit.audit.journal import JOURNAL

    if folder.resolve() in (out.resolve(), *out.resolve().parents):
        raise click.UsageError("--out names a folder inside DIR, where the report would be an unsigned file")
    if resume:
        if not (out / JOURNAL).is_file():
            what = f"{out}: holds no interrupted run"
            raise signing.SigningError(signing.Reason.UNREADABLE, what, hint="leave --resume out")
        signing.refuse_existing(out / REPORT_PAGE)  # written last: where it exists, the run is complete
    elif (out / JOURNAL).is_file() and not (out / REPORT_PAGE).exists():
        hint = "give --resume to continue it"
        raise signing.SigningError(signing.Reason.EXISTS, f"{out}: holds an interrupted run", hint=hint)
    else:
        signing.refuse_existing(out)


def _opened(
    folder: Path | None, key: signing.PrivateKey, trust: TrustContext
) -> "AbstractContextManager[Ledger | None]":
    if folder is None:
        return nullcontext()
    from fusiondiff_audit.ledger import CheckpointKeys, Ledger

    keys = CheckpointKeys.of_auditors(trust.store).with_key(key.public)
    return Ledger(folder, key=key, keys=keys, clock=signing.now)


def _watch(rows: "Iterator[ImageRow]", total: int) -> "Iterable[ImageRow]":
    return with_progress(rows, activity="auditing", total=total)

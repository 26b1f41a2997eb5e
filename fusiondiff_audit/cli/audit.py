"""The verb `audit`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fusiondiff_audit.cli.answer import Answer, answering, say, say_some
from fusiondiff_audit.cli.options import (
    PATH,
    ComputeDevice,
    TrustContext,
    language_option,
    open_key,
    passphrase_option,
    trust_options,
)
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.cli.settings_file import unless_set
from fusiondiff_audit.cli.text import count
from fusiondiff_audit.extras import require
from fusiondiff_audit.page.language import Language
from reports.verdict.verdicts import Verdict

if TYPE_CHECKING:
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
@click.option("--device", type=ComputeDevice(), default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
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
    if no_ledger or first is not None:
        ledger_folder = unless_set("ledger_folder", ledger_folder)
    if first is not None:
        rules = unless_set("rules", rules)
    if first is not None and (rules or certificates or ledger_folder or no_ledger or again or limit):
        raise click.UsageError("--repeat takes policy, certificates, ledger and limit from the report; omit yours")
    if first is None and (ledger_folder is None) is not no_ledger:
        raise click.UsageError("give --ledger DIR; or --no-ledger, and the report says that replay was not checked")
    if again is not None and ledger_folder is None:
        raise click.UsageError("--again needs --ledger DIR")
    from fusiondiff_audit.auditing.auditor import Auditor
    from fusiondiff_audit.auditing.batch_audit import AuditRequest, read_inputs

    request = AuditRequest(
        folder=folder,
        model=bundle,
        out=out,
        policy=rules,
        robustness=stress_result,
        ledger=ledger_folder,
        certificates=certificates,
        device=device,
        resume=resume,
        repeated=first,
        again=again,
        limit=limit,
        language=language,
    )
    auditor = Auditor.of(open_key(key, passphrase_files), trust.store, str(key))
    inputs = read_inputs(request, auditor, trust.store)
    # What follows imports torch, which takes seconds.
    from fusiondiff_audit.auditing.batch_run import audit_batch
    from fusiondiff_audit.cli.audit_answer import audit_answer, repetition_answer

    done = audit_batch(inputs, watch=_watch)
    result = done.result
    say_some(result.messages, most=_SHOWN, where="; the report has all")
    _say_enrolled(result.report.images)
    answer = audit_answer(result, out, gates, trust)
    return answer if done.comparison is None else repetition_answer(answer, done.comparison, result.believed)


def _say_enrolled(rows: "Iterable[ImageRow]") -> None:
    """Give advice if only the names of specimens are enrolled: other specimens may have these names."""
    marks = [row.enrolled for row in rows if row.enrolled is not None]
    if marks and all(mark.value == "specimen" for mark in marks):
        say(f"{count(len(marks), 'image')} of specimens whose names the model was enrolled with")
        say("if these are other specimens, have them signed under other names")


def _watch(rows: "Iterator[ImageRow]", total: int) -> "Iterable[ImageRow]":
    return with_progress(rows, activity="auditing", total=total)

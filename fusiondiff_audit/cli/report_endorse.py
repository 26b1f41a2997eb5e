"""The verb `report endorse`."""

from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH, TrustContext, open_key, passphrase_option, trust_options
from fusiondiff_audit.cli.text import table
from reports.identity import Key
from reports.verdict.issue import REPORT
from reports.verdict.review import MAX_REVIEW_FILE, REVIEW, Decision, read_decisions, report_digest, sign_review
from reports.verdict.verification import verify_report


@click.command(name="endorse")
@click.argument("report", metavar="REPORT", type=PATH)
@click.option("--decisions", type=PATH, required=True, help="The file that the page of `report review` exports.")
@click.option("--key", type=PATH, required=True, help="The reviewer's private key, which is listed as an auditor's.")
@click.option("--out", type=PATH, help=f"The file to write; default: {REVIEW} beside the report.")
@passphrase_option
@answering()
@trust_options
def command(
    report: Path,
    decisions: Path,
    key: Path,
    out: Path | None,
    passphrase_files: tuple[Path, ...],
    trust: TrustContext,
) -> Answer:
    """Sign a review of a report: agree, disagree or look again, specimen by specimen.

    REPORT is report.sigstore.json or the folder that holds it; it is verified first. The review is a second signed file
    over the report's payload. It alters nothing in the report; `verify` shows it if it lies beside it. Where a decision
    is not `agree`, it states a reason.

    \b
    fusiondiff-audit report endorse out --decisions decisions.json --key doe.pem --trust trust.json
    """
    file = report / REPORT if report.is_dir() else report
    out = out or file.parent / REVIEW
    signing.refuse_existing(out)
    verified = verify_report(file, trust=trust.store)
    named, decided = read_decisions(signing.read_capped(decisions, limit=MAX_REVIEW_FILE), str(decisions))
    if named != (digest := report_digest(verified)):
        fault = f"{decisions}: about a report of payload sha256:{named}, this one has sha256:{digest}"
        raise signing.SigningError(signing.Reason.CONTRADICTION, fault)
    signer, now = open_key(key, passphrase_files), signing.now()
    entry = trust.store.own_entry(signer.public.keyid, signing.Role.AUDITOR, str(key), now)
    reviewer = Key(entry.principal, entry.keyid)
    made = sign_review(verified, decided, reviewer=reviewer, time=now, key=signer)
    signing.create(out, made)
    others = [(one.specimen, one.decision, one.reason or "") for one in decided if one.decision is not Decision.AGREE]
    left = len(verified.specimens) + sum(row.specimen is None for row in verified.images) - len(decided)
    silent = f"; {left:,} specimens without a decision" if left else ""
    data = {"review": str(out), "report": verified.header.id, "decided": len(decided), "undecided": left}
    text = table([("specimen", "decision", "reason"), *others]) if others else ""
    return Answer("DONE", f"{out}: {len(decided):,} decisions signed by {entry.principal!r}{silent}", text, data)

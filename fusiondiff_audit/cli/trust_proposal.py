"""Options, descriptions and answers of the verbs that change a trust store."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, say
from fusiondiff_audit.cli.options import FINGERPRINT, PATH, open_key, passphrase_option, trust_data, trust_line

EXPIRES = timedelta(days=365)  # a verifier that keeps no state notices an old store by this alone

store_argument = click.argument("path", metavar="TRUST.JSON", type=PATH)
root_keys_option = click.option(
    "--root-key", "root_keys", type=PATH, multiple=True, required=True, help="A private root key; may be repeated."
)
root_option = click.option("--root", type=FINGERPRINT, help="Your pin: refuse to change any other store.")
pending_option = click.option(
    "--pending", type=PATH, help="Where the proposal goes if more root keys must sign; `trust cosign` adds theirs."
)


def changing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a verb that changes a store which exists."""
    for option in (passphrase_option, pending_option, root_option, root_keys_option, store_argument):
        function = option(function)
    return function


def load_store(path: Path, root: str | None, now: datetime, pending: Path | None) -> signing.TrustStore:
    """Read the store to be changed, also one that has expired; a proposal must not overwrite another."""
    refuse_taken(pending)
    return signing.load_trust(path, at=now, root=root, expired=True)


def refuse_taken(pending: Path | None) -> None:
    """Refuse a place for a proposal that is taken, before anybody types a passphrase."""
    if pending is not None:
        signing.refuse_existing(pending)


def write_store(
    proposal: signing.Proposal, path: Path, pending: Path | None, sentence: str, now: datetime, *, force: bool = True
) -> Answer:
    """Put a completely signed version in force, or write a proposal that others must sign too."""
    if pending is not None and proposal.lacking() is not None:
        signing.create(pending, proposal.to_bytes())
        return proposal_answer(proposal, pending, "")
    store = proposal.complete(now)
    if proposal.roots:
        signing.replace_trust(path, store, instead_of=proposal.envelopes)
    else:
        signing.create(path, store.to_bytes(), force=force)
    say(trust_line(store, path))
    return Answer("DONE", sentence, data={"path": str(path), "trust": trust_data(store), "complete": True})


def proposal_answer(proposal: signing.Proposal, path: Path, completed: str) -> Answer:
    """Answer whether a proposal is complete, or which signatures it lacks."""
    lacking = proposal.lacking()
    data = {"path": str(path), "version": proposal.root.version, "complete": lacking is None, "lacking": lacking}
    return Answer("DONE", f"{path} is proposed: {lacking}" if lacking else completed, data=data)


def sign_proposal(
    proposal: signing.Proposal, root_keys: tuple[Path, ...], passphrase_files: tuple[Path, ...]
) -> signing.Proposal:
    """Show what is about to be signed, then sign it: nobody is asked for a passphrase before that."""
    for line in _describe(proposal):
        say(line)
    return proposal.cosigned(tuple(open_key(path, passphrase_files) for path in root_keys))


def _describe(proposal: signing.Proposal) -> list[str]:
    """Return all that a proposal changes, and the store that it continues."""
    root = proposal.root
    old = proposal.roots[-1] if proposal.roots else None
    pin = proposal.roots[0].fingerprint if proposal.roots else root.fingerprint
    lines = [f"version {root.version} of the store sha256:{pin}"]
    terms = zip(_terms(old) if old else ("", ""), _terms(root), strict=True)
    lines += [f"  {new} (before: {was})" if was else f"  {new}" for was, new in terms if was != new]
    before_roots = {k.keyid for k in old.keys} if old else set()
    lines += [f"  root key sha256:{k.keyid}: new" for k in root.keys if k.keyid not in before_roots]
    lines += [f"  root key sha256:{keyid}: dropped" for keyid in sorted(before_roots - {k.keyid for k in root.keys})]
    before = {e.keyid: e for e in old.entries} if old else {}
    for entry in root.entries:
        what = f"  {entry.role} {entry.principal!a}, key sha256:{entry.keyid}"
        if entry.keyid not in before:
            window = f"from {signing.write_time(entry.start)} until {signing.write_time(entry.until)}"
            lines.append(f"{what}: listed {window}")
        if entry.revoked and (entry.keyid not in before or entry.revoked != before[entry.keyid].revoked):
            lines.append(f"{what}: {entry.revoked.reason} since {signing.write_time(entry.revoked.at)}")
    return lines


def _terms(root: signing.Root) -> tuple[str, str]:
    """Return the expiry and the threshold of a version."""
    keys = f"{root.threshold} of {len(root.keys)} root keys"
    return f"expires {signing.write_time(root.expires)}", f"signed by {keys}"

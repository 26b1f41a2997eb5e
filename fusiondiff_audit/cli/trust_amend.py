"""The verbs `trust init`, `trust add` and `trust revoke`."""

from datetime import datetime, timedelta
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.options import KEYID, PATH, Moment, open_key, passphrase_option
from fusiondiff_audit.cli.text import count
from fusiondiff_audit.cli.trust_proposal import (
    EXPIRES,
    changing_options,
    load_store,
    pending_option,
    refuse_taken,
    root_keys_option,
    sign_proposal,
    write_store,
)

_WINDOW = timedelta(days=730)
_ROLES = click.Choice([r.value for r in signing.Role])


@click.command()
@root_keys_option
@click.option("--other-root", "others", type=PATH, multiple=True, help="The public half of a root key kept elsewhere.")
@click.option("--add", "added", metavar="ROLE=FILE", multiple=True, help="A key to list at once; may be repeated.")
@click.option("--threshold", type=click.IntRange(min=1), default=1, show_default=True, help="Root keys needed.")
@click.option("--expires", type=Moment(), help="When the store must have been renewed; default: in a year.")
@click.option("--out", type=PATH, required=True, help="Where the store goes.")
@click.option("--force", is_flag=True, help="Overwrite; the old store is lost, and so is every pin on it.")
@pending_option
@passphrase_option
@answering()
def init(
    root_keys: tuple[Path, ...],
    others: tuple[Path, ...],
    added: tuple[str, ...],
    threshold: int,
    expires: datetime | None,
    out: Path,
    force: bool,
    pending: Path | None,
    passphrase_files: tuple[Path, ...],
) -> Answer:
    """Make version 1 of a trust store.

    \b
    fusiondiff-audit trust init --root-key root.pem --add device=sem-1.pub.pem --out trust.json
    """
    if not force:
        signing.refuse_existing(out)
    refuse_taken(pending)
    now = signing.now()
    window = signing.Window(now, now + _WINDOW)
    entries = tuple(_parse_added(text, window) for text in added)
    keys = tuple(open_key(p, passphrase_files) for p in root_keys)
    public = (*(k.public for k in keys), *(signing.load_public_key(path) for path in others))
    proposal = signing.propose_first(
        public, threshold=threshold, entries=entries, issued=now, expires=expires or now + EXPIRES
    ).cosigned(keys)
    pin = f"sha256:{proposal.root.fingerprint}"
    return write_store(
        proposal, out, pending, f"trust store with {count(len(entries), 'key')} in {out}; pin {pin}", now, force=force
    )


@click.command()
@click.option("--role", type=_ROLES, required=True, help="What the key may vouch for.")
@click.option("--key", type=PATH, help="Its public half, KEY.pub.pem.")
@click.option("--cert", type=PATH, help="For the role timestamp: the authority's CA certificate, in PEM form.")
@click.option("--principal", help="Who holds it; default: the file's name.")
@click.option("--from", "start", type=Moment(), help="When the key begins to count; default: now.")
@click.option("--until", type=Moment(), help="When it ends; default: two years after its start.")
@changing_options
@answering()
def add(
    path: Path,
    role: str,
    key: Path | None,
    cert: Path | None,
    principal: str | None,
    start: datetime | None,
    until: datetime | None,
    root: str | None,
    root_keys: tuple[Path, ...],
    pending: Path | None,
    passphrase_files: tuple[Path, ...],
) -> Answer:
    """List one more key, in a new version.

    \b
    fusiondiff-audit trust add trust.json --role auditor --key auditor.pub.pem --root-key root.pem
    """
    wanted, other = (cert, key) if role == signing.Role.TIMESTAMP else (key, cert)
    if wanted is None or other is not None:
        raise click.UsageError("the role timestamp takes --cert CA.pem, every other role --key KEY.pub.pem")
    now = signing.now()
    begin = start or now
    entry = _entry(role, wanted, principal, signing.Window(begin, until or signing.later(begin, _WINDOW)))
    store = load_store(path, root, now, pending)
    proposal = sign_proposal(signing.propose_entry(store, entry, issued=now), root_keys, passphrase_files)
    sentence = f"{entry.principal!r} listed as {role} in version {proposal.root.version}"
    return write_store(proposal, path, pending, sentence, now)


@click.command()
@click.option("--key", type=PATH, help="The public half of the key to revoke.")
@click.option("--keyid", type=KEYID, help="Or its key id, or the first 8 digits or more of it.")
@click.option("--reason", type=click.Choice([w.value for w in signing.RevocationReason]), required=True, help="Why.")
@click.option("--since", type=Moment(), help="Since when it is not to be believed; default: now.")
@changing_options
@answering()
def revoke(
    path: Path,
    key: Path | None,
    keyid: str | None,
    reason: str,
    since: datetime | None,
    root: str | None,
    root_keys: tuple[Path, ...],
    pending: Path | None,
    passphrase_files: tuple[Path, ...],
) -> Answer:
    """Revoke a key, in a new version.

    A retired key's window ends early. A compromised one is believed no more at all, save where a timestamp proves that
    a signature is older than --since: say when the key may first have been stolen.

    \b
    fusiondiff-audit trust revoke trust.json --key sem-1.pub.pem --reason retired --root-key root.pem
    """
    if (key is None) == (keyid is None):
        raise click.UsageError("say which key, by --key KEY.pub.pem or by --keyid")
    now = signing.now()
    if since is not None and since > now:
        raise click.UsageError("--since says when a key may first have been misused, which lies in the past")
    store = load_store(path, root, now, pending)
    wanted = _whole_id(keyid, store) if keyid else signing.load_public_key(key or Path()).keyid
    revocation = signing.Revocation(since or now, signing.RevocationReason(reason))
    proposal = signing.propose_revocation(store, wanted, revocation, issued=now)
    proposal = sign_proposal(proposal, root_keys, passphrase_files)
    say("hand the new version to everybody who verifies: an old copy still lists the key as good")
    sentence = f"key sha256:{wanted} {reason} in version {proposal.root.version}"
    return write_store(proposal, path, pending, sentence, now)


def _parse_added(text: str, window: signing.Window) -> signing.TrustEntry:
    role, _, file = text.partition("=")
    if role not in {r.value for r in signing.Role} or not file:
        raise click.BadParameter(f"{text!r} is not ROLE=FILE, such as device=sem-1.pub.pem", param_hint="--add")
    return _entry(role, Path(file), None, window)


def _entry(role: str, file: Path, principal: str | None, window: signing.Window) -> signing.TrustEntry:
    name = principal or file.name.removesuffix(".pem").removesuffix(".pub")
    return signing.new_entry(signing.Role(role), file, principal=name, window=window)


def _whole_id(prefix: str, store: signing.TrustStore) -> str:
    keyids = [e.keyid for e in store.root.entries if e.keyid.startswith(prefix)]
    if len(keyids) != 1:
        subject = f"{len(keyids)} listed keys begin" if keyids else "no listed key begins"
        raise signing.SigningError(signing.Reason.UNKNOWN_KEY, f"{subject} with sha256:{prefix}")
    return keyids[0]

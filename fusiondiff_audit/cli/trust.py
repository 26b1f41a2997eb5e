"""The verb `trust` and what it can do to a trust store."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, count, say, table
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.cli.options import (
    PATH,
    Fingerprint,
    Moment,
    open_key,
    passphrase_option,
    trust_data,
    trust_line,
)

_EXPIRES = timedelta(days=365)  # a verifier that keeps no state notices an old store by this alone
_WINDOW = timedelta(days=730)
_ROLES = click.Choice([r.value for r in signing.Role])


@click.group()
def command() -> None:
    """Say which keys count, for what and since when.

    A trust store is a chain of versions. Each is signed by the root keys, and each change makes a new version, so
    nobody can take a key in or out unseen. Users pin the fingerprint that `trust init` prints; it stays the same for
    the life of the store, and must reach them by another road than what it vouches for.
    """


_store = click.argument("path", metavar="TRUST.JSON", type=PATH)
_root_keys = click.option(
    "--root-key", "root_keys", type=PATH, multiple=True, required=True, help="A private root key; may be repeated."
)
_from = click.option("--from", "start", type=Moment(), help="When the key begins to count; default: now.")
_until = click.option("--until", type=Moment(), help="When it ends; default: two years after its start.")


@command.command()
@_root_keys
@click.option("--add", "added", metavar="ROLE=FILE", multiple=True, help="A key to list at once; may be repeated.")
@click.option("--threshold", type=click.IntRange(min=1), default=1, show_default=True, help="Root keys needed.")
@click.option("--expires", type=Moment(), help="When the store must have been renewed; default: in a year.")
@click.option("--out", type=PATH, required=True, help="Where the store goes.")
@click.option("--force", is_flag=True, help="Overwrite; the old store is lost.")
@passphrase_option
@answering()
def init(
    root_keys: tuple[Path, ...],
    added: tuple[str, ...],
    threshold: int,
    expires: datetime | None,
    out: Path,
    force: bool,
    passphrase_file: Path | None,
) -> Answer:
    """Make version 1 of a trust store.

    \b
    fusiondiff-audit trust init --root-key root.pem --add device=sem-1.pub.pem --out trust.json
    """
    if not force:
        signing.refuse_existing(out)
    now = signing.now()
    window = signing.Window(now, now + _WINDOW)
    entries = tuple(_parse_added(text, window) for text in added)
    keys = tuple(open_key(path, passphrase_file) for path in root_keys)
    store = signing.init_trust(
        keys, threshold=threshold, entries=entries, issued=now, expires=expires or now + _EXPIRES
    )
    signing.create(out, store.to_bytes(), force=force)
    return _changed(
        store, out, f"trust store with {count(len(entries), 'key')} in {out}; pin sha256:{store.fingerprint}"
    )


@command.command()
@_store
@click.option("--role", type=_ROLES, required=True, help="What the key may vouch for.")
@click.option("--key", type=PATH, help="Its public half, KEY.pub.pem.")
@click.option("--cert", type=PATH, help="For the role timestamp: the authority's certificate, in PEM form.")
@click.option("--principal", help="Who holds it; default: the file's name.")
@_from
@_until
@_root_keys
@passphrase_option
@answering()
def add(
    path: Path,
    role: str,
    key: Path | None,
    cert: Path | None,
    principal: str | None,
    start: datetime | None,
    until: datetime | None,
    root_keys: tuple[Path, ...],
    passphrase_file: Path | None,
) -> Answer:
    """List one more key, in a new version of the store.

    \b
    fusiondiff-audit trust add trust.json --role auditor --key auditor.pub.pem --root-key root.pem
    """
    wanted, other = (cert, key) if role == signing.Role.TIMESTAMP else (key, cert)
    if wanted is None or other is not None:
        raise click.UsageError("the role timestamp takes --cert CA.pem, every other role --key KEY.pub.pem")
    now = signing.now()
    begin = start or now
    entry = _entry(role, wanted, principal, signing.Window(begin, until or begin + _WINDOW))
    store = signing.load_trust(path, at=now, expired=True)
    keys = tuple(open_key(p, passphrase_file) for p in root_keys)
    store = signing.add_entry(store, entry, keys, issued=now)
    signing.create(path, store.to_bytes(), force=True)
    return _changed(store, path, f"{entry.principal!r} listed as {role} in version {store.root.version}")


@command.command()
@_store
@click.option("--key", type=PATH, help="The public half of the key to revoke.")
@click.option("--keyid", type=Fingerprint(), help="Or its key id, as `trust show` prints it.")
@click.option("--reason", type=click.Choice(["compromised", "retired"]), required=True, help="Why.")
@click.option("--since", type=Moment(), help="Since when it is not to be believed; default: now.")
@_root_keys
@passphrase_option
@answering()
def revoke(
    path: Path,
    key: Path | None,
    keyid: str | None,
    reason: str,
    since: datetime | None,
    root_keys: tuple[Path, ...],
    passphrase_file: Path | None,
) -> Answer:
    """Revoke a key, in a new version of the store.

    A retired key's window ends early. A compromised one is believed no more at all, save where a timestamp proves that
    a signature is older than --since: say when the key may first have been stolen.

    \b
    fusiondiff-audit trust revoke trust.json --key sem-1.pub.pem --reason retired --root-key root.pem
    """
    if (key is None) == (keyid is None):
        raise click.UsageError("say which key, by --key KEY.pub.pem or by --keyid")
    wanted = keyid or signing.load_public_key(key or Path()).keyid
    now = signing.now()
    store = signing.load_trust(path, at=now, expired=True)
    keys = tuple(open_key(p, passphrase_file) for p in root_keys)
    revocation = signing.Revocation(since or now, reason == "compromised")
    store = signing.revoke_entry(store, wanted, revocation, keys, issued=now)
    signing.create(path, store.to_bytes(), force=True)
    say("hand the new version to everybody who verifies: an old copy still lists the key as good")
    return _changed(store, path, f"key sha256:{wanted} {reason} in version {store.root.version}")


@command.command()
@_store
@click.option("--at", type=Moment(), help="Judge as of this time instead of now.")
@answering()
def show(path: Path, at: datetime | None) -> Answer:
    """Show a trust store: its versions, its root keys and the keys it lists.

    \b
    fusiondiff-audit trust show trust.json
    """
    store = signing.load_trust(path, at=at or signing.now(), expired=True)
    root = store.root
    versions = [
        (f"{r.version}", f"sha256:{r.fingerprint}", signing.write_time(r.issued), "pin this" if r.version == 1 else "")
        for r in store.roots
    ]
    keys = [("role", "principal", "from", "until", "state", "key")]
    keys += [
        (
            e.role,
            e.principal,
            signing.write_time(e.start),
            signing.write_time(e.until),
            _state(e, store.at),
            f"sha256:{e.keyid}",
        )
        for e in root.entries
    ]
    roots = "\n".join(f"  sha256:{k.keyid}" for k in root.keys)
    text = (
        f"versions\n{table(versions)}\nroot keys, {root.threshold} of {len(root.keys)} needed\n{roots}\n"
        f"keys\n{table(keys)}"
    )
    data = _data(store, path)
    if store.at >= root.expires:
        sentence = f"{path} expired at {signing.write_time(root.expires)}; nothing is verified with it"
        return Answer("REFUSED", sentence, text, data, Exit.INTEGRITY)
    return Answer("DONE", f"{path} holds together, version {root.version}", text, data)


def _parse_added(text: str, window: signing.Window) -> signing.Entry:
    role, _, file = text.partition("=")
    if role not in {r.value for r in signing.Role} or not file:
        raise click.BadParameter(f"{text!r} is not ROLE=FILE, such as device=sem-1.pub.pem", param_hint="--add")
    return _entry(role, Path(file), None, window)


def _entry(role: str, file: Path, principal: str | None, window: signing.Window) -> signing.Entry:
    name = principal or file.name.removesuffix(".pem").removesuffix(".pub")
    return signing.new_entry(signing.Role(role), file, principal=name, window=window)


def _state(entry: signing.Entry, at: datetime) -> str:
    if entry.revoked is not None:
        return f"{'compromised' if entry.revoked.compromised else 'retired'} {signing.write_time(entry.revoked.at)}"
    if at >= entry.until:
        return "expired"
    return "valid" if at >= entry.start else "not yet valid"


def _changed(store: signing.TrustStore, path: Path, sentence: str) -> Answer:
    say(trust_line(store, path))
    return Answer("DONE", sentence, data=_data(store, path))


def _data(store: signing.TrustStore, path: Path) -> dict[str, Any]:
    keys = [
        {
            "keyid": f"sha256:{e.keyid}",
            "role": e.role.value,
            "principal": e.principal,
            "from": signing.write_time(e.start),
            "until": signing.write_time(e.until),
            "state": _state(e, store.at),
        }
        for e in store.root.entries
    ]
    roots = [f"sha256:{k.keyid}" for k in store.root.keys]
    return {"path": str(path), "trust": trust_data(store), "rootKeys": roots, "keys": keys}

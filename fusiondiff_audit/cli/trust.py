"""The verb `trust`: showing and updating a store; changes of a store are in `trust_amend` and `trust_rotate`."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

import signing
from fusiondiff_audit.cli import trust_amend, trust_rotate
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.cli.options import PATH, Moment, trust_data
from fusiondiff_audit.cli.text import short, table
from fusiondiff_audit.cli.trust_proposal import store_argument


@click.group()
def command() -> None:
    """Manage a trust store: which keys count, for what and since when.

    A trust store is a chain of versions. Each is signed by the root keys, and each change makes a new version, so
    nobody can take a key in or out unseen. Users pin the fingerprint that `trust init` prints; it stays the same for
    the life of the store, and must reach them by another channel than the signed files.

    Roles: a device signs batches, a labeller signs labelled ones, a model key signs models, an auditor reports, a
    timestamp authority proves when something was signed.
    """


for _verb in (trust_amend.init, trust_amend.add, trust_amend.revoke, trust_rotate.rotate, trust_rotate.cosign):
    command.add_command(_verb)


@command.command()
@store_argument
@click.argument("newer", metavar="NEWER.JSON...", type=PATH, nargs=-1, required=True)
@answering()
def update(path: Path, newer: tuple[Path, ...]) -> Answer:
    """Replace a store by one that goes on from it.

    For those who verify: each newer store must contain the very version at hand and have grown from it under its root
    keys, so your pin still holds. A fork, an older store or one of somebody else is refused, and nothing is changed.

    \b
    fusiondiff-audit trust update trust.json downloaded.json
    """
    now = signing.now()
    store = signing.load_trust(path, at=now, expired=True)
    old = store
    for file in newer:
        store = store.updated(signing.load_trust(file, at=now, expired=file is not newer[-1]), str(file))
    signing.replace_trust(path, store, instead_of=old.envelopes)
    sentence = f"{path} went from version {old.root.version} to {store.root.version}"
    return Answer("DONE", sentence, _versions(store, full=False), store_data(store, path))


@command.command()
@store_argument
@click.option("--at", type=Moment(), help="Judge as of this time instead of now.")
@click.option("--full", is_flag=True, help="Show whole key ids.")
@answering()
def show(path: Path, at: datetime | None, full: bool) -> Answer:
    """Show its versions, root keys and listed keys.

    \b
    fusiondiff-audit trust show trust.json
    """
    store = signing.load_trust(path, at=at or signing.now(), expired=True)
    root = store.root
    keys = [("key", "role", "principal", "from", "until", "state")]
    keys += [
        (
            short(e.keyid, full=full),
            e.role,
            e.principal,
            signing.write_time(e.start)[:10],
            signing.write_time(e.until)[:10],
            _state(e, store.at) + (f" {signing.write_time(e.revoked.at)[:10]}" if e.revoked else ""),
        )
        for e in root.entries
    ]
    roots = "\n".join(f"  {short(k.keyid, full=full)}" for k in root.keys)
    text = (
        f"pin\n  sha256:{store.fingerprint}\n{_versions(store, full=full)}\n"
        f"root keys, {root.threshold} of {len(root.keys)} must sign\n{roots}\nkeys\n{table(keys)}\n"
    )
    data = store_data(store, path)
    if store.at >= root.expires:
        sentence = f"{path} expired at {signing.write_time(root.expires)}; nothing is verified with it (expired)"
        return Answer("REFUSED", sentence, text, data | {"reason": "expired"}, Exit.INTEGRITY)
    sentence = f"{path} holds together, version {root.version}, expires {signing.write_time(root.expires)}"
    return Answer("DONE", sentence, text, data)


def store_data(store: signing.TrustStore, path: Path) -> dict[str, Any]:
    """Return a store as JSON data."""
    keys = [
        {
            "keyid": f"sha256:{e.keyid}",
            "role": e.role.value,
            "principal": e.principal,
            "from": signing.write_time(e.start),
            "until": signing.write_time(e.until),
            "state": _state(e, store.at),
            "revoked": e.revoked
            and {
                "at": signing.write_time(e.revoked.at),
                "reason": e.revoked.reason.value,
            },
        }
        for e in store.root.entries
    ]
    versions = [
        {"version": r.version, "fingerprint": f"sha256:{r.fingerprint}", "issued": signing.write_time(r.issued)}
        for r in store.roots
    ]
    roots = {"threshold": store.root.threshold, "keys": [f"sha256:{k.keyid}" for k in store.root.keys]}
    return {"path": str(path), "trust": trust_data(store), "versions": versions, "rootKeys": roots, "keys": keys}


def _versions(store: signing.TrustStore, *, full: bool) -> str:
    rows = [
        (str(r.version), short(r.fingerprint, full=full), signing.write_time(r.issued)[:10], f"{len(r.entries)} keys")
        for r in store.roots
    ]
    return f"versions\n{table(rows)}"


def _state(entry: signing.TrustEntry, at: datetime) -> str:
    if entry.revoked is not None:
        return entry.revoked.reason
    if at >= entry.until:
        return "expired"
    return "valid" if at >= entry.start else "pending"

"""The verbs `trust rotate` and `trust cosign`."""

from datetime import datetime
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH, Moment, passphrase_option
from fusiondiff_audit.cli.text import count
from fusiondiff_audit.cli.trust_proposal import (
    EXPIRES,
    changing_options,
    load_store,
    proposal_answer,
    root_keys_option,
    root_option,
    sign_proposal,
    write_store,
)


@click.command()
@click.option("--add-root", "added", type=PATH, multiple=True, help="The public half of a new root key.")
@click.option("--drop-root", "dropped", type=PATH, multiple=True, help="The public half of a root key to let go.")
@click.option("--threshold", type=click.IntRange(min=1), help="Root keys needed from now on.")
@click.option("--expires", type=Moment(), help="When the store must have been renewed again; default: in a year.")
@changing_options
@answering()
def rotate(
    path: Path,
    added: tuple[Path, ...],
    dropped: tuple[Path, ...],
    threshold: int | None,
    expires: datetime | None,
    root: str | None,
    root_keys: tuple[Path, ...],
    pending: Path | None,
    passphrase_files: tuple[Path, ...],
) -> Answer:
    """Renew the store, and change its root keys.

    With nothing but --root-key, the store is renewed for another year. A change of root keys is signed by enough of the
    old ones and enough of the new ones, so users follow it from their pin.

    \b
    fusiondiff-audit trust rotate trust.json --root-key root.pem --root-key new.pem \\
        --add-root new.pub.pem --drop-root root.pub.pem
    """
    now = signing.now()
    store = load_store(path, root, now, pending)
    proposal = signing.propose_rotation(
        store,
        added=tuple(signing.load_public_key(p) for p in added),
        dropped=frozenset(signing.load_public_key(p).keyid for p in dropped),
        threshold=threshold,
        issued=now,
        expires=expires or now + EXPIRES,
    )
    proposal = sign_proposal(proposal, root_keys, passphrase_files)
    new = proposal.root
    until = signing.write_time(new.expires)
    keys = f"{new.threshold} of {count(len(new.keys), 'root key')}"
    return write_store(proposal, path, pending, f"version {new.version}: {keys} must sign, expires {until}", now)


@click.command()
@click.argument("path", metavar="PENDING.JSON", type=PATH)
@root_keys_option
@root_option
@passphrase_option
@answering()
def cosign(path: Path, root_keys: tuple[Path, ...], root: str | None, passphrase_files: tuple[Path, ...]) -> Answer:
    """Add a root key's signature to a proposal.

    Look at what you sign first: the proposal is shown. Once enough root keys have signed, the file is the new store.

    \b
    fusiondiff-audit trust cosign pending.json --root-key second-root.pem
    """
    proposal = signing.load_proposal(path, pin=root)
    proposal = sign_proposal(proposal, root_keys, passphrase_files)
    signing.create(path, proposal.to_bytes(), force=True)
    return proposal_answer(proposal, path, f"{path} is complete: it is the new trust store")

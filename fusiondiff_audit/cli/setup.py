"""The verb `setup`: everything that a small laboratory needs to sign, audit and be verified."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH, ask_passphrase, passphrase_option
from fusiondiff_audit.cli.text import table
from fusiondiff_audit.inputs.folders import make_folder, new_folder
from signing.strict import refuse_bad_label

SETTINGS, TRUST, KEYS, LEDGER = "fusiondiff-audit.toml", "trust.json", "keys", "ledger"
_ROOT = "root"
_WINDOW, _EXPIRES = timedelta(days=730), timedelta(days=365)  # of keys, and of the store
_KEEP = {
    _ROOT: "offline, on two media in two places; only it changes the trust store",
    "device": "on the machine beside the microscope, which signs folders",
    "labeller": "with whoever says which specimens are authentic",
    "model": "with whoever enrols models",
    "auditor": "with whoever answers for reports",
}


@click.command()
@click.argument("home", metavar="DIR", type=PATH)
@click.option("--device", default="device", show_default=True, help="The microscope's name, as batches state it.")
@click.option("--auditor", default="auditor", show_default=True, help="Who answers for reports.")
@click.option("--no-passphrase", is_flag=True, help="Leave the private keys unencrypted: to try things out.")
@passphrase_option
@answering()
def command(home: Path, device: str, auditor: str, no_passphrase: bool, passphrase_files: tuple[Path, ...]) -> Answer:
    """Make keys, a trust store and settings for a laboratory.

    DIR is a new folder. It gets a key for each role, all under one passphrase; a trust store that lists them, signed by
    the root key; and a settings file, which verbs read where --settings names it, so that trust store, pin, keys and
    ledger need not be typed. One person may hold all keys; each can be moved, and each can be revoked.

    \b
    fusiondiff-audit setup lab --device sem-1
    fusiondiff-audit --settings lab/fusiondiff-audit.toml sign micrographs
    fusiondiff-audit --settings lab/fusiondiff-audit.toml audit micrographs --model fusion-diff-v1-ceramic --out report
    """
    if no_passphrase and passphrase_files:
        raise click.UsageError("--no-passphrase and --passphrase-file exclude each other")
    for name in (device, auditor):
        refuse_bad_label(name)
    signing.refuse_existing(home)
    secret = None if no_passphrase else ask_passphrase(home / KEYS, passphrase_files, new=True)
    with new_folder(home) as making:  # all of it or nothing
        make_folder(making / KEYS, new=True)
        keys = {role: _write_key(role, making / KEYS, secret) for role in _KEEP}
        principals = {"device": device, "auditor": auditor}
        pin = f"sha256:{_trust_store(keys, principals, making).fingerprint}"
        signing.create(making / SETTINGS, _settings(pin, device).encode())
    rows = [(f"{KEYS}/{role}.pem", advice) for role, advice in _KEEP.items()]
    rows += [
        (TRUST, "public: give it to those who verify, by one way"),
        ("the pin", "public: give it to them by another way"),
        (SETTINGS, "beside the keys, never in a folder of micrographs or reports"),
    ]
    following = f"fusiondiff-audit --settings {home / SETTINGS} sign FOLDER"
    sentence = f"keys, trust store and settings in {home}; next: {following}"
    data = {
        "folder": str(home),
        "pin": pin,
        "settings": str(home / SETTINGS),
        "keys": {role: f"sha256:{key.public.keyid}" for role, key in keys.items()},
    }
    return Answer("DONE", sentence, f"{table([('what', 'where it belongs'), *rows])}\n\npin {pin}", data)


def _write_key(role: str, folder: Path, secret: bytes | None) -> signing.PrivateKey:
    algorithm = signing.Algorithm.P256 if role == "model" else signing.Algorithm.ED25519  # as `keygen` has it
    key = signing.PrivateKey.generate(algorithm)
    signing.write_key(key, folder / f"{role}.pem", passphrase=secret)
    return key


def _trust_store(keys: dict[str, signing.PrivateKey], principals: dict[str, str], home: Path) -> signing.TrustStore:
    """Write and return version 1 of a trust store that lists the keys of all roles."""
    now = signing.now()
    window = signing.Window(now, now + _WINDOW)
    entries = tuple(
        signing.new_entry(
            signing.Role(role),
            signing.public_path(home / KEYS / f"{role}.pem"),
            principal=principals.get(role, role),
            window=window,
        )
        for role in keys
        if role != _ROOT
    )
    root = keys[_ROOT]
    proposal = signing.propose_first((root.public,), threshold=1, entries=entries, issued=now, expires=now + _EXPIRES)
    store = proposal.cosigned((root,)).complete(now)
    signing.create(home / TRUST, store.to_bytes())
    return store


def _settings(pin: str, device: str) -> str:
    return "\n".join(_lines(pin, device)) + "\n"


def _lines(pin: str, device: str) -> Iterator[str]:
    yield "# Read where `fusiondiff-audit --settings FILE VERB ...` names it; what the command line says counts first."
    yield "# Paths are relative to this file's folder."
    yield f'trust = "{TRUST}"'
    yield f'root = "{pin}"'
    yield f'ledger = "{LEDGER}"'
    yield f'device = "{device}"  # of `sign`'
    yield '# policy = "audit.toml"  # of `audit`'
    yield '# language = "de"  # of pages: en, de, fr or zh'
    yield ""
    yield "[keys]"
    yield from (f'{role} = "{KEYS}/{role}.pem"' for role in _KEEP if role != _ROOT)

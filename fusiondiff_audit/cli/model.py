"""The verb `model`: signed model folders."""

from hashlib import sha256
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli import model_import
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.file_checks import FileChecks, digest_rows, signer_data, signer_rows
from fusiondiff_audit.cli.options import PATH, TrustContext, open_key, passphrase_option, trust_options
from fusiondiff_audit.cli.progress import ProgressLine, with_progress
from fusiondiff_audit.cli.text import count, table
from signing import ModelManifest
from signing.strict import MAX_LABEL

_MAX_SETTINGS, _TOKENS = 64 * 1024 * 1024, 2_000_000  # bytes and JSON tokens of bundle.json
_SIGNATURE = click.option("--signature", type=PATH, help="The signature, where it is not MODEL/model.sig.")


@click.group()
def command() -> None:
    """Import, sign and verify models.

    The signature is that of OpenSSF Model Signing v1.0, so `model_signing verify key` checks it as well. It lists every
    file with its digest; no other file is ever loaded.
    """


@command.command()
@click.argument("folder", metavar="MODEL", type=PATH)
@click.option("--key", type=PATH, required=True, help="The private key, P-256.")
@click.option("--force", is_flag=True, help="Replace the signature that lies there.")
@passphrase_option
@answering()
def sign(folder: Path, key: Path, force: bool, passphrase_files: tuple[Path, ...]) -> Answer:
    """Sign a model folder.

    \b
    fusiondiff-audit model sign my-model --key model.pem
    """
    signing.require_folder(folder)
    if not force:
        signing.refuse_existing(folder / signing.SIGNATURE_NAME)
    signer = open_key(key, passphrase_files)
    with ProgressLine("hashing") as progress:
        manifest = signing.sign_model(folder, key=signer, force=force, progress=progress)
    rows = [("key", f"sha256:{signer.public.keyid}"), *digest_rows(manifest)]
    data = {
        "signature": str(folder / signing.SIGNATURE_NAME),
        "keyid": f"sha256:{signer.public.keyid}",
        "digest": f"sha256:{manifest.digest}",
        "model": f"sha256:{manifest.listing}",
        "files": len(manifest.resources),
    }
    sentence = f"{count(len(manifest.resources), 'file')} signed in {folder / signing.SIGNATURE_NAME}"
    return Answer("DONE", sentence, table(rows), data)


@command.command()
@click.argument("path", metavar="MODEL", type=PATH)
@_SIGNATURE
@click.option("--all", "list_all", is_flag=True, help="List every genuine file, however many there are.")
@answering()
@trust_options
def verify(path: Path, signature: Path | None, list_all: bool, trust: TrustContext) -> Answer:
    """Verify a signed model and every file of it.

    Models signed by other tools with a plain key (P-256, P-384 or P-521) are verified as well.

    \b
    fusiondiff-audit model verify my-model --trust trust.json --root sha256:...
    """
    model = signing.open_model(path, trust=trust.store, signature=signature)
    verdict = FileChecks(resource.name for resource in model.manifest.resources)
    total = len(model.manifest.resources)
    for file in with_progress(model.check(), activity="checking", total=total):
        if isinstance(file, signing.RefusedFile):
            verdict.refuse(file, ("-",), {})
        else:
            verdict.pass_(file.name, (f"sha256:{file.sha256[:12]}…",), {"sha256": file.sha256})
    head = table([*signer_rows(model.signer), *digest_rows(model.manifest)])
    data = {
        "trust": trust.data(),
        "digest": f"sha256:{model.manifest.digest}",
        "model": f"sha256:{model.manifest.listing}",
        "signer": signer_data(model.signer),
    }
    data["unsigned"] = list(model.unsigned)
    passed = f"{count(total, 'file')} genuine, none missing, none added"
    if model.unsigned:
        passed += f", save for {count(len(model.unsigned), 'unsigned path')} of version control, never loaded"
    return verdict.answer(passed + trust.remarks(), head, ("digest",), data, list_all=list_all)


@command.command()
@click.argument("path", metavar="MODEL", type=PATH)
@_SIGNATURE
@answering()
def show(path: Path, signature: Path | None) -> Answer:
    """Show what a signature claims, unverified.

    \b
    fusiondiff-audit model show my-model
    """
    keyid, manifest = signing.read_model_claims(path, signature=signature)
    called = _called(path, manifest)
    rows = [
        ("claims key", f"sha256:{keyid}"),
        ("name", manifest.name),
        *called,
        *digest_rows(manifest),
        ("left unsigned", ", ".join(sorted(manifest.ignored)) or "nothing"),
    ]
    files = table([("file", "digest"), *((r.name, f"sha256:{r.sha256}") for r in manifest.resources)])
    data = {
        "claimedKeyid": f"sha256:{keyid}",
        "name": manifest.name,
        "callsItself": next((text for _, text in called), None),
        "digest": f"sha256:{manifest.digest}",
        "model": f"sha256:{manifest.listing}",
        "unsigned": sorted(manifest.ignored),
        "files": [{"name": r.name, "sha256": r.sha256} for r in manifest.resources],
    }
    sentence = f"{count(len(manifest.resources), 'file')} claimed; nothing was verified, `model verify` does that"
    return Answer("DONE", sentence, f"{table(rows)}\n\n{files}\n", data)


def _called(path: Path, manifest: ModelManifest) -> list[tuple[str, str]]:
    """Return the title that a bundle's settings state; nothing of a model that is no bundle of this tool.

    The name of an embedded bundle is shown only if that bundle's signature lists the settings.
    """
    from reports.verdict.header import model_title
    from reports.verdict.model_names import display_base, display_name, states_base
    from signing.fields import read_json

    settings = path / "bundle.json"
    if not settings.is_file():
        return []
    try:
        data = signing.read_capped(settings, limit=_MAX_SETTINGS)
        bundle = read_json(data, str(settings), limit=_MAX_SETTINGS, tokens=_TOKENS)
        base = bundle.text("base", limit=MAX_LABEL) if bundle.has("base") else None
        name = bundle.text("name", limit=MAX_LABEL)
        if states_base(name) or states_base(base or ""):
            return []
        own = any((r.name, r.sha256) == ("bundle.json", sha256(data).hexdigest()) for r in manifest.resources)
        return [("calls itself", model_title(display_name(name, manifest.listing if own else ""), display_base(base)))]
    except signing.SigningError:
        return []


command.add_command(model_import.command)

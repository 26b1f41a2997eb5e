"""The verb `keygen`."""

from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH, ask_passphrase, passphrase_option

_ALGORITHMS = ("ed25519", "p256", "ml-dsa-65")
# A timestamp authority has a CA certificate.
_ROLES = (*(role.value for role in signing.Role if role is not signing.Role.TIMESTAMP), "root")


@click.command()
@click.option("--role", type=click.Choice(_ROLES), required=True, help="What the key will sign.")
@click.option("--alg", type=click.Choice(_ALGORITHMS), help="Default: p256 for models.")
@click.option("--out", type=PATH, required=True, help="KEY.pem; the public half goes to KEY.pub.pem.")
@click.option("--no-passphrase", is_flag=True, help="Leave the private key unencrypted.")
@click.option("--force", is_flag=True, help="Overwrite; the old key is lost.")
@passphrase_option
@answering()
def command(
    role: str,
    alg: str | None,
    out: Path,
    no_passphrase: bool,
    force: bool,
    passphrase_files: tuple[Path, ...],
) -> Answer:
    """Make a key pair for one role.

    The private half is encrypted with a passphrase of at least 12 bytes, and readable by you alone; --no-passphrase is
    for machines that sign unattended, where only the permissions of the file protect it. The key itself has no
    role: the trust store lists its role, so give KEY.pub.pem to the holders of the root keys.

    \b
    fusiondiff-audit keygen --role device --out sem-1.pem
    """
    if no_passphrase and passphrase_files:
        raise click.UsageError("--no-passphrase and --passphrase-file exclude each other")
    if not force:
        signing.refuse_existing(out, signing.public_path(out))
    secret = None if no_passphrase else ask_passphrase(out, passphrase_files, new=True)
    kinds = signing.ROOT_ALGORITHMS if role == "root" else signing.Role(role).algorithms
    if alg is not None and alg not in kinds:
        raise click.UsageError(f"a key for the role {role} is one of {', '.join(sorted(kinds))}")
    default = signing.Algorithm.P256 if role == "model" else signing.Algorithm.ED25519  # OpenSSF signs with P-256
    algorithm = default if alg is None else signing.Algorithm(alg)
    key = signing.PrivateKey.generate(algorithm)
    public = signing.write_key(key, out, passphrase=secret, force=force)
    data = {
        "role": role,
        "algorithm": algorithm.value,
        "keyid": f"sha256:{key.public.keyid}",
        "private": str(out),
        "public": str(public),
    }
    return Answer("DONE", f"{role} key in {out} (private) and {public}", f"key sha256:{key.public.keyid}", data)

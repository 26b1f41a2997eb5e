"""The verb `model import`."""

from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.file_checks import digest_rows
from fusiondiff_audit.cli.options import PATH, open_key, passphrase_option
from fusiondiff_audit.cli.text import size, table
from fusiondiff_audit.extras import require
from fusiondiff_audit.weights.pins import CNNS

_PRECISIONS = ("fp32", "bf16", "fp16")
_NETWORKS = tuple(sorted(cnn.name for cnn in CNNS.values()))


@click.command(name="import")
@click.option("--sd", type=PATH, required=True, help="A local copy of CompVis/stable-diffusion-v1-4.")
@click.option("--deit", type=PATH, required=True, help="timm's model.safetensors of DeiT tiny, small or base.")
@click.option("--out", type=PATH, required=True, help="The bundle to write: a new folder.")
@click.option("--key", type=PATH, required=True, help="The private key that signs it, P-256.")
@click.option("--name", default="sd14", show_default=True, help="The bundle's name.")
@click.option(
    "--precision", type=click.Choice(_PRECISIONS), default="fp32", show_default=True, help="Of the frozen parts."
)
@click.option("--tile", type=click.IntRange(64, 1024), default=512, show_default=True, help="Pixels a side of a tile.")
@click.option("--block", "blocks", multiple=True, default=("up1",), show_default=True, help="mid, up0, ... up3.")
@click.option("--timestep", "timesteps", type=int, multiple=True, default=(25,), show_default=True, help="0 to 999.")
@click.option(
    "--residual", type=int, multiple=True, help="Also keep the whole UNet, and compute its error at these timesteps."
)
@click.option("--cnn", type=click.Choice(_NETWORKS), help="Give the local path a pretrained CNN.")
@click.option("--cnn-weights", type=PATH, help="The CNN's safetensors file.")
@passphrase_option
@answering()
def command(
    sd: Path,
    deit: Path,
    out: Path,
    key: Path,
    name: str,
    precision: str,
    tile: int,
    blocks: tuple[str, ...],
    timesteps: tuple[int, ...],
    residual: tuple[int, ...],
    cnn: str | None,
    cnn_weights: Path | None,
    passphrase_files: tuple[Path, ...],
) -> Answer:
    """Make a bundle of Stable Diffusion v1.4 and a DeiT, and a pretrained CNN with --cnn and --cnn-weights.

    Every file must have its pinned SHA-256, or nothing is written; pickles are never opened, and nothing is downloaded.
    The decoder, the text encoder and the UNet's later blocks are left out.

    The local path, the adapters and the gate are untrained: `finetune` trains them with labels; `enrol` enrols
    specimens.

    \b
    fusiondiff-audit model import --sd stable-diffusion-v1-4 --deit model.safetensors --out sd14 --key model.pem
    """
    require("audit", "importing a model")
    from fusiondiff_audit.model.assembly import BundleSpec, assemble
    from fusiondiff_audit.model.diffusion import FeatureSelection
    from fusiondiff_audit.model.encoder import Precision

    if (cnn is None) != (cnn_weights is None):
        raise signing.SigningError(signing.Reason.BAD_REQUEST, "--cnn and --cnn-weights need each other")
    network = None if cnn is None or cnn_weights is None else (cnn, cnn_weights)
    signing.refuse_existing(out)
    signer = open_key(key, passphrase_files)
    signing.require_folder(sd)
    try:
        spec = BundleSpec(name, tile, Precision(precision), FeatureSelection(blocks, timesteps, residual))
        settings = assemble(out, sd, deit, spec, cnn=network, key=signer, watch=say)
    except ValueError as e:
        raise signing.SigningError(signing.Reason.BAD_REQUEST, str(e)) from e
    _, manifest = signing.read_model_claims(out)
    written = sum(path.stat().st_size for path in out.iterdir())
    rows = [
        ("bundle", str(out)),
        ("features", f"{', '.join(blocks)} at {', '.join(map(str, timesteps))}"),
        *([] if cnn is None else [("CNN", cnn)]),
        ("precision", precision),
        *digest_rows(manifest),
        ("signed by", f"sha256:{signer.public.keyid}"),
    ]
    data = {
        "bundle": str(out),
        "name": settings.name,
        "digest": f"sha256:{manifest.digest}",
        "model": f"sha256:{manifest.listing}",
        "keyid": f"sha256:{signer.public.keyid}",
        "bytes": written,
    }
    sentence = f"{out} written and signed ({size(written)}); it is not trained or enrolled"
    return Answer("DONE", sentence, table(rows), data)

"""The verb `enrol`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.file_checks import digest_rows
from fusiondiff_audit.cli.options import PATH, TrustContext, open_key, passphrase_option, trust_options
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.extras import require

if TYPE_CHECKING:
    from fusiondiff_audit.model.classifier import DiffusionModel


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--reference", required=True, help="Authentic as what: maker, ware or lot, and who chose the specimens.")
@click.option("--model", "bundle", metavar="MODEL", required=True, help="A signed bundle: a folder, or a name.")
@click.option("--key", type=PATH, required=True, help="The private key that signs the new bundle, P-256.")
@click.option("--out", type=PATH, required=True, help="The bundle to write: a new folder.")
@click.option("--name", help="The new bundle's name, in every report made with it. [the folder's name]")
@click.option("--partitions", type=click.IntRange(1, 999), default=1, show_default=True, help="Odd: forests that vote.")
@click.option("--trees", type=click.IntRange(1, 10_000), default=300, show_default=True, help="Of each forest.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Of the forests.")
@click.option("--demonstration", is_flag=True, help="The specimens are synthetic: every output says DEMONSTRATION.")
@passphrase_option
@answering()
@trust_options
def command(
    folder: Path,
    reference: str,
    bundle: str,
    key: Path,
    out: Path,
    name: str | None,
    partitions: int,
    trees: int,
    seed: int,
    demonstration: bool,
    passphrase_files: tuple[Path, ...],
    trust: TrustContext,
) -> Answer:
    """Enrol labelled specimens: fit a model's forests to them.

    DIR is a batch that a key in the role `labeller` signed, with its labels.csv (file,label,specimen,use). The encoder
    is frozen; forests are trained on its embeddings. Rows with use `calibrate` are held out: with 19 specimens of each
    class the bundle has conformal sets at 5 %, with 9 at 10 %. With fewer than 19 specimens to calibrate and fewer than
    19 to train on, `audit` gives no verdict at 5 %. What the bundle will support is printed before the work begins.

    The bundle's name is that of its folder, or --name; every report also states the bundle that it was enrolled on.

    With --partitions 5, five forests are trained on a fifth of the specimens each and vote, so that `audit --certify
    poisoning` can state how many altered specimens a label tolerates. It costs accuracy: five forests need about fifty
    specimens.

    \b
    fusiondiff-audit enrol labelled --reference 'Kiln Alder, lot 7, chosen by J. Doe' --model sd14 \\
        --trust trust.json --key model.pem --out alder
    """
    require("audit", "enrolling specimens")
    from fusiondiff_audit.model.classifier import DiffusionModel
    from fusiondiff_audit.model.enrolment import ForestSettings
    from fusiondiff_audit.training.enrol import EnrolmentOrder, enrol, forecast_coverage

    signing.refuse_existing(out)
    signer = open_key(key, passphrase_files)
    signing.refuse_unfit(signer)
    try:
        order = EnrolmentOrder(
            reference,
            ForestSettings(partitions, trees, seed),
            demonstration,
            out.absolute().name if name is None else name,
        )
    except ValueError as e:
        raise signing.SigningError(signing.Reason.BAD_REQUEST, f"{e}; the number of partitions is odd") from e
    batch = signing.open_batch(folder, trust=trust.store, roles=(signing.Role.LABELLER,))
    for sentence in forecast_coverage(batch).sentences():
        say(sentence)
    model = DiffusionModel.from_pretrained(bundle, trust=trust.store)
    made = enrol(
        batch, model, order, progress=lambda images, total: with_progress(images, activity="embedding", total=total)
    )
    made.save(out, key=signer)
    _, manifest = signing.read_model_claims(out)
    rows, outlook, data = _enrolment(made)
    rows += [*digest_rows(manifest), ("signed by", f"sha256:{signer.public.keyid}")]
    data |= {
        "bundle": str(out),
        "digest": f"sha256:{manifest.digest}",
        "model": f"sha256:{manifest.listing}",
        "keyid": f"sha256:{signer.public.keyid}",
    }
    examples = made.settings.examples
    specimens = len({example.specimen for example in examples})
    sentence = f"{count(len(examples), 'image')} of {count(specimens, 'specimen')} enrolled in {out}"
    text = "\n".join((table(rows), *(f"  {line}" for line in outlook)))
    return Answer("DONE", f"{sentence}, which is signed{trust.remarks()}", text, data | {"trust": trust.data()})


def _enrolment(made: "DiffusionModel") -> tuple[list[tuple[str, str]], list[str], dict[str, object]]:
    """Return the specimens, the forests and the coverage of a model, for people and as data."""
    from fusiondiff_audit.model.enrolment import is_constant
    from fusiondiff_audit.training.coverage_forecast import CoverageForecast

    examples = made.settings.examples
    forecast = CoverageForecast.of(examples)
    trained, calibrated = (
        f"{authentic} authentic, {fakes} counterfeit" for fakes, authentic in (forecast.trained, forecast.calibrated)
    )
    forests = made.head.forests
    constant = sum(map(is_constant, forests))
    remark = f", of which {constant} have specimens of one class alone and always vote counterfeit" if constant else ""
    vote = "1, which tolerates no altered specimen" if len(forests) == 1 else f"{len(forests)} that vote{remark}"
    rows = [
        ("name", made.title),
        ("authentic as", made.settings.reference or ""),
        ("trained on", f"specimens: {trained}"),
        ("forests", vote),
        ("calibrated on", f"specimens: {calibrated}"),
    ]
    data: dict[str, object] = {
        "name": made.settings.name,
        "base": made.settings.base,
        "reference": made.settings.reference,
        "pictures": len(examples),
        "specimens": len({example.specimen for example in examples}),
        "learnt": {"authentic": forecast.trained[1], "counterfeit": forecast.trained[0]},
        "forests": len(forests),
        "blindForests": constant,
        "calibrated": {"authentic": forecast.calibrated[1], "counterfeit": forecast.calibrated[0]},
        "canSay": forecast.data(),
    }
    return rows, forecast.sentences(), data

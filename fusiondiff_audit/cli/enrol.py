"""The verb `enrol`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH, Judged, open_key, passphrase_option, trust_options
from fusiondiff_audit.cli.progress import watched
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.cli.verdict import digest_rows
from fusiondiff_audit.extras import require

if TYPE_CHECKING:
    from fusiondiff_audit.model.classifier import DiffusionModel


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--reference", required=True, help="Authentic as what: maker, ware or lot, and who chose the specimens.")
@click.option("--model", "bundle", metavar="MODEL", required=True, help="A signed bundle: a folder, or a name.")
@click.option("--key", type=PATH, required=True, help="The private key that signs the new bundle, P-256.")
@click.option("--out", type=PATH, required=True, help="The bundle to write: a new folder.")
@click.option("--partitions", type=click.IntRange(1, 999), default=1, show_default=True, help="Odd: forests that vote.")
@click.option("--trees", type=click.IntRange(1, 10_000), default=300, show_default=True, help="Of each forest.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Of the forests.")
@click.option("--demonstration", is_flag=True, help="The specimens are made up: say DEMONSTRATION in every output.")
@passphrase_option
@answering()
@trust_options
def command(
    folder: Path,
    reference: str,
    bundle: str,
    key: Path,
    out: Path,
    partitions: int,
    trees: int,
    seed: int,
    demonstration: bool,
    passphrase_files: tuple[Path, ...],
    trust: Judged,
) -> Answer:
    """Teach a model what is authentic, from labelled specimens.

    DIR is a batch that a key in the role `labeller` signed, with its labels.csv (file,label,specimen,use). The encoder
    stays as it is; forests learn from what it sees. Rows with use `calibrate` are not learnt from: with 19 specimens of
    each class the bundle can say "not sure" at 5 %, with 9 at 10 %.

    With --partitions 5, five forests learn from a fifth of the specimens each and vote, so that `audit --certify
    poisoning` can say how many altered specimens a label would stand. It costs accuracy: fifty specimens are about
    what five forests need.

    \b
    fusiondiff-audit enrol labelled --reference 'Kiln Alder, lot 7, chosen by J. Doe' --model sd14 \\
        --trust trust.json --key model.pem --out alder
    """
    require("audit", "enrolling specimens")
    from fusiondiff_audit.model.classifier import DiffusionModel
    from fusiondiff_audit.model.enrolment import Learning
    from fusiondiff_audit.training.enrol import Order, enrol

    signing.refuse_existing(out)
    signer = open_key(key, passphrase_files)
    signing.refuse_unfit(signer)
    try:
        order = Order(reference, Learning(partitions, trees, seed), demonstration)
    except ValueError as e:
        raise signing.SigningError(signing.Reason.BAD_REQUEST, f"{e}; the number of partitions is odd") from e
    batch = signing.open_batch(folder, trust=trust.store, roles=(signing.Role.LABELLER,))
    model = DiffusionModel.from_pretrained(bundle, trust=trust.store)
    made = enrol(batch, model, order, watch=lambda found, total: watched(found, what="looking", total=total))
    made.save(out, key=signer)
    _, manifest = signing.read_model_claims(out)
    rows, data = _learnt(made)
    rows += [*digest_rows(manifest), ("signed by", f"sha256:{signer.public.keyid}")]
    data |= {
        "bundle": str(out),
        "digest": f"sha256:{manifest.digest}",
        "model": f"sha256:{manifest.listing}",
        "keyid": f"sha256:{signer.public.keyid}",
    }
    examples = made.settings.examples
    specimens = len({example.specimen for example in examples})
    sentence = f"{out} knows {count(len(examples), 'picture')} of {count(specimens, 'specimen')}"
    return Answer("DONE", f"{sentence}, and is signed{trust.remarks()}", table(rows), data | {"trust": trust.data()})


def _learnt(made: "DiffusionModel") -> tuple[list[tuple[str, str]], dict[str, object]]:
    """Return what a model learnt from, for people and as data."""
    from fractions import Fraction

    from fusiondiff_audit.model.enrolment import is_blind
    from reports.arithmetic import least_specimens

    examples = made.settings.examples
    names = {
        (kind, use): {e.specimen for e in examples if (e.authentic, e.calibrates) == (kind, use)}
        for kind in (True, False)
        for use in (True, False)
    }
    least = min(len(names[True, True]), len(names[False, True]))
    rates = [alpha for alpha in (Fraction(1, 100), Fraction(1, 20), Fraction(1, 10)) if least >= least_specimens(alpha)]
    sets = f"yes, down to an error rate of {float(rates[0]):.0%}" if rates else "not available: too few to calibrate"
    learnt, kept = (f"{len(names[True, use])} authentic, {len(names[False, use])} counterfeit" for use in (False, True))
    forests = made.head.forests
    blind = sum(map(is_blind, forests))
    lost = f", of which {blind} learnt from one class alone and always vote counterfeit" if blind else ""
    vote = "1, which stands no altered specimen" if len(forests) == 1 else f"{len(forests)} that vote{lost}"
    rows = [
        ("authentic as", made.settings.reference or ""),
        ("learnt from", f"specimens: {learnt}"),
        ("forests", vote),
        ("calibrated on", f"specimens: {kept}"),
        ("can say `not sure`", sets),
    ]
    data: dict[str, object] = {
        "reference": made.settings.reference,
        "pictures": len(examples),
        "specimens": len({example.specimen for example in examples}),
        "learnt": {"authentic": len(names[True, False]), "counterfeit": len(names[False, False])},
        "forests": len(forests),
        "blindForests": blind,
        "calibrated": {"authentic": len(names[True, True]), "counterfeit": len(names[False, True])},
    }
    return rows, data

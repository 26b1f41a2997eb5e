"""The verb `enrol`."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.class_folders import ClassOptions, class_folder_options
from fusiondiff_audit.cli.enrol_answer import enrolment_answer, say_unlisted
from fusiondiff_audit.cli.options import PATH, TrustContext, open_key, optional_trust_options, passphrase_option
from fusiondiff_audit.cli.progress import ProgressLine
from fusiondiff_audit.extras import require


def _odd(_ctx: click.Context, _parameter: click.Parameter, number: int) -> int:
    if number % 2 == 0:
        raise click.BadParameter(f"{number} is even, and so many votes can be equal")
    return number


@click.command()
@click.argument("folders", metavar="DIR...", type=PATH, nargs=-1)
@class_folder_options
@click.option("--check", is_flag=True, help="Check the data: decode and compare the images, and learn nothing.")
@click.option("--reference", help="Authentic as what: maker, ware or lot, and who chose the specimens.")
@click.option("--model", "bundle", metavar="MODEL", help="A signed bundle: a folder, or a name.")
@click.option("--key", type=PATH, help="The private key that signs the new bundle, P-256.")
@click.option("--out", type=PATH, help="The bundle to write: a new folder.")
@click.option("--name", help="The new bundle's name, in every report made with it. [the folder's name]")
@click.option(
    "--partitions",
    type=click.IntRange(1, 999),
    callback=_odd,
    default=1,
    show_default=True,
    help="Odd: forests that vote.",
)
@click.option("--trees", type=click.IntRange(1, 10_000), default=300, show_default=True, help="Of each forest.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Of the forests.")
@click.option("--demonstration", is_flag=True, help="The specimens are synthetic: every output says DEMONSTRATION.")
@passphrase_option
@answering()
@optional_trust_options("The trust store that you pinned.")
def command(
    folders: tuple[Path, ...],
    classes: ClassOptions | None,
    check: bool,
    reference: str | None,
    bundle: str | None,
    key: Path | None,
    out: Path | None,
    name: str | None,
    partitions: int,
    trees: int,
    seed: int,
    demonstration: bool,
    passphrase_files: tuple[Path, ...],
    trust: TrustContext | None,
) -> Answer:
    """Enrol labelled specimens, among which new ones are ranked.

    Each DIR is a batch that a key in the role `labeller` signed, with its labels.csv. Its columns are
    file,label,specimen,maker,session,use; the last four are optional. Batches of several devices are enrolled together,
    and the order in which they are named does not matter. The encoder is frozen. Rows with use `hold-out` are left out.

    In place of DIR, --authentic and --counterfeit name folders of images, in which nothing is changed: the images are
    copied into a new batch, which gets a labels.csv and the labeller's signature. Folders in a --counterfeit folder are
    makers. --specimen says which images show one specimen, by a pattern such as '{specimen}_*': A12_03.tif shows A12.

    Every enrolled specimen calibrates: with 19 specimens of each class the bundle answers at an error rate of 5 %, with
    9 at 10 %. With specimens by several makers of counterfeits, each maker is left out in turn to measure how often
    copies by makers that were never enrolled pass. What the bundle will be able to say is printed before the work
    begins, and whether facts about imaging, such as the device, predict the label, after it.

    With --check nothing is learnt or written: counts, duplicates, what files state, what imaging or one statistic of
    the greys predicts of the label, and what the bundle will be able to say. It takes batches with --trust, folders of
    classes, or one folder with a labels.csv that is not signed yet.

    The bundle's name is that of its folder, or --name; every report also states the bundle that it was enrolled on.

    With --partitions 5, five forests are trained on a fifth of the specimens each and vote, so that `audit --certify
    poisoning` can state how many altered specimens a label tolerates. It costs accuracy: five forests need about fifty
    specimens.

    \b
    fusiondiff-audit enrol --check --authentic genuine --counterfeit copies --specimen '{specimen}_*'
    fusiondiff-audit enrol --authentic genuine --counterfeit copies --specimen '{specimen}_*' --device sem-1 \\
        --reference 'Kiln Alder, lot 7, chosen by J. Doe' --model fusion-diff-v1-ceramic --trust trust.json \\
        --labeller-key labeller.pem --key model.pem --out alder
    fusiondiff-audit enrol labelled-sem1 labelled-sem2 --reference 'Kiln Alder, lot 7, chosen by J. Doe' \\
        --model fusion-diff-v1-ceramic --trust trust.json --key model.pem --out alder
    """
    if bool(folders) is (classes is not None):
        raise click.UsageError("name signed batches, DIR...; or --authentic and --counterfeit, folders of images")
    if check:
        from fusiondiff_audit.cli.enrol_check import check_answer

        return check_answer(folders, classes, trust)
    if reference is None or bundle is None or key is None or out is None or trust is None:
        raise click.UsageError("enrolling needs --reference, --model, --key, --out and --trust; --check needs none")
    require("audit", "enrolling specimens")
    from fusiondiff_audit.model.bundle_files import read_files
    from fusiondiff_audit.model.names import refuse_bad_name, refuse_bad_reference
    from fusiondiff_audit.training.labelled_batches import read_labelled

    signing.refuse_existing(out)
    name = out.absolute().name if name is None else name
    refuse_bad_name(name)
    refuse_bad_reference(reference)
    signer = open_key(key, passphrase_files)
    signing.refuse_unfit(signer)
    files = read_files(bundle, trust=trust.store, unverified=False)
    signed: AbstractContextManager[Sequence[Path]] = nullcontext(folders)
    if classes is not None:
        batch, images = classes.batch_folder(out), classes.read()
        signed = classes.signed(images, batch, classes.open_labeller_key(passphrase_files, trust))
    with signed as named:
        batches = read_labelled(
            signing.open_batch(folder, trust=trust.store, roles=(signing.Role.LABELLER,)) for folder in named
        )
        for each in batches:
            say_unlisted(each.batch.folder, each.unlisted)
        # What follows imports scikit-learn and torch, which takes seconds.
        from fusiondiff_audit.training.enrolment_forecast import EnrolmentForecast

        for sentence in EnrolmentForecast.of_batches(batches).sentences():
            say(sentence)
        from fusiondiff_audit.model.bundle import build_bundle
        from fusiondiff_audit.model.classifier import DiffusionModel
        from fusiondiff_audit.model.enrolment import ForestSettings
        from fusiondiff_audit.training.enrol import EnrolmentOrder, enrol

        order = EnrolmentOrder(reference, ForestSettings(partitions, trees, seed), demonstration, name)
        model = DiffusionModel.from_bundle(build_bundle(files))
        with ProgressLine("embedding") as line:
            made = enrol(batches, model, order, progress=lambda part, done, of: line.of(part)(done, of))
        made.save(out, key=signer)
    return enrolment_answer(made, batches, out, signer, trust)

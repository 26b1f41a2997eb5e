"""Options of `enrol` for folders of images, one for each class: from them comes a signed batch with labels."""

import functools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import signing
from fusiondiff_audit.cli.answer import say
from fusiondiff_audit.cli.options import PATH, TrustContext, open_key
from fusiondiff_audit.cli.settings_file import unless_set
from fusiondiff_audit.cli.text import count, some, table

if TYPE_CHECKING:
    from fusiondiff_audit.inputs.labelled_files import LabelledFiles

LABELLED = "-labelled"  # behind the bundle's name, where the batch goes unless --batch says otherwise
_SHOWN = 4  # specimens of a class


@dataclass(frozen=True, slots=True)
class ClassOptions:
    """The folders of both classes, how specimens are told, and how the batch of them is signed."""

    authentic: tuple[Path, ...]
    counterfeit: tuple[Path, ...]
    specimen: str | None
    hold_out: float
    labeller_key: Path | None
    device: str | None
    pixel_size: signing.PixelSize | None
    batch: Path | None

    def words(self) -> Iterator[str]:
        """Yield the words of the command line that name folders and specimens."""
        for option, folders in (("--authentic", self.authentic), ("--counterfeit", self.counterfeit)):
            for folder in folders:
                yield from (option, str(folder))
        options = {"--specimen": self.specimen, "--hold-out": self.hold_out or None, "--pixel-size": self.pixel_size}
        for option, value in options.items():
            if value is not None:
                yield from (option, str(value))
        yield from ("--device", self.device or "NAME")

    def read(self) -> "LabelledFiles":
        """List the folders, and print which files belong to which specimen."""
        from fusiondiff_audit.inputs.labelled_files import LabelledFiles
        from fusiondiff_audit.inputs.specimen_pattern import SpecimenPattern

        pattern = None if self.specimen is None else SpecimenPattern.parse(self.specimen)
        folders = LabelledFiles.of_classes(self.authentic, self.counterfeit, pattern=pattern, hold_out=self.hold_out)
        for line in _preview(folders, self.specimen):
            say(line)
        return folders

    def open_labeller_key(self, passphrase_files: tuple[Path, ...], trust: TrustContext) -> signing.PrivateKey:
        """Return the key that signs the batch; one that the trust store does not list for labellers is refused."""
        if self.labeller_key is None or self.device is None:
            raise click.UsageError("--authentic and --counterfeit need --labeller-key and --device, to sign the batch")
        key = open_key(self.labeller_key, passphrase_files)
        trust.store.own_entry(key.public.keyid, signing.Role.LABELLER, str(self.labeller_key), signing.now())
        return key

    def batch_folder(self, out: Path) -> Path:
        """Return where the batch goes, which must not exist."""
        folder = self.batch or out.with_name(f"{out.name}{LABELLED}")
        if folder.exists():
            hint = f"enrol that batch, `enrol {folder}`; or name another folder with --batch"
            raise signing.SigningError(signing.Reason.EXISTS, f"{folder}: exists already", hint=hint)
        return folder

    @contextmanager
    def signed(self, folders: "LabelledFiles", batch: Path, key: signing.PrivateKey) -> Iterator[tuple[Path]]:
        """Write and sign the batch, and yield its folder alone; if what follows fails, the folder is removed."""
        from fusiondiff_audit.cli.sign import sign_folder
        from fusiondiff_audit.inputs.folders import new_folder
        from fusiondiff_audit.inputs.labels import LABELS_NAME

        with new_folder(batch) as making:
            for file in folders.files:
                target = making / file.target
                target.parent.mkdir(parents=True, exist_ok=True)
                signing.create(target, folders.read_file(file))
            signing.create(making / LABELS_NAME, folders.labels_csv())
            sign_folder(making, key, device=self.device or "", pixel_size=self.pixel_size)
        files = count(len(folders.files), "file")
        say(f"{batch}: {files} copied, with {LABELS_NAME}, and signed with {self.labeller_key}")
        try:
            yield (batch,)
        except BaseException:
            shutil.rmtree(batch, ignore_errors=True)
            raise


def class_folder_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a verb, which gets `classes`: None where no class folder is named."""

    @click.option("--authentic", type=PATH, multiple=True, help="A folder of images of authentic specimens.")
    @click.option(
        "--counterfeit", type=PATH, multiple=True, help="A folder of images of counterfeits; its folders are makers."
    )
    @click.option(
        "--specimen",
        metavar="PATTERN",
        help="How file names tell specimens: '{specimen}_*', or a regular expression with one group.",
    )
    @click.option(
        "--hold-out",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Keep this share of the specimens to measure with, such as 0.2.",
    )
    @click.option("--labeller-key", type=PATH, help="The labeller's private key, which signs the batch.")
    @click.option("--device", help="The instrument that took the images, as the lab names it.")
    @click.option("--pixel-size", metavar="'V UNIT'", help="A pixel's side in every image, such as '12.5 nm'.")
    @click.option("--batch", type=PATH, help="Where the signed copies go: a new folder.  [OUT-labelled]")
    @functools.wraps(function)
    def wrapped(authentic: tuple[Path, ...], counterfeit: tuple[Path, ...], hold_out: float | None, **rest: Any) -> Any:
        names = ("specimen", "labeller_key", "device", "pixel_size", "batch")
        given = {name: rest.pop(name) for name in names}
        if bool(authentic) != bool(counterfeit):
            raise click.UsageError("--authentic and --counterfeit come together: a bundle is enrolled with both")
        if authentic:
            if (side := given["pixel_size"]) is not None:
                given["pixel_size"] = signing.PixelSize.parse(side)
            return function(classes=ClassOptions(authentic, counterfeit, hold_out=hold_out or 0, **given), **rest)
        for name, value in (*given.items(), ("hold_out", hold_out)):
            if unless_set(name, value) is not None:
                option = f"--{name.replace('_', '-')}"
                raise click.UsageError(f"{option} is about --authentic and --counterfeit; a batch DIR has it signed")
        return function(classes=None, **rest)

    return wrapped


def _preview(folders: "LabelledFiles", pattern: str | None) -> Iterator[str]:
    """Yield which files belong to which specimen, by examples, and which files are left out."""
    if pattern is None:
        yield "no --specimen: each image is a specimen of its own; images of one specimen need a pattern"
    by_specimen: dict[str, list[str]] = {}
    for name, label in folders.labels.items():
        by_specimen.setdefault(label.specimen, []).append(name)
    rows = []
    for authentic in (True, False):
        own = [specimen for specimen, names in by_specimen.items() if folders.labels[names[0]].authentic is authentic]
        held = sum(folders.labels[by_specimen[specimen][0]].use == "hold-out" for specimen in own)
        makers = len({folders.labels[by_specimen[specimen][0]].maker or "" for specimen in own})
        of_makers = "" if authentic else f", {count(makers, 'maker')}"
        kept = f", {held} held out" if held else ""
        yield f"{'authentic' if authentic else 'counterfeit'}: {count(len(own), 'specimen')}{of_makers}{kept}"
        if pattern is not None:
            rows += [(specimen, some(by_specimen[specimen])) for specimen in own[:_SHOWN]]
            rows += [("...", "")] if len(own) > _SHOWN else []
    if rows:
        yield from table([("specimen", "images"), *rows]).splitlines()
    if folders.others:
        yield f"left out, neither images nor sidecars: {some(list(map(str, folders.others)))}"

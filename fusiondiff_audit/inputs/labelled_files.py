"""Unsigned files with labels: of folders of images, one for each class, or of a folder with a labels.csv.

Folders in a folder of counterfeits are makers. The names of files tell specimens, by a pattern; without one, each image
is a specimen of its own. A name that occurs in both classes, or with two makers, means different specimens, which get
the class or the maker behind their names.

Specimens are held out by the digests of their names, in each class and of each maker by the same share.
"""

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fusiondiff_audit.inputs.labels import (
    LABEL_COLUMNS,
    LABEL_NAMES,
    LABELS_NAME,
    FileLabel,
    Use,
    read_labels,
    unnamed_specimen,
)
from fusiondiff_audit.inputs.specimen_pattern import SpecimenPattern
from signing import FileKind, Reason, SigningError
from signing.folder import Reader, list_folder
from signing.manifest import MAX_SIGNED_FILE, default_kind
from signing.strict import refuse_bad_label

_SHOWN = 3  # names in a message


@dataclass(frozen=True, slots=True)
class FolderFile:
    """A file of a folder: where it lies, and its name in a labelled batch."""

    folder: Path
    name: str
    target: str


@dataclass(frozen=True, slots=True)
class LabelledFiles:
    """Images with their labels, their sidecars, and the files that are neither."""

    files: tuple[FolderFile, ...]  # images and sidecars
    labels: Mapping[str, FileLabel]  # by the images' names in a batch
    others: tuple[Path, ...]  # in folders of classes
    unlisted: tuple[str, ...] = ()  # images that a table has no label for

    @classmethod
    def of_table(cls, folder: Path) -> "LabelledFiles":
        """Read the labels.csv of a folder, and list the folder; a labelled file that is not there is refused."""
        table = folder / LABELS_NAME
        labels, names = read_labels(table), _listed(folder)
        if missing := sorted(set(labels) - set(names)):
            raise SigningError(Reason.MISSING_FILE, f"{table}: {missing[0]!a} is labelled, and not there")
        kinds = {name: default_kind(name) for name in names}
        files = [name for name, kind in kinds.items() if name in labels or kind is FileKind.SIDECAR]
        unlisted = [name for name, kind in kinds.items() if name not in labels and kind is FileKind.IMAGE]
        return cls(tuple(FolderFile(folder, name, name) for name in files), labels, (), tuple(unlisted))

    @classmethod
    def of_classes(
        cls,
        authentic: Sequence[Path],
        counterfeit: Sequence[Path],
        *,
        pattern: SpecimenPattern | None,
        hold_out: float = 0,
    ) -> "LabelledFiles":
        """List the folders of both classes; no file is opened.

        Refused are folders that overlap, links, two files of one name, and images that the pattern does not fit.
        """
        _refuse_overlap([*authentic, *counterfeit])
        files: dict[str, FolderFile] = {}
        labels: dict[str, FileLabel] = {}
        others: list[Path] = []
        for label, folders in zip(LABEL_NAMES, (authentic, counterfeit), strict=True):
            for folder in folders:
                for name in _listed(folder):
                    kind = default_kind(name)
                    if kind not in (FileKind.IMAGE, FileKind.SIDECAR):
                        others.append(folder / name)
                        continue
                    file = FolderFile(folder, name, f"{label}/{name}")
                    if (first := files.setdefault(file.target, file)) is not file:
                        fault = f"{first.folder / name} and {folder / name}: two files of one name in one class"
                        raise SigningError(Reason.BAD_REQUEST, fault, hint="rename one, or its folder")
                    if kind is FileKind.IMAGE:
                        labels[file.target] = _label(label, file, pattern)
        _refuse_unfit_names(files, labels, pattern)
        for label, folders in zip(LABEL_NAMES, (authentic, counterfeit), strict=True):
            if not any(label == LABEL_NAMES[not each.authentic] for each in labels.values()):
                where = ", ".join(map(str, folders))
                raise SigningError(Reason.EMPTY, f"{where}: no image, so no {label} specimen")
        return cls(tuple(files.values()), _held_out(_distinct(labels), hold_out), tuple(others))

    def labels_csv(self) -> bytes:
        """Return the labels as `read_labels` reads them."""
        lines = io.StringIO(newline="")
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(LABEL_COLUMNS)
        for name, label in sorted(self.labels.items()):
            specimen = "" if label.is_unnamed(name) else label.specimen
            use = "" if label.use is Use.ENROL else label.use.value
            table.writerow((name, LABEL_NAMES[not label.authentic], specimen, label.maker or "", "", use))
        return lines.getvalue().encode()

    def read_file(self, file: FolderFile) -> bytes:
        """Return the bytes of a file; a link is refused."""
        return Reader(file.folder).read(file.name, limit=MAX_SIGNED_FILE)


def _refuse_overlap(folders: Sequence[Path]) -> None:
    places = [folder.resolve() for folder in folders]
    for place, folder in zip(places, folders, strict=True):
        if places.count(place) > 1 or any(place in other.parents for other in places):
            raise SigningError(Reason.BAD_REQUEST, f"{folder}: named twice, or holds another of these folders")


def _listed(folder: Path) -> list[str]:
    if not os.path.isdir(folder):
        raise SigningError(Reason.UNREADABLE, f"{folder}: not a folder that can be read")
    listing = list_folder(folder)
    if listing.others:
        name, description = min(listing.others.items())
        raise SigningError(Reason.NOT_A_FILE, f"{folder / name}: {description}", hint="name folders of plain files")
    return sorted(listing.files)


def _label(label: str, file: FolderFile, pattern: SpecimenPattern | None) -> FileLabel:
    """Return an image's label; its specimen is empty where the pattern does not fit."""
    authentic = label == LABEL_NAMES[0]
    maker, slash, _ = file.name.partition("/")
    maker_name = maker if slash and not authentic else None
    named = None if pattern is None else pattern.specimen_of(file.name)
    for name in (maker_name, named):
        try:
            refuse_bad_label(name)
        except SigningError as e:
            raise SigningError(Reason.BAD_REQUEST, f"{file.folder / file.name}: {e}") from e
    specimen = unnamed_specimen(file.target) if pattern is None else named or ""
    return FileLabel(authentic, specimen, maker=maker_name)


def _refuse_unfit_names(
    files: Mapping[str, FolderFile], labels: Mapping[str, FileLabel], pattern: SpecimenPattern | None
) -> None:
    unfit = [files[name].name for name, label in labels.items() if not label.specimen]
    if pattern is not None and unfit:
        shown = ", ".join(ascii(name) for name in unfit[:_SHOWN])
        more = f" and {len(unfit) - _SHOWN:,} more" if len(unfit) > _SHOWN else ""
        fault = f"the pattern {pattern.text!r} does not fit {len(unfit):,} of {len(labels):,} images: {shown}{more}"
        hint = "`*` stands for any characters but `/`; a pattern is compared with the end of the path"
        raise SigningError(Reason.BAD_REQUEST, fault, hint=hint if pattern.simple else None)


def _distinct(labels: Mapping[str, FileLabel]) -> dict[str, FileLabel]:
    """Give the specimens of one name in two classes or of two makers different names."""
    owners: dict[str, set[tuple[bool, str | None]]] = {}
    for label in labels.values():
        owners.setdefault(label.specimen, set()).add((label.authentic, label.maker))
    return {
        name: replace(label, specimen=f"{label.specimen} ({label.maker or LABEL_NAMES[not label.authentic]})")
        if len(owners[label.specimen]) > 1
        else label
        for name, label in labels.items()
    }


def _held_out(labels: Mapping[str, FileLabel], share: float) -> dict[str, FileLabel]:
    """Hold out a share of the specimens of each class and maker, of each at most all but one."""
    specimens: dict[tuple[bool, str | None], set[str]] = {}
    for label in labels.values():
        specimens.setdefault((label.authentic, label.maker), set()).add(label.specimen)
    chosen = {name for names in specimens.values() for name in _drawn(names, share)}
    return {
        name: replace(label, use=Use.HOLD_OUT) if label.specimen in chosen else label for name, label in labels.items()
    }


def _drawn(names: Iterable[str], share: float) -> Iterator[str]:
    ordered = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    yield from ordered[: min(int(share * len(ordered) + 0.5), len(ordered) - 1)]

"""Folders and files: intake reads them, and nothing but the pixels reveals the class."""

import csv
import functools
import io
from pathlib import Path

import numpy as np
import pytest

from fusiondiff_audit.cli.sign import read_entries
from fusiondiff_audit.images.claims import ScaleSource
from fusiondiff_audit.images.file_claims import read_claims
from fusiondiff_audit.images.formats.recognition import read_image_header
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, decode
from fusiondiff_audit.images.preparation import Geometry, prepare
from fusiondiff_audit.images.quality import is_assessable
from fusiondiff_audit.images.sidecar import read_sidecar
from fusiondiff_audit.inputs.labels import Use, read_labels
from fusiondiff_audit.kiln.folder import FolderSpec, SyntheticFile, entries_csv, labels_csv, make_files, makers_csv
from fusiondiff_audit.kiln.specimens import Pixels, specimen
from fusiondiff_audit.kiln.vendors import VENDORS, Acquisition

ORDER = FolderSpec("birch", specimens=3, fields=2, side=96)
SOURCES = {
    "zeiss": ScaleSource.ZEISS,
    "fei": ScaleSource.FEI,
    "imagej": ScaleSource.IMAGEJ,
    "ome": ScaleSource.OME,
    "hitachi": ScaleSource.HITACHI,
    "jeol": ScaleSource.JEOL,
}


@functools.cache
def drawn() -> list[SyntheticFile]:
    return [file for group in make_files(ORDER) for file in group]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_intake_reads_the_scale_of_each_vendor(vendor: str, bits: int) -> None:
    pixels = specimen("alder", None, "tests", vendor).field(0, 512)
    pixels = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
    pixels = pixels if bits == 8 else pixels.astype(np.uint16) * 256
    file = VENDORS[vendor](Acquisition(pixels, 0.2, 20.0, 8.5))
    with Guard() as guard:
        micrograph = decode(LooseFile(f"a.{file.suffix}", "", file.data), guard=guard)
    prepared = prepare(micrograph, Geometry())
    np.testing.assert_array_equal(prepared.plane, pixels)  # the bar is found and cut off, if there is one
    sidecar = read_sidecar(file.sidecar.encode()) if file.sidecar else ()
    header = read_image_header(file.data, f"a.{file.suffix}")
    scale = read_claims(file.data, header, sidecar=sidecar).scale
    if vendor == "png":
        assert scale is None
    else:
        assert scale is not None
        assert scale.source is SOURCES[vendor]
        assert float(scale.nanometres) == pytest.approx(200, rel=0.01)


def test_a_folder_is_complete_repeatable_and_its_names_do_not_reveal_the_class() -> None:
    made = drawn()
    again = [file for shot in make_files(ORDER) for file in shot]
    other = [file for shot in make_files(FolderSpec("birch", specimens=3, fields=2, side=96, seed=1)) for file in shot]
    assert made == again
    assert {file.data for file in made}.isdisjoint({file.data for file in other})
    images = [file for file in made if file.kind == "image"]
    assert len(images) == ORDER.images == 12
    assert sum(file.authentic for file in images) == 6
    assert {file.maker for file in images} == {"birch", "hurried", "strange-clay", "strange-flux"}
    for file in made:
        assert not any(word in file.name for word in ("authentic", "counter", "hurried", "strange"))
    orders = {
        tuple(shot[0].authentic for shot in make_files(FolderSpec(specimens=6, fields=1, side=64, seed=seed)))
        for seed in range(4)
    }
    assert len(orders) == 4  # of 924 ways to mix six and six


def test_the_tables_are_read_by_enrolment_and_signing(tmp_path: Path) -> None:
    made = drawn()
    (tmp_path / "labels.csv").write_text(labels_csv(made))
    (tmp_path / "entries.csv").write_text(entries_csv(made))
    labels = read_labels(tmp_path / "labels.csv")
    images = {file.name: file for file in made if file.kind == "image"}
    assert {name: label.authentic for name, label in labels.items()} == {n: f.authentic for n, f in images.items()}
    assert {name: label.specimen for name, label in labels.items()} == {n: f.specimen for n, f in images.items()}
    assert {name: label.maker for name, label in labels.items()} == {n: f.maker for n, f in images.items()}
    assert {label.use for label in labels.values()} == {Use.ENROL}
    claims = read_entries(tmp_path / "entries.csv")
    assert claims.keys() == {file.name for file in made} | {"labels.csv"}
    assert all(claims[name].specimen == file.specimen for name, file in images.items())
    makers = {row["file"]: row["maker"] for row in csv.DictReader(io.StringIO(makers_csv(made)))}
    assert makers == {name: file.maker for name, file in images.items()}


def test_files_do_not_depend_on_the_number_of_workers() -> None:
    order = FolderSpec("rowan", specimens=12, fields=1, side=64)  # enough that workers are started
    assert list(make_files(order, usable=is_assessable, workers=2)) == list(make_files(order, usable=is_assessable))


def test_a_specimen_with_an_image_that_no_audit_would_judge_is_imaged_again() -> None:
    order = FolderSpec("rowan", specimens=4, fields=2, side=96)
    plain = [file for files in make_files(order) for file in files]
    usable = [file for files in make_files(order, usable=is_assessable) for file in files]
    assert specimens_with_faults(usable) == set()
    faulty = specimens_with_faults(plain)
    assert len(faulty) > 1
    before = {file.name: file for file in plain}
    for file in usable:
        changed = before.get(file.name) != file  # a sidecar may have come or gone
        assert changed is (file.specimen in faulty), file.name
    with pytest.raises(ValueError, match="no usable images in 100 sessions"):
        list(make_files(FolderSpec("alder", 1, 1, 64), usable=reject_all))


def reject_all(pixels: Pixels) -> bool:
    return False


def specimens_with_faults(files: list[SyntheticFile]) -> set[str]:
    """Return the specimens with an image that has a fault when it is decoded and prepared as for an audit."""
    faulty = set()
    with Guard() as guard:
        for file in files:
            if file.kind == "image":
                micrograph = decode(LooseFile(file.name, "", file.data), guard=guard)
                if prepare(micrograph, Geometry(tile=64)).quality.faults:
                    faulty.add(file.specimen)
    return faulty

"""The check of an enrolment's data: what no enrolment takes, what shows the same, and what one number tells."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile

from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.inputs.labelled_files import LabelledFiles
from fusiondiff_audit.kiln.specimens import Pixels, specimen
from fusiondiff_audit.training.data_check import DataCheck, check_data
from fusiondiff_audit.training.images_to_enrol import ImageToEnrol, images_of_files
from signing import PixelSize


def field(kiln: str, number: int) -> Pixels:
    return specimen(kiln, None, str(number)).field(0, 128)


def write_classes(folder: Path, number: int, *, darker: int = 1) -> tuple[Path, Path]:
    """Write images of two kilns into two folders; copies have their greys divided by `darker`."""
    own, copies = folder / "own", folder / "copies" / "birch"
    own.mkdir()
    copies.mkdir(parents=True)
    for place in range(number):
        tifffile.imwrite(own / f"{place}.tif", field("alder", place))
        image = field("birch", place)
        tifffile.imwrite(copies / f"{place}.tif", (image // darker).astype(image.dtype))
    return own, copies.parent


def checked(own: Path, copies: Path) -> DataCheck:
    files = LabelledFiles.of_classes([own], [copies], pattern=None)
    with Guard() as guard:
        return check_data(images_of_files(files, guard, device="sem-1", pixel_size=PixelSize.parse("12.5 nm")))


def test_good_data_pass_and_a_number_that_tells_the_label_is_named(tmp_path: Path) -> None:
    check = checked(*write_classes(tmp_path, 8, darker=3))
    assert (check.unusable, check.similar, check.pairs) == ((), (), 16 * 15 // 2)
    assert len(check.examples) == 16
    assert check.stated["pixel size"] == (Counter({"12.5 nm": 8}), Counter({"12.5 nm": 8}))
    assert check.stated["device"] == (Counter({"sem-1": 8}), Counter({"sem-1": 8}))
    strongest = check.greys.predictors[0]
    assert (strongest.fact, strongest.authentic, strongest.counterfeit) == ("mean grey", 8, 0)
    assert not check.imaging.predictors
    assert (check.forecast.authentic, check.forecast.counterfeit) == (8, 8)


def test_what_no_enrolment_takes_is_named_with_its_reason(tmp_path: Path) -> None:
    own, copies = write_classes(tmp_path, 4)
    (own / "copy.tif").write_bytes((own / "0.tif").read_bytes())
    tifffile.imwrite(own / "colour.tif", np.random.default_rng(0).integers(0, 255, (150, 150, 3), np.uint8))
    tifffile.imwrite(own / "flat.tif", np.full((150, 150), 7, np.uint8))
    tifffile.imwrite(copies / "small.tif", field("birch", 5)[:60, :60])
    (copies / "broken.tif").write_bytes(b"II*\0")
    check = checked(own, copies)
    assert {Path(image.path).name: image.reason for image in check.unusable} == {
        "copy.tif": "duplicate-pixels",
        "colour.tif": "unsupported",
        "flat.tif": "not-assessable",
        "small.tif": "not-assessable",
        "broken.tif": "malformed",
    }


def test_near_duplicates_are_searched_among_different_specimens(tmp_path: Path) -> None:
    own, copies = write_classes(tmp_path, 4)
    tifffile.imwrite(copies / "turned.tif", np.rot90(field("alder", 1)) // 2)
    tifffile.imwrite(own / "0_2.tif", field("alder", 0) // 2)
    files = LabelledFiles.of_classes([own], [copies], pattern=None)
    same = replace(files.labels["authentic/0_2.tif"], specimen=files.labels["authentic/0.tif"].specimen)
    files = replace(files, labels=dict(files.labels) | {"authentic/0_2.tif": same})
    with Guard() as guard:
        check = check_data(images_of_files(files, guard, device=None, pixel_size=None))
    (pair,) = check.similar
    assert {Path(pair.first).name, Path(pair.second).name} == {"1.tif", "turned.tif"}
    assert (pair.same_label, pair.similarity > 0.9) == (False, True)


def test_a_sidecar_states_the_scale_of_its_image(tmp_path: Path) -> None:
    own, copies = write_classes(tmp_path, 1)
    (own / "0.txt").write_text("[SemImageFile]\nPixelSize=2.5\n")
    files = LabelledFiles.of_classes([own], [copies], pattern=None)

    def stated(images: Iterator[ImageToEnrol]) -> dict[str, tuple[Counter[str], Counter[str]]]:
        return dict(check_data(images).stated)

    with Guard() as guard:
        facts = stated(images_of_files(files, guard, device=None, pixel_size=None))
    assert facts["pixel size"] == (Counter({"2.5 nm": 1}), Counter({"not stated": 1}))
    assert facts["vendor metadata"][0] == Counter({"Hitachi sidecar": 1})

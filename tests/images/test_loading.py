"""Loose files and what is no file, as callers in Python hand them in."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusiondiff_audit.images.loading import load_microstructure_data, micrographs_of


def test_paths_are_loaded_and_micrographs_are_arrays(tmp_path: Path) -> None:
    greys = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    Image.fromarray(greys).save(tmp_path / "grey.png")
    (one,), single = micrographs_of(str(tmp_path / "grey.png"))
    assert single
    assert (np.asarray(one)[:, :, 0] == greys).all()
    assert np.asarray(one, dtype=float).dtype == float
    several, single = micrographs_of([tmp_path / "grey.png", one])
    assert not single
    assert (
        several[0].pixel_digest
        == several[1].pixel_digest
        == load_microstructure_data(tmp_path / "grey.png").pixel_digest
    )


def test_an_array_is_refused_with_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"ndarray is no micrograph.*save it as TIFF or PNG"):
        micrographs_of([np.zeros((4, 4))])  # type: ignore[list-item]

"""Precomputed feature maps equal the encoder's, also after an interruption."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.training import feature_maps
from fusiondiff_audit.training.dataset import TileDataset
from fusiondiff_audit.training.feature_maps import compute_feature_maps
from fusiondiff_audit.training.workspace import TrainingProcess, Workspace
from tests.training.small_recipe import small_recipe


def test_maps_are_the_encoders_and_an_interrupted_run_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_maps, "_AT_ONCE", 8)
    torch.manual_seed(0)
    encoder = Encoder(small_recipe().architecture).eval()
    encoder.diffusion.freeze_prompt()
    tiles = np.random.default_rng(0).integers(0, 255, (10, 64, 64)).astype(np.uint8)
    dataset = TileDataset(
        tiles, np.arange(10) // 2, np.arange(10), ("",) * 5, ("",) * 10, np.zeros((10, 0), np.float32)
    )
    workspace = Workspace(tmp_path, TrainingProcess(torch.device("cpu")), lambda *_: None, print)
    maps = compute_feature_maps(encoder, dataset, workspace)
    indices = np.array([3, 9, 0])
    with torch.no_grad():
        expected, _ = encoder.feature_maps((torch.from_numpy(tiles[indices]).float() / 255)[:, None])
    rows = maps.of(indices, torch.device("cpu"))
    assert rows.keys() == expected.keys()
    for name, block in rows.items():
        torch.testing.assert_close(block.float(), expected[name], atol=2e-2, rtol=2e-3)  # half precision
    whole = (tmp_path / "maps.f16").read_bytes()
    (tmp_path / "maps.f16").write_bytes(whole[: len(whole) // 3 + 5])  # an incomplete row
    compute_feature_maps(encoder, dataset, workspace)
    resumed = np.frombuffer((tmp_path / "maps.f16").read_bytes(), np.float16).astype(np.float32)
    first = np.frombuffer(whole, np.float16).astype(np.float32)
    np.testing.assert_allclose(resumed, first, atol=2e-2, rtol=2e-3)  # another batch may change the last digits

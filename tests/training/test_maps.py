"""Maps that were computed once are those that the encoder gives, also where the work was stopped in the middle."""

from pathlib import Path

import numpy as np
import torch

from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.training.diet import Diet
from fusiondiff_audit.training.maps import computed
from fusiondiff_audit.training.studio import Place, Studio
from tests.training.small import small


def test_maps_are_the_encoder_s_and_a_run_goes_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = Encoder(small().architecture).eval()
    encoder.diffusion.freeze_prompt()
    squares = np.random.default_rng(0).integers(0, 255, (70, 64, 64)).astype(np.uint8)
    food = Diet(squares, np.arange(70) // 2, np.arange(70), ("",) * 35, ("",) * 70, np.zeros((70, 0), np.float32))
    studio = Studio(tmp_path, Place(torch.device("cpu")), lambda *_: None, print)
    maps = computed(encoder, food, studio)
    places = np.array([3, 69, 0])
    with torch.no_grad():
        expected, _ = encoder.feature_maps((torch.from_numpy(squares[places]).float() / 255)[:, None])
    found = maps.of(places, torch.device("cpu"))
    assert found.keys() == expected.keys()
    for name, one in found.items():
        torch.testing.assert_close(one.float(), expected[name], atol=2e-2, rtol=2e-3)  # half precision
    whole = (tmp_path / "maps.f16").read_bytes()
    (tmp_path / "maps.f16").write_bytes(whole[: len(whole) // 3 + 5])  # a row was cut
    computed(encoder, food, studio)
    resumed = np.frombuffer((tmp_path / "maps.f16").read_bytes(), np.float16).astype(np.float32)
    first = np.frombuffer(whole, np.float16).astype(np.float32)
    np.testing.assert_allclose(resumed, first, atol=2e-2, rtol=2e-3)  # other company may change the last digits

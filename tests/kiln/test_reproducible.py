"""Images follow from their keys: a renamed key or ingredient would change what the embedded bundle was trained on.

Means over quarters of an image are compared, since single pixels may differ between versions of numpy and scipy.
"""

from collections.abc import Callable

import numpy as np
import pytest

from fusiondiff_audit.kiln.instruments import INSTRUMENTS
from fusiondiff_audit.kiln.randomised import randomised_specimen
from fusiondiff_audit.kiln.recipes import Difficulty
from fusiondiff_audit.kiln.specimens import Pixels, random_stream, specimen
from fusiondiff_audit.kiln.synthetic_textures import synthetic_texture

KEY = ("golden",)


def quarters(pixels: Pixels) -> list[float]:
    unit = pixels / np.iinfo(pixels.dtype).max
    return [round(float(half.mean()), 4) for rows in np.split(unit, 2) for half in np.split(rows, 2, axis=1)]


def texture(number: int) -> Pixels:
    session = INSTRUMENTS["everyday"](random_stream(*KEY, "session"))
    return synthetic_texture(*KEY, str(number)).field(0, 96, session)


CASES: dict[str, Callable[[], Pixels]] = {
    "alder": lambda: specimen("alder", None, *KEY).field(0, 96),
    "birch hurried": lambda: specimen("birch", "hurried", *KEY).field(1, 96),
    "cedar hard": lambda: specimen("cedar", "strange-clay", *KEY, difficulty=Difficulty.HARD).field(0, 96),
    "hazel other": lambda: specimen("hazel", "modern-mill", *KEY, instrument="other").field(0, 96),
    "maple": lambda: specimen("maple", "strange-flux", *KEY).field(0, 96),
    "rowan aged": lambda: specimen("rowan", "aged", *KEY).field(0, 96),
    "randomised": lambda: randomised_specimen(*KEY).field(0, 96),
    "texture 1": lambda: texture(1),
    "texture 2": lambda: texture(2),
}
MEANS = {
    "alder": [0.6764, 0.5551, 0.5517, 0.6286],
    "birch hurried": [0.3567, 0.3517, 0.2668, 0.3428],
    "cedar hard": [0.4137, 0.4367, 0.3838, 0.4617],
    "hazel other": [0.7159, 0.6974, 0.6878, 0.6644],
    "maple": [0.4304, 0.4417, 0.4758, 0.4597],
    "rowan aged": [0.5719, 0.6106, 0.6353, 0.5996],
    "randomised": [0.646, 0.596, 0.6126, 0.6233],
    "texture 1": [0.794, 0.8367, 0.797, 0.8141],
    "texture 2": [0.8037, 0.8396, 0.7988, 0.8183],
}


@pytest.mark.parametrize("case", CASES)
def test_a_key_always_draws_the_same_image(case: str) -> None:
    assert quarters(CASES[case]()) == pytest.approx(MEANS[case], abs=2e-3)

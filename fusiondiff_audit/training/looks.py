"""What the tiles of a diet look like, as descriptors of their surface say.

They are a teacher where nobody knows a makeup, and by how they are spread over a diet an encoder's own are told.
"""

from collections.abc import Iterator

import numpy as np
import torch

import signing
from fusiondiff_audit.model.texture import TEXTURE_DIM, TextureDescriptors, describe
from fusiondiff_audit.training.diet import Diet, Places
from fusiondiff_audit.training.maps import as_tiles
from fusiondiff_audit.training.studio import Place, Studio

Tensor = torch.Tensor
_AT_ONCE = 16  # tiles: few enough that they stay in a core's cache
_MEASURED = 4096  # tiles: enough to know a mean and a spread by


def looks_of(diet: Diet, studio: Studio) -> Tensor:
    """Return the descriptors of every tile of a diet, each by its own spread; what was computed before is read."""
    path = studio.folder / "looks.f32"
    if studio.here.first and not path.is_file():
        signing.create(path, torch.cat(list(_computed(diet, studio))).numpy().tobytes())
    studio.here.meet()
    looks = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.float32).reshape(len(diet.squares), TEXTURE_DIM)
    return TextureDescriptors().fit(looks).standardized(looks)


def measure(surface: TextureDescriptors, diet: Diet, numbers: np.random.Generator, here: Place) -> None:
    """Have an encoder's descriptors be told by their spread over a diet."""
    places = diet.some(numbers, _MEASURED)
    found = [_described(diet, places[start : start + _AT_ONCE], here) for start in range(0, _MEASURED, _AT_ONCE)]
    surface.fit(torch.cat(found))


def _computed(diet: Diet, studio: Studio) -> Iterator[Tensor]:
    total = len(diet.squares)
    for start in range(0, total, _AT_ONCE):
        yield _described(diet, slice(start, start + _AT_ONCE), studio.here)
        studio.report("descriptors", min(start + _AT_ONCE, total), total, None)


@torch.no_grad()
def _described(diet: Diet, places: Places | slice, here: Place) -> Tensor:
    return describe(as_tiles(diet.squares[places], here)).cpu()

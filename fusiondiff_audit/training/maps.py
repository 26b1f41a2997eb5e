"""What the frozen diffusion model says of every tile, computed once and kept in a file that is mapped.

It is most of the work of a training step, and never changes. So the local path can learn from it for many steps in the
time of a few. Pictures are seen as they are, without the changes of another look: a diet should hold several pictures
of each object, as a made-up one does.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

import signing
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.training.diet import Diet, Places, Squares
from fusiondiff_audit.training.studio import Place, Studio

Halves = npt.NDArray[np.float16]
_AT_ONCE = 64  # tiles


class Maps:
    """Maps of all tiles of a diet, in half precision: tiles x numbers, block after block."""

    def __init__(self, kept: Halves, shapes: dict[str, tuple[int, ...]]) -> None:
        self._kept, self._shapes = kept, shapes

    def of(self, places: Places, device: torch.device) -> dict[str, torch.Tensor]:
        """Return the maps of some tiles, as the local path takes them."""
        rows = torch.from_numpy(self._kept[places]).to(device)
        sizes = [int(np.prod(shape)) for shape in self._shapes.values()]
        parts = rows.split(sizes, dim=1)  # type: ignore[no-untyped-call]
        return {
            name: part.reshape(len(places), *shape)
            for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
        }


def computed(encoder: Encoder, diet: Diet, studio: Studio) -> Maps:
    """Return the maps of a diet, going on where a run before was stopped."""
    here, path = studio.here, studio.folder / "maps.f16"
    shapes = _shapes(encoder, here)
    width = sum(int(np.prod(shape)) for shape in shapes.values())
    if here.first:
        _fill(encoder, diet, studio, path, width)
    here.meet()
    return Maps(np.memmap(path, np.float16, "r").reshape(len(diet.squares), width), shapes)


@torch.no_grad()
def _fill(encoder: Encoder, diet: Diet, studio: Studio, path: Path, width: int) -> None:
    here, total = studio.here, len(diet.squares)
    encoder.diffusion.to(here.device).to(memory_format=torch.channels_last)
    try:
        with path.open("ab") as file:
            done = file.tell() // (2 * width)  # a row that was cut is written again
            file.truncate(done * 2 * width)
            for start in range(done, total, _AT_ONCE):
                file.write(_said(encoder, diet.squares[start : start + _AT_ONCE], here).tobytes())
                studio.report("maps", min(start + _AT_ONCE, total), total, None)
            file.flush()
            os.fsync(file.fileno())
    except OSError as e:
        raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{path}: {e.strerror}") from e


def _said(encoder: Encoder, squares: Squares, here: Place) -> Halves:
    tiles = as_tiles(squares, here)
    with torch.autocast(here.device.type, torch.bfloat16, enabled=here.mixed):
        maps, _ = encoder.feature_maps(tiles)
    flat = torch.cat([found.flatten(1) for found in maps.values()], 1)
    found: Halves = flat.half().cpu().numpy()
    return found


def as_tiles(squares: Squares, here: Place) -> torch.Tensor:
    """Return tiles as the encoder sees them, where they are needed; the file that they lie in is only read."""
    return (torch.from_numpy(np.array(squares)).to(here.device).float() / 255)[:, None]


@torch.no_grad()
def _shapes(encoder: Encoder, here: Place) -> dict[str, tuple[int, ...]]:
    """Return what one tile's maps look like."""
    encoder.diffusion.to(here.device)
    side = encoder.architecture.tile
    maps, _ = encoder.feature_maps(torch.zeros(1, 1, side, side, device=here.device))
    return {name: tuple(found.shape[1:]) for name, found in maps.items()}

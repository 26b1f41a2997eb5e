"""The painter of a GPU: every body of a picture at once, by brute force over its pixels.

It paints the same plan as numpy does, and the same picture to within rounding, noise apart.
"""

import math
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from fusiondiff_audit.kiln.canvas import BLUR_REACH, OUTSIDE, Tessellation
from fusiondiff_audit.kiln.grain_seeds import GrainSeeds
from fusiondiff_audit.kiln.shapes import ORDERS, Ellipses, Rods, ValueNoise

_AT_ONCE = 64  # bodies that are held in memory at once
Tensor = torch.Tensor


class TorchCanvas:
    """Paints on a device; `noise` is drawn there too, from the seed that numpy's generator gives."""

    xp: ModuleType = torch

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)

    def tessellation(self, seeds: GrainSeeds, side: int) -> Tessellation:
        """Compare every pixel with every seed."""
        lifted, turn = self.array(seeds.lifted), self.array(seeds.turn)
        line = torch.arange(side, device=self._device, dtype=torch.float32)
        points = torch.cartesian_prod(line, line) @ turn.T
        flat = lifted[:, :2]
        middle = points.mean(0)  # near zero, single precision holds more
        power = ((flat - middle) ** 2).sum(1) + lifted[:, 2] ** 2 - 2 * (points - middle) @ (flat - middle).T
        least, rank = power.topk(2, dim=1, largest=False)
        between = (flat[rank[:, 0]] - flat[rank[:, 1]]).norm(dim=1).clamp(min=1e-6)
        boundary = (least[:, 1] - least[:, 0]) / (2 * between)
        return Tessellation(*(found.reshape(side, side) for found in (rank[:, 0], rank[:, 1], boundary)))

    def ellipses(self, what: Ellipses, side: int) -> Tensor:
        """Return how deep each pixel lies in the nearest ellipse."""
        semi, roundness = self.array(what.semi), self.array(what.roundness)
        heights, phases = self.array(what.heights), self.array(what.phases)
        depth = self._nothing(side)
        for some, along, across in self._places(what.centres, what.angles, side):
            flat = roundness[some, None, None]
            across = across / flat
            around = torch.atan2(across, along)
            outline = torch.ones_like(around)
            for i, order in enumerate(ORDERS):
                outline += heights[some, i, None, None] * torch.cos(order * around + phases[some, i, None, None])
            inside = (semi[some, None, None] * outline - torch.hypot(along, across)) * flat
            depth = torch.maximum(depth, inside.amax(0))
        return depth

    def rods(self, what: Rods, side: int) -> Tensor:
        """Return the same for rods."""
        lengths, widths = self.array(what.lengths), self.array(what.widths)
        depth = self._nothing(side)
        for some, along, across in self._places(what.centres, what.angles, side):
            ends = lengths[some, None, None] / 2 - along.abs()
            inside = torch.minimum(ends, widths[some, None, None] / 2 - across.abs())
            depth = torch.maximum(depth, inside.amax(0))
        return depth

    def smooth(self, knots: ValueNoise) -> Tensor:
        """Return a field of unit variance."""
        values = self.array(knots.values)
        (low, weight), (left, right) = ([self.array(part) for part in knots.places(axis)] for axis in (0, 1))
        rows = values[low] * (1 - weight)[:, None] + values[low + 1] * weight[:, None]
        field = rows[:, left] * (1 - right) + rows[:, left + 1] * right
        unit: Tensor = field / field.std(correction=0).clamp(min=1e-6)
        return unit

    def array(self, values: npt.NDArray[Any]) -> Tensor:
        """Return values on the device, in single precision where they are not whole numbers."""
        kept = values.astype(np.float32) if values.dtype.kind == "f" else values
        return torch.from_numpy(np.ascontiguousarray(kept)).to(self._device)

    def blurred(self, field: Tensor, down: float, across: float) -> Tensor:
        """Return a field after a Gaussian blur."""
        for deviation, axis in ((down, 2), (across, 3)):
            reach = math.floor(BLUR_REACH * deviation + 0.5)
            if reach:
                places = torch.arange(-reach, reach + 1, device=self._device, dtype=torch.float32)
                kernel = torch.exp(-0.5 * (places / deviation) ** 2)
                shape = [1, 1, -1, 1] if axis == 2 else [1, 1, 1, -1]
                pad = (0, 0, reach, reach) if axis == 2 else (reach, reach, 0, 0)
                whole = functional.pad(field[None, None], pad, mode="replicate")
                field = functional.conv2d(whole, (kernel / kernel.sum()).reshape(shape))[0, 0]
        return field

    def trail(self, field: Tensor, length: int) -> Tensor:
        """Return the mean over the pixels on the left of each."""
        whole = functional.pad(field[None], (length - 1, 0), mode="replicate")
        mean: Tensor = functional.avg_pool1d(whole, length, stride=1)[0]
        return mean

    def shifted(self, field: Tensor, shift: Tensor) -> Tensor:
        """Move each row to the left by so many pixels, rounded."""
        side = len(field)
        columns = torch.arange(side, device=self._device)[None, :] + shift.round().long()[:, None]
        return field.gather(1, columns.clamp(0, side - 1))

    def noise(self, rng: np.random.Generator, side: int) -> Tensor:
        """Return Gaussian noise of unit variance."""
        generator = torch.Generator(self._device).manual_seed(int(rng.integers(2**63)))
        return torch.randn((side, side), generator=generator, device=self._device)

    def pixels(self, values: Tensor, bits: int) -> Tensor:
        """Return greys from 0 to 1 as numbers of so many bits."""
        top = 2**bits - 1
        whole: Tensor = (values * top).round().clamp(0, top).to(torch.uint8 if bits == 8 else torch.uint16)
        return whole

    def _nothing(self, side: int) -> Tensor:
        return torch.full((side, side), OUTSIDE, device=self._device)

    def _places(self, centres: npt.NDArray[Any], angles: npt.NDArray[Any], side: int) -> Any:
        """Yield some bodies at a time, with each pixel's place along and across their axes."""
        line = torch.arange(side, device=self._device, dtype=torch.float32)
        middle, turn = self.array(centres), self.array(angles)
        for start in range(0, len(angles), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            y = line[None, :, None] - middle[some, 0, None, None]
            x = line[None, None, :] - middle[some, 1, None, None]
            cosine, sine = turn[some].cos()[:, None, None], turn[some].sin()[:, None, None]
            yield some, x * cosine + y * sine, y * cosine - x * sine

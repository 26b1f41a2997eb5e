"""Feature maps of images as cells, for memory banks: of a bundle's diffusion model, and of EfficientNet-Lite0.

A cell is 16 pixels square. Its features are those of two layers, each averaged over three by three neighbours and
brought to the grid of cells, as PatchCore does (Roth et al., 2022). Every feature is standardised on kilns of
`bench/1`, of which no ware is tested here.

What is known of EfficientNet-Lite0 and its weights is in `fusiondiff_audit/weights/pins.py`.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from fusiondiff_audit.evaluation.bundle import as_micrograph
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.images.preparation import prepare
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.inference import reproducible
from fusiondiff_audit.model.public_weights import DiffusionRelease, read_cnn
from fusiondiff_audit.model.trunk import build_cnn
from fusiondiff_audit.weights.tensors import fill

Cells = npt.NDArray[np.float32]  # cells x features
MapCells = Callable[[Micrograph], Cells]
_LITE0_LAYERS = (2, 3)  # of 8 and of 16 pixels a cell
_DEVELOPMENT = ("alder", "birch", "cedar")
_DEVELOPMENT_IMAGES = 8  # of each kiln
_SIDE = 512


def encoder_cells(model: DiffusionModel) -> MapCells:
    """Return the cells of the diffusion model's maps, of the tiles that the bundle embeds."""
    side = model.settings.architecture.tile

    def cells(micrograph: Micrograph) -> Cells:
        prepared = prepare(micrograph, model.settings.geometry)
        unit = model.settings.intensity.apply(prepared.plane)
        tiles = [unit[tile.top : tile.top + side, tile.left : tile.left + side] for tile in prepared.tiles]
        with reproducible(model.settings.threads), torch.inference_mode():
            maps, _ = model.encoder.feature_maps(torch.from_numpy(np.stack(tiles))[:, None].float())
            return _joined([features.flatten(1, 2) for features in maps.values()], side // 16)

    return _standardised(cells)


def lite0_cells(weights: Path, model: DiffusionModel) -> MapCells:
    """Return the cells of EfficientNet-Lite0, on the planes that the bundle prepares."""
    network = load_lite0(weights)

    def cells(micrograph: Micrograph) -> Cells:
        with reproducible(model.settings.threads), torch.inference_mode():
            grey = lite0_input(micrograph, model)
            maps = network.forward_intermediates(grey, indices=_LITE0_LAYERS, intermediates_only=True)
            return _joined(maps, maps[-1].shape[-1])

    return _standardised(cells)


def load_lite0(weights: Path) -> Any:
    """Return EfficientNet-Lite0 with the weights that `convert_efficientnet.py` writes; other files are refused."""
    shape, tensors = read_cnn("efficientnet-lite0", weights, DiffusionRelease())
    network = build_cnn(shape.network)
    fill(network, tensors)
    return network.train(mode=False)


def lite0_input(micrograph: Micrograph, model: DiffusionModel) -> torch.Tensor:
    """Return the plane that a bundle prepares of a micrograph, as EfficientNet-Lite0 takes it."""
    unit = model.settings.intensity.apply(prepare(micrograph, model.settings.geometry).plane)
    grey = torch.from_numpy(np.ascontiguousarray(unit)).float().expand(1, 3, -1, -1)
    return 2 * grey - 1


def _joined(maps: Iterable[torch.Tensor], side: int) -> Cells:
    """Return the maps of all layers on a grid of `side` cells, each averaged over its neighbours."""
    layers = [
        functional.adaptive_avg_pool2d(functional.avg_pool2d(of_layer, 3, 1, 1, count_include_pad=False), side)
        for of_layer in maps
    ]
    return torch.cat(layers, 1).movedim(1, -1).flatten(0, -2).float().numpy()


def _standardised(cells: MapCells) -> MapCells:
    """Return the cells with the centre and deviation of each feature on the development kilns."""
    development = np.concatenate([cells(image) for image in development_images()])
    centre, deviation = development.mean(0), np.maximum(development.std(0), 1e-6)
    return lambda micrograph: (cells(micrograph) - centre) / deviation


def development_images() -> Iterator[Micrograph]:
    """Yield images of the kilns of `bench/1`."""
    for kiln in _DEVELOPMENT:
        for number in range(_DEVELOPMENT_IMAGES):
            pixels = specimen(kiln, None, "scale of features", str(number)).field(0, _SIDE)
            yield as_micrograph(f"{kiln} {number}", pixels)

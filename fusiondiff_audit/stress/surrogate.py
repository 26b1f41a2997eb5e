"""The classifier as a differentiable function of a plane: exact up to the forests, which are soft.

The choice of tiles with structure is the pipeline's, and has no gradient.
"""

import torch
from torch.utils.checkpoint import checkpoint

from attacks.soft_forest import SoftForest
from fusiondiff_audit.images.preparation import has_structure
from fusiondiff_audit.images.tiles import TRIMMED, Aggregation, tile_grid
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.findings import Class
from fusiondiff_audit.model.inference import reproducible
from fusiondiff_audit.model.windows import micro_batches

Tensor = torch.Tensor
_EDGE = 1e-4  # the least distance of scores from 0 and 1, where logits are infinite


class Surrogate:
    """A model's surrogate; it shares the model's weights and changes none."""

    def __init__(self, model: DiffusionModel, *, temperature: float) -> None:
        self._encoder, self._settings = model.encoder, model.settings
        self._threads = model.runtime.threads
        self._temperature = temperature
        self._device = next(model.encoder.parameters()).device
        rows = torch.from_numpy(model.head.enrolled.embeddings)
        scale = rows.std(0).clamp_min(1e-6)
        self._forests = [SoftForest(forest, scale=scale) for forest in model.head.forests]

    def logits(self, unit: Tensor) -> Tensor:
        """Return logits, n x 2, for planes n x 1 x height x width from 0 to 1."""
        return torch.cat([self._logit(plane) for plane in unit[:, 0]])

    def features(self, plane: Tensor) -> Tensor:
        """Return the embeddings of a plane's tiles with structure: tiles x numbers."""
        geometry, side = self._settings.geometry, self._settings.architecture.tile
        unit = plane.detach().numpy()
        kept = [
            tile
            for tile in tile_grid(unit.shape[0], unit.shape[1], side, geometry.overlap)
            if has_structure(unit, tile, side)
        ]
        if not kept:
            return plane.new_zeros(0, self._settings.architecture.embedding_dim)
        mapped = self._mapped(plane)
        tiles = torch.stack([mapped[None, t.top : t.top + side, t.left : t.left + side] for t in kept])
        window = self._settings.architecture.window
        across = None if window is None else window.across
        batches = micro_batches(kept, side, most=self._settings.micro_batch, across=across)
        with reproducible(self._threads):
            parts = [
                (
                    tiles[list(batch.tiles)].to(self._device),
                    None if batch.places is None else torch.from_numpy(batch.places),
                )
                for batch in batches
            ]
            embeddings = [
                checkpoint(self._embedded, *part, use_reentrant=False) if len(parts) > 1 else self._embedded(*part)
                for part in parts
            ]
            order = torch.tensor([number for batch in batches for number in batch.tiles]).argsort()
            return torch.cat(embeddings).cpu()[order]

    def _embedded(self, tiles: Tensor, places: Tensor | None) -> Tensor:
        embedding: Tensor = self._encoder(tiles, places).embedding.float()
        return embedding

    def _logit(self, plane: Tensor) -> Tensor:
        """Return one plane's logits: of the mean of the forests, since a majority has no gradient."""
        rows = self.features(plane)
        if not len(rows):
            return plane.sum() * plane.new_zeros(1, 2)
        shares = [forest.shares(rows, temperature=self._temperature)[:, Class.AUTHENTIC] for forest in self._forests]
        whole = torch.stack([_combined(share, self._settings.geometry.rule) for share in shares])
        logit = torch.logit(_EDGE + (1 - 2 * _EDGE) * whole).mean()
        return torch.stack([-logit / 2, logit / 2])[None]

    def _mapped(self, plane: Tensor) -> Tensor:
        """Return the grey levels as the model maps them."""
        intensity = self._settings.intensity
        ends = torch.tensor([intensity.low / 100, intensity.high / 100], dtype=plane.dtype)
        low, high = torch.quantile(plane.flatten(), ends)
        mapped: Tensor = ((plane - low) / (high - low).clamp_min(1e-12)).clamp(0, 1)
        return mapped


def _combined(scores: Tensor, rule: Aggregation) -> Tensor:
    """Return one score of an image's tiles, as `images.tiles.aggregate` does."""
    ordered = scores.sort().values
    if rule is Aggregation.MEDIAN:
        middle = len(ordered) // 2
        return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    out = int(len(ordered) * TRIMMED)
    return ordered[out : len(ordered) - out].mean()

"""What the forests of a head say of one image: scores of its tiles, votes, and the mean of them."""

from dataclasses import replace

import numpy as np

from fusiondiff_audit.images.tiles import aggregate
from fusiondiff_audit.model.enrolment import forest_scores
from fusiondiff_audit.model.findings import Finding, TileFinding, Votes
from fusiondiff_audit.model.head import Head
from fusiondiff_audit.model.inference import EmbeddedImage
from fusiondiff_audit.model.settings import Settings
from signing.strict import malformed

_ABSURD = 1e12  # no feature of a real image


def image_finding(image: EmbeddedImage, head: Head, settings: Settings, *, verified: bool) -> Finding:
    """Return the finding of an image; numbers that no real image has raise SigningError."""
    micrograph, prepared = image.micrograph, image.prepared
    blank = Finding(
        micrograph.name,
        micrograph.digest,
        micrograph.pixel_digest,
        settings.architecture.tile,
        prepared.scale,
        prepared.quality,
        (*prepared.steps, *settings.intensity.steps()),
        prepared.guessed,
        unverified=not verified,
    )
    if not prepared.tiles:
        return blank
    tile_scores = forest_scores(head.forests, image.embeddings)
    scores = [aggregate(by_tile, settings.geometry.rule) for by_tile in tile_scores]
    if not all((np.abs(numbers) < _ABSURD).all() for numbers in (image.gates, image.features)):  # False for NaN
        raise malformed(settings.name, f"computes absurd numbers for {micrograph.name!a}")
    tiles = tuple(
        TileFinding(tile.top, tile.left, float(score), float(gate))
        for tile, score, gate in zip(prepared.tiles, tile_scores.mean(0), image.gates, strict=True)
    )
    return replace(
        blank,
        tiles=tiles,
        votes=Votes.of(scores),
        score=float(np.mean(scores)),
        gate=float(image.gates.mean()),
        features=image.features,
        near_duplicate=head.has_near_duplicate(image.fingerprint),
    )

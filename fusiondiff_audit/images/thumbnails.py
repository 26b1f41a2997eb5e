"""Small images for people, with stretched contrast, which are no evidence."""

import io

import numpy as np
from PIL import Image

from fusiondiff_audit.images.data_bar import data_bar_rows
from fusiondiff_audit.images.intensity import Intensity
from fusiondiff_audit.images.micrograph import Micrograph

THUMBNAIL_SIDE = 256  # pixels of the longer side, at most
_DIMMED = 0.4  # brightness of the rows of the data bar


def thumbnail(micrograph: Micrograph, *, side: int = THUMBNAIL_SIDE, greys: int = 256) -> bytes:
    """Return a PNG in which the data bar, which is not judged, is dimmed; a grey one has so many greys at most."""
    pixels, rows = micrograph.pixels, micrograph.claims.rows
    proper = rows if rows is not None else len(pixels) - data_bar_rows(pixels[:, :, 0])
    unit = np.dstack([Intensity().apply(pixels[:proper, :, i]) for i in range(pixels.shape[2])])
    bar = pixels[proper:].astype(np.float32) / max(float(pixels.max()), 1e-12) * _DIMMED
    unit = np.concatenate([unit, bar])
    levels = (unit * 255).round().astype(np.uint8)
    image = Image.fromarray(levels[:, :, 0] if levels.shape[2] == 1 else levels)
    image.thumbnail((side, side), Image.Resampling.BOX)
    if image.mode == "L" and greys < 256:
        image = Image.fromarray((np.asarray(image).astype(np.uint16) * greys // 256).astype(np.uint8))
        image.putpalette([grey * 255 // (greys - 1) for grey in range(greys) for _ in range(3)])
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()

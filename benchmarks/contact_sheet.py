"""Draw a contact sheet: each kiln's own ware, and a copy by each of its workshops.

python -P benchmarks/contact_sheet.py docs/kiln.jpg                                     # the kilns of the generator
python -P benchmarks/contact_sheet.py bench2.png fusiondiff_audit/kiln/bench2           # the kilns of a folder
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fusiondiff_audit.kiln.recipe_files import read_kilns
from fusiondiff_audit.kiln.recipes import KILNS, Difficulty, Kiln
from fusiondiff_audit.kiln.specimens import Specimen, draw_specimen, specimen

SIDE, GAP, LEFT, TOP = 208, 6, 62, 24


def main() -> None:
    """Draw and write it."""
    kilns = [kiln.kiln for kiln in read_kilns(Path(sys.argv[2]))] if sys.argv[2:] else list(KILNS.values())
    width = LEFT + max(len(kiln.workshops) + 1 for kiln in kilns) * (SIDE + GAP)
    sheet = Image.new("L", (width, len(kilns) * (TOP + SIDE)), 255)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for row, kiln in enumerate(kilns):
        top = row * (TOP + SIDE)
        draw.text((6, top + TOP + 4), kiln.name, fill=0, font=font)
        for column, workshop in enumerate((None, *kiln.workshops)):
            left = LEFT + column * (SIDE + GAP)
            draw.text((left, top + 4), workshop or "the kiln itself", fill=0, font=font)
            pixels = _example(kiln, workshop).field(0, SIDE)
            grey = (pixels >> 8 if pixels.dtype == np.uint16 else pixels).astype(np.uint8)
            sheet.paste(Image.fromarray(grey), (left, top + TOP))
    sheet.save(sys.argv[1], quality=82)


def _example(kiln: Kiln, workshop: str | None) -> Specimen:
    if kiln.name in KILNS:
        return specimen(kiln.name, workshop, "contact sheet")
    key = ("contact sheet", kiln.name, workshop or "authentic")
    return draw_specimen(kiln, workshop, key, difficulty=Difficulty.EASY, instrument="everyday")


if __name__ == "__main__":
    main()

"""Draw the contact sheet of docs/kiln.md: each kiln's own ware, and a copy by each of its workshops.

python -P benchmarks/contact_sheet.py docs/kiln.jpg
"""

import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fusiondiff_audit.kiln.recipes import KILNS
from fusiondiff_audit.kiln.specimens import specimen

SIDE, GAP, LEFT, TOP = 208, 6, 62, 24


def main() -> None:
    """Draw and write it."""
    workshops = (None, *next(iter(KILNS.values())).workshops)
    width = LEFT + len(workshops) * (SIDE + GAP)
    height = TOP + len(KILNS) * (SIDE + GAP)
    sheet = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for column, workshop in enumerate(workshops):
        draw.text((LEFT + column * (SIDE + GAP), 4), workshop or "the kiln itself", fill=0, font=font)
    for row, kiln in enumerate(KILNS):
        top = TOP + row * (SIDE + GAP)
        draw.text((6, top + 4), kiln, fill=0, font=font)
        for column, workshop in enumerate(workshops):
            pixels = specimen(kiln, workshop, "contact sheet").field(0, SIDE)
            grey = (pixels >> 8 if pixels.dtype == np.uint16 else pixels).astype(np.uint8)
            sheet.paste(Image.fromarray(grey), (LEFT + column * (SIDE + GAP), top))
    sheet.save(sys.argv[1], quality=82)


if __name__ == "__main__":
    main()

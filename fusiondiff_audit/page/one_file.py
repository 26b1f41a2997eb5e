"""Pages with a script: one HTML file each, whose content policy allows its own script and style by their digests."""

import base64
import re
from collections.abc import Mapping
from hashlib import sha256

_PART = re.compile(r"\{\{([A-Z0-9-]+)\}\}")


def one_file(markup: str, *, script: str, style: str, parts: Mapping[str, str]) -> str:
    """Return markup with its script, its style, their digests and other parts put in.

    All are put in at once, so that a part's text is never taken for a place of another.
    """
    if "</script" in script or "</style" in style:
        raise ValueError("the end of an element stands in the script or the style")
    values = {"SCRIPT": script, "STYLE": style, "SCRIPT-SHA256": _digest(script), "STYLE-SHA256": _digest(style)}
    values |= parts
    return _PART.sub(lambda match: values[match[1]], markup)


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"

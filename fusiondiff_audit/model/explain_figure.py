"""An explanation as one PNG: the micrograph, and each map with its scale and a caption."""

import io
from typing import Any

import numpy as np

from fusiondiff_audit.model.explain import Explanation, describe_finding

_WIDTH, _CAPTION = 4.2, 0.9  # of a panel and of its caption, in inches
_COLUMNS = 3
_INK, _QUIET = "#1c2730", "#5a6772"


def render_explanation(explanation: Explanation) -> bytes:
    """Return the bytes of the PNG."""
    from matplotlib.figure import Figure

    panels = _panels(explanation)
    height, width = explanation.plane.shape
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    tall = 0.8 * _WIDTH * height / width + _CAPTION
    figure = Figure(figsize=(_WIDTH * columns, rows * tall + 0.4), dpi=110, layout="constrained")
    places = np.ravel(figure.subplots(rows, columns))
    for spare in places[len(panels) :]:
        spare.set_axis_off()
    for axes, (title, note, values, style) in zip(places, panels, strict=False):  # spare axes stay empty
        axes.imshow(explanation.plane, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        if values is not None:
            shown = axes.imshow(values, alpha=0.55, interpolation="bilinear", **style)
            figure.colorbar(shown, ax=axes, shrink=0.75, pad=0.02).outline.set_visible(False)
        axes.set_title(title, loc="left", fontsize=11, color=_INK, fontweight="bold")
        axes.text(0, -0.03, note, transform=axes.transAxes, va="top", fontsize=8.5, color=_QUIET)
        axes.set_axis_off()
    finding = explanation.finding
    prefix = "DEMONSTRATION. " if explanation.demonstration else ""
    figure.suptitle(f"{prefix}{finding.name}: {describe_finding(finding)}", x=0.01, ha="left", fontsize=13, color=_INK)
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()


def _panels(explanation: Explanation) -> list[tuple[str, str, Any, dict[str, Any]]]:
    """Return each panel's title, caption, map, and colour settings."""
    neighbours = "\n".join(
        f"{near.distance:.2f} from {near.specimen} ({'authentic' if near.authentic else 'counterfeit'})"
        for near in explanation.nearest
    )
    panels: list[tuple[str, str, Any, dict[str, Any]]] = [
        ("As the model sees it", f"Nearest enrolled specimens, by distance of embeddings:\n{neighbours}", None, {})
    ]
    if not explanation.finding.tiles:
        return panels
    most = max(float(np.nanmax(np.abs(explanation.occlusion))), 0.02)
    panels += [
        (
            "Occlusion",
            "Decrease of a tile's score when a region is hidden.\nBlue speaks for authentic, red against.",
            explanation.occlusion,
            {"cmap": "RdBu", "vmin": -most, "vmax": most},
        ),
        ("Score", "Share of trees that say authentic.", explanation.score, _from("RdBu")),
        ("Gate", "Weight of the local path. 1: local; 0: global.", explanation.gate, _from("viridis")),
    ]
    if explanation.residual is not None:
        caption = (
            "The denoiser's error, high where the image is unlike\nthe training images. The label does not use it."
        )
        panels.append(("Residual", caption, explanation.residual, {"cmap": "magma"}))
    return panels


def _from(colours: str) -> dict[str, Any]:
    return {"cmap": colours, "vmin": 0, "vmax": 1}

"""An explanation as one PNG: the micrograph, and beside it each map with its scale and a line that says what it is."""

import io
from typing import Any

import numpy as np

from fusiondiff_audit.model.explain import Explanation, describe_finding

_WIDE, _WORDS = 4.2, 0.9  # inches of a panel, and of the words at it
_COLUMNS = 3
_INK, _QUIET = "#1c2730", "#5a6772"


def render_explanation(explanation: Explanation) -> bytes:
    """Return the picture's bytes."""
    from matplotlib.figure import Figure

    panels = _panels(explanation)
    height, width = explanation.plane.shape
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    tall = 0.8 * _WIDE * height / width + _WORDS
    figure = Figure(figsize=(_WIDE * columns, rows * tall + 0.4), dpi=110, layout="constrained")
    places = np.ravel(figure.subplots(rows, columns))
    for spare in places[len(panels) :]:
        spare.set_axis_off()
    for axes, (title, note, values, style) in zip(places, panels, strict=False):  # spare places stay empty
        axes.imshow(explanation.plane, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        if values is not None:
            shown = axes.imshow(values, alpha=0.55, interpolation="bilinear", **style)
            figure.colorbar(shown, ax=axes, shrink=0.75, pad=0.02).outline.set_visible(False)
        axes.set_title(title, loc="left", fontsize=11, color=_INK, fontweight="bold")
        axes.text(0, -0.03, note, transform=axes.transAxes, va="top", fontsize=8.5, color=_QUIET)
        axes.set_axis_off()
    finding = explanation.finding
    show = "DEMONSTRATION. " if explanation.demonstration else ""
    figure.suptitle(f"{show}{finding.name}: {describe_finding(finding)}", x=0.01, ha="left", fontsize=13, color=_INK)
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()


def _panels(explanation: Explanation) -> list[tuple[str, str, Any, dict[str, Any]]]:
    """Return for each panel its title, what it is, its map, and how that is coloured."""
    near = "\n".join(
        f"{one.distance:.2f} from {one.specimen} ({'authentic' if one.authentic else 'counterfeit'})"
        for one in explanation.nearest
    )
    panels: list[tuple[str, str, Any, dict[str, Any]]] = [
        ("As the model sees it", f"Nearest enrolled specimens, by distance of embeddings:\n{near}", None, {})
    ]
    if not explanation.finding.tiles:
        return panels
    most = max(float(np.nanmax(np.abs(explanation.occlusion))), 0.02)
    panels += [
        (
            "Occlusion",
            "How far a tile's score falls when a region is hidden.\nBlue speaks for authentic, red against.",
            explanation.occlusion,
            {"cmap": "RdBu", "vmin": -most, "vmax": most},
        ),
        ("Score", "Share of trees that hold each tile for authentic.", explanation.score, _from("RdBu")),
        ("Gate", "Which path is believed. 1: the local; 0: the global.", explanation.gate, _from("viridis")),
    ]
    if explanation.residual is not None:
        what = "The denoiser's error: where it is unlike what the model\nknows. It moves no label."
        panels.append(("Residual", what, explanation.residual, {"cmap": "magma"}))
    return panels


def _from(colours: str) -> dict[str, Any]:
    return {"cmap": colours, "vmin": 0, "vmax": 1}

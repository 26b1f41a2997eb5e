"""Plots of training losses: every step, and a moving mean."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

import signing

_WINDOW = 40  # the moving mean is of one part in so many


def plot_loss(path: Path, title: str, losses: npt.NDArray[np.float32]) -> None:
    """Write a PNG of the loss of every step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    steps = np.arange(1, len(losses) + 1)
    axes.plot(steps, losses, color="#b9c4cf", linewidth=0.8, label="each step")
    width = max(1, len(losses) // _WINDOW)
    mean = np.convolve(losses, np.full(width, 1 / width), mode="valid")
    axes.plot(steps[width - 1 :], mean, color="#134e6f", linewidth=1.8, label=f"mean of {width}")
    axes.set(title=title, xlabel="step", ylabel="loss")
    axes.grid(color="#e6e9ec")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    signing.create(path, data.getvalue(), force=True)

"""The encoder's speed, and its share of the machine's rate of matrix products.

    python -P benchmarks/judging.py [--size sd14] [--device cpu|cuda] [--precision bf16] [--batches 1 2 4 ...]

Weights are random and seeded: speed does not depend on training. Latency is that of one image of one tile, from pixels
to embedding; rates are those of micro-batches of each size; the share is that of the rate of a large matrix product in
the same precision, measured in the same run. `--memory` compares the peak memory of judging 40 images and 400, each in
a process of its own.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from fusiondiff_audit.model.encoder import Architecture, Encoder, Precision
from fusiondiff_audit.model.inference import reproducible
from fusiondiff_audit.model.shapes import Autoencoder, Convolutions, Denoiser, Transformer
from tests.model.tiny import enrolled_model, picture

PIXELS = {"small": 256, "sd14": 512}
SECONDS = 2.0  # for each measurement
FEW, MANY = 40, 400  # images
SIDE = 512
MEMORY_MARGIN = 32 * 2**20  # bytes


def architecture(size: str, precision: Precision) -> Architecture:
    if size == "sd14":
        return Architecture(precision=precision)
    return Architecture(
        tile=PIXELS[size],
        precision=precision,
        autoencoder=Autoencoder((32, 64, 64, 64), layers=1, groups=8),
        denoiser=Denoiser((64, 128, 192, 192), heads=4, groups=16, context=64),
        convolutions=Convolutions(64, 2),
        transformer=Transformer(192, 12, 3),
    )


def device_encoder(size: str, precision: Precision, device: torch.device) -> Encoder:
    """Return an encoder on a device, in the memory format of `judge`."""
    torch.manual_seed(0)
    with torch.device(device):
        encoder = Encoder(architecture(size, precision)).train(mode=False)
    encoder.diffusion.freeze_prompt()
    return encoder.to(device).to(memory_format=torch.channels_last)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def timings(encoder: Encoder, batch: int, side: int, device: torch.device) -> list[float]:
    """Return the seconds of each micro-batch, from the host's memory and back to it."""
    tiles = torch.rand(batch, 1, side, side)
    seconds: list[float] = []
    deadline = time.perf_counter() + SECONDS
    for number in range(1000):
        start = time.perf_counter()
        encoder(tiles.to(device)).embedding.cpu()
        wait(device)
        if number:  # the first one warms up
            seconds.append(time.perf_counter() - start)
        else:
            deadline = time.perf_counter() + SECONDS
        if time.perf_counter() > deadline and len(seconds) >= 3:
            break
    return seconds


def matrix_rate(precision: Precision, device: torch.device) -> float:
    """Return the floating-point operations a second of a large matrix product."""
    side = 8192 if device.type == "cuda" else 1024
    a, b = (torch.rand(side, side, device=device).to(precision.dtype) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        wait(device)
        start = time.perf_counter()
        a @ b
        wait(device)
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


def speed(arguments: argparse.Namespace) -> None:
    device, precision = torch.device(arguments.device), Precision(arguments.precision)
    side = PIXELS[arguments.size]
    encoder = device_encoder(arguments.size, precision, device)
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{arguments.size} at {side} px, {precision}, on {name}, torch {torch.__version__}")
    with reproducible(torch.get_num_threads()), torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            encoder(torch.rand(1, 1, side, side).to(device))
        if arguments.compiled:
            encoder.compile()
        operations, rate = counter.get_total_flops(), matrix_rate(precision, device)
        print(f"{operations / 1e9:.1f} billion operations an image; matrix product {rate / 1e12:.2f} trillion a second")
        for batch in arguments.batches:
            try:
                seconds = timings(encoder, batch, side, device)
            except torch.OutOfMemoryError:
                print(f"batch {batch:3}: out of memory")
                break
            median = statistics.median(seconds)
            milliseconds = 1000 * median / batch
            print(
                f"batch {batch:3}: median {1000 * median:8.1f} ms, {milliseconds:7.2f} ms an image, "
                f"{batch / median:7.1f} a second, {100 * operations * batch / median / rate:.0f} % of the matrix rate"
            )


def memory() -> None:
    """Compare the peaks, and fail if memory grows with the number of images."""
    peaks = []
    for count in (FEW, MANY):
        command = [sys.executable, "-P", __file__, "--judge", str(count)]
        process = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(process.stdout))
        print(f"{count} images of {SIDE} x {SIDE}: {peaks[-1] / 2**20:.0f} MiB at the peak")
    if peaks[1] > 1.05 * peaks[0] + MEMORY_MARGIN:
        sys.exit("memory grows with the number of images")


def judge(count: int) -> None:
    """Judge images, and print the peak of this process's memory."""
    model = enrolled_model(4)
    rng = np.random.default_rng(0)
    images = (picture(rng.integers(0, 60000, (SIDE, SIDE)).astype(np.uint16)) for _ in range(count))
    for _ in model.judge(images):
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(PIXELS), default="small")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=tuple(Precision), default="fp32")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--judge", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.judge:
        judge(arguments.judge)
    elif arguments.memory:
        memory()
    else:
        speed(arguments)


if __name__ == "__main__":
    main()

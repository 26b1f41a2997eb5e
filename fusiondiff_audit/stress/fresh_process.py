"""Asking the pipeline in another process, plane by plane: what is only true in company or in memory is found out."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

from attacks.images import Plane
from attacks.target import Prediction
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.stress.target import Pipeline


def fresh_process(
    source: str, digest: str, device: str, threads: int
) -> Callable[[Sequence[Plane]], Sequence[Prediction]]:
    """Return what asks a fresh process, which loads the model anew; it must be the one of this digest."""

    def ask(planes: Sequence[Plane]) -> Sequence[Prediction]:
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=fresh) as pool:
            return pool.submit(_asked, source, digest, device, threads, list(planes)).result()

    return ask


def _asked(source: str, digest: str, device: str, threads: int, planes: list[Plane]) -> list[Prediction]:
    model = DiffusionModel.from_pretrained(source, unverified=True).to(device, threads=threads)
    if model.digest != digest:
        raise ValueError(f"{source}: was sha256:{digest}, is sha256:{model.digest} now")
    with Guard() as guard:
        pipeline = Pipeline(model, guard)
        return [pipeline.predict([plane])[0] for plane in planes]

"""Predictions of a fresh process, plane by plane: they show outcomes that depend on a batch or on a process's state."""

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
    """Return a function that loads the model in a fresh process and predicts; raises if its digest is another one."""

    def predict(planes: Sequence[Plane]) -> Sequence[Prediction]:
        spawned = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawned) as pool:
            return pool.submit(_predictions, source, digest, device, threads, list(planes)).result()

    return predict


def _predictions(source: str, digest: str, device: str, threads: int, planes: list[Plane]) -> list[Prediction]:
    model = DiffusionModel.from_pretrained(source, unverified=True).to(device, threads=threads)
    if model.digest != digest:
        raise ValueError(f"{source}: was sha256:{digest}, is sha256:{model.digest} now")
    with Guard() as guard:
        pipeline = Pipeline(model, guard)
        return [pipeline.predict([plane])[0] for plane in planes]

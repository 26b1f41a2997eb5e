"""Our APGD against the toolbox's, on the embedded bundle: how many images they fool, and how long it takes.

    python -P benchmarks/apgd.py [--images 12] [--greys 1] [--steps 15] [--rounds 2]

Model, images, budget, steps and seeds are the same; rounds are interleaved. The full pipeline judges the results of
both, from files. Our attack must fool as many images, in no more time.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from art.attacks.evasion import AutoProjectedGradientDescent

from attacks.art.estimators import ArtAttack, AttackView
from attacks.gradient import Apgd
from attacks.harness import Attack, AttackPlan, AttackRun, run_attack, split_by_correctness
from attacks.images import Budget, LabelledImage, Norm
from attacks.trials import Knowledge
from fusiondiff_audit.evaluation.task import PartSizes, benchmark_task
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.inference import reproducible
from fusiondiff_audit.stress.target import Pipeline

BUNDLE = "fusion-diff-v1-ceramic"


def test_images(count: int) -> list[LabelledImage]:
    """Return images of the benchmark; the bundle was neither trained nor enrolled with any of them."""
    items = benchmark_task(0, PartSizes(train=4, test=count, microscope=0, workshop=0, kiln=0)).parts["test"]
    return [
        LabelledImage(f"test-{number}", item.pixels(), item.authentic, f"test-{number}")
        for number, item in enumerate(items)
    ][:count]


def art_apgd(budget: Budget, steps: int) -> ArtAttack:
    """Return ART's APGD on cross entropy: its other loss needs three classes."""
    settings = {"norm": np.inf, "eps": budget.size, "eps_step": 2 * budget.size, "max_iter": steps}
    make = partial(AutoProjectedGradientDescent, nb_random_init=1, batch_size=1, verbose=False, **settings)
    return ArtAttack(budget, AttackView.LOGITS, make)


def timed_run(name: str, attack: Attack, pipeline: Pipeline, images: list[LabelledImage], seed: int) -> AttackRun:
    run = run_attack(AttackPlan(name, "gradient", Knowledge.WHITE, attack), pipeline, images, seed=seed)
    if run.result.problem:
        sys.exit(f"{name}: {run.result.problem}")
    print(f"  {name:4} {len(run.result.fooled):3} of {len(images)} fooled, {run.seconds:6.1f} s", flush=True)
    return run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--greys", type=int, default=1, help="budget, of 255")
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    model = DiffusionModel.from_pretrained(BUNDLE)
    budget = Budget(Norm.LINF, arguments.greys / 255)
    attacks: dict[str, Attack] = {
        "ours": Apgd(budget, arguments.steps),
        "ART": art_apgd(budget, arguments.steps),
    }
    fooled = dict.fromkeys(attacks, 0)
    shortest = dict.fromkeys(attacks, float("inf"))
    with Guard() as guard, reproducible(model.runtime.threads):
        pipeline = Pipeline(model, guard)
        images, _ = split_by_correctness(pipeline, test_images(arguments.images))
        started = time.monotonic()
        for number in range(arguments.rounds):
            for name in list(attacks)[:: 1 if number % 2 == 0 else -1]:
                run = timed_run(name, attacks[name], pipeline, images, seed=number)
                fooled[name] += len(run.result.fooled)
                shortest[name] = min(shortest[name], run.seconds)
    ratio = shortest["ours"] / shortest["ART"]
    print(
        f"{arguments.rounds} rounds in {time.monotonic() - started:.0f} s; shortest time, ours over ART's: {ratio:.2f}"
    )
    print(f"fooled in all: ours {fooled['ours']}, ART's {fooled['ART']}")
    if ratio > 1 or fooled["ours"] < fooled["ART"]:
        sys.exit("our attack fools fewer images, or takes longer")


if __name__ == "__main__":
    main()

"""Our APGD against the toolbox's, on the embedded bundle: how many pictures they fool, and how long it takes.

    python -P benchmarks/apgd.py [--images 12] [--greys 1] [--steps 15] [--rounds 2]

Same model, same pictures, same budget, steps and seeds; rounds are interleaved. Both are judged by the full pipeline,
from files. Ours must fool as many, in no more time.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

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


def pictures(count: int) -> list[LabelledImage]:
    """Return pictures of the benchmark, of which the bundle knows none."""
    items = benchmark_task(0, PartSizes(train=4, test=count, microscope=0, workshop=0, kiln=0)).parts["test"]
    return [
        LabelledImage(f"test-{number}", item.pixels(), item.authentic, f"test-{number}")
        for number, item in enumerate(items)
    ][:count]


def art_apgd(budget: Budget, steps: int) -> ArtAttack:
    """Return ART's APGD on cross entropy, since its other loss needs three classes."""

    def make(estimator: Any, within: Budget) -> Any:
        size = within.size
        return AutoProjectedGradientDescent(
            estimator, np.inf, size, 2 * size, steps, nb_random_init=1, batch_size=1, verbose=False
        )

    return ArtAttack(budget, AttackView.LOGITS, make)


def attacked(name: str, attack: Attack, pipeline: Pipeline, worth: list[LabelledImage], seed: int) -> AttackRun:
    """Run one attack, and say what came of it."""
    done = run_attack(AttackPlan(name, "gradient", Knowledge.WHITE, attack), pipeline, worth, seed=seed)
    if done.result.problem:
        sys.exit(f"{name}: {done.result.problem}")
    print(f"  {name:4} {len(done.result.fooled):3} of {len(worth)} fooled, {done.seconds:6.1f} s", flush=True)
    return done


def main() -> None:
    """Compare."""
    ask = argparse.ArgumentParser()
    ask.add_argument("--images", type=int, default=12)
    ask.add_argument("--greys", type=int, default=1, help="budget, of 255")
    ask.add_argument("--steps", type=int, default=15)
    ask.add_argument("--rounds", type=int, default=2)
    said = ask.parse_args()
    model = DiffusionModel.from_pretrained(BUNDLE)
    budget = Budget(Norm.LINF, said.greys / 255)
    attacks: dict[str, Attack] = {
        "ours": Apgd(budget, said.steps),
        "ART": art_apgd(budget, said.steps),
    }
    fooled = dict.fromkeys(attacks, 0)
    best = dict.fromkeys(attacks, float("inf"))
    with Guard() as guard, reproducible(model.runtime.threads):
        pipeline = Pipeline(model, guard)
        worth, _ = split_by_correctness(pipeline, pictures(said.images))
        started = time.monotonic()
        for number in range(said.rounds):
            for name in list(attacks)[:: 1 if number % 2 == 0 else -1]:
                done = attacked(name, attacks[name], pipeline, worth, seed=number)
                fooled[name] += len(done.result.fooled)
                best[name] = min(best[name], done.seconds)
    ratio = best["ours"] / best["ART"]
    print(f"{said.rounds} rounds in {time.monotonic() - started:.0f} s; least time, ours over ART's: {ratio:.2f}")
    print(f"fooled in all: ours {fooled['ours']}, ART's {fooled['ART']}")
    if ratio > 1 or fooled["ours"] < fooled["ART"]:
        sys.exit("ours is not as good")


if __name__ == "__main__":
    main()

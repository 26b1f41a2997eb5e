"""The verb `stress`."""

import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

import signing
from fusiondiff_audit import __version__
from fusiondiff_audit.cli.answer import Answer, answering, say, say_some
from fusiondiff_audit.cli.options import PATH, ComputeDevice, TrustContext, open_key, passphrase_option, trust_options
from fusiondiff_audit.cli.progress import ProgressLine, with_progress
from fusiondiff_audit.cli.stress_answer import answer_of
from fusiondiff_audit.cli.text import count, duration_text
from fusiondiff_audit.extras import require
from fusiondiff_audit.inputs.labels import read_labels

if TYPE_CHECKING:
    from attacks.suite import Suite
    from fusiondiff_audit.stress.forecast import Forecast

_SHOWN = 5  # messages


@click.command()
@click.option("--model", "bundle", metavar="MODEL", required=True, help="An enrolled bundle: a folder, or a name.")
@click.option(
    "--data",
    "folder",
    metavar="DIR",
    type=PATH,
    required=True,
    help="Micrographs of specimens that it was not enrolled with.",
)
@click.option("--labels", type=PATH, required=True, help="CSV: file, label, and optionally specimen.")
@click.option("--key", type=PATH, required=True, help="The auditor's private key, Ed25519; it signs the result.")
@click.option(
    "--policy", "rules", required=True, metavar="POLICY", help="quick, full, exhaustive, or your own stress.toml."
)
@click.option("--out", type=PATH, required=True, help="Where the result goes: a new folder.")
@click.option("--baseline", type=PATH, help="An earlier signed result to compare with, image by image.")
@click.option("--first", is_flag=True, help="There is no earlier result; gates that compare are skipped.")
@click.option("--junit", type=PATH, help="Also write the result as JUnit XML, to this new file.")
@click.option("--sarif", type=PATH, help="Also write it as SARIF 2.1.0, to this new file.")
@click.option("--device", type=ComputeDevice(), default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@passphrase_option
@answering()
@trust_options
def command(
    bundle: str,
    folder: Path,
    labels: Path,
    key: Path,
    rules: str,
    out: Path,
    baseline: Path | None,
    first: bool,
    junit: Path | None,
    sarif: Path | None,
    device: str,
    passphrase_files: tuple[Path, ...],
    trust: TrustContext,
) -> Answer:
    """Attack a model, and sign the outcome.

    --policy takes the name of a built-in policy or a stress.toml, with attacks, checks of the run itself, and gates; an
    audit.toml is for `audit`, and names the stress policies that count. The result of an attack is clipped to its
    budget, saved, loaded and judged again by the whole pipeline. PASSED means that every gate was passed and every
    selected check held. If a gate failed, the outcome is FAILED, with exit code 1. If a check failed, an attack raised
    an error or a gate has too few images, the outcome is INCONCLUSIVE, with exit code 6. `quick` takes minutes and can
    find a regression; it cannot show that a model is robust.

    One image of each labelled specimen is attacked. Specimens that the model was enrolled with, or that its encoder was
    trained with, are no evidence and are set aside: by their name, and by the pixels of any of their images. If the
    labels name no specimens, each image counts as one. The first result of a model is made with --first; later ones
    name it, or the latest, as --baseline, and are compared with it image by image.

    \b
    fusiondiff-audit stress --model alder --data held-out --labels held-out/labels.csv \\
        --policy quick --trust trust.json --key auditor.pem --out stressed --baseline last/robustness.sigstore.json
    """
    require("audit", "attacking a model")
    from fusiondiff_audit.auditing.auditor import Auditor
    from fusiondiff_audit.policy.stress import read_stress_policy

    if first and baseline is not None:
        raise click.UsageError("--first says that there is no earlier result, but --baseline names one")
    _refuse_unfit(out, junit, sarif)
    policy = read_stress_policy(rules)
    if not first and baseline is None and any(gate.metric == "regressions" for gate in policy.gates):
        fault = f"the policy {policy.name!r} compares with an earlier result"
        raise click.UsageError(f"{fault}: give --baseline RESULT, or --first, which says that there is none")
    file_labels = read_labels(labels)
    auditor = Auditor.of(open_key(key, passphrase_files), trust.store, str(key))
    # What follows imports torch and the toolbox, which takes seconds.
    from attacks.suite import run_suite
    from fusiondiff_audit.images.guard import Guard
    from fusiondiff_audit.model.classifier import DiffusionModel
    from fusiondiff_audit.model.inference import reproducible
    from fusiondiff_audit.origin import check_origin
    from fusiondiff_audit.page.stress import render_stress
    from fusiondiff_audit.stress.baseline import open_baseline
    from fusiondiff_audit.stress.enrolment import poison_test_of
    from fusiondiff_audit.stress.examples import examples_of
    from fusiondiff_audit.stress.forecast import forecast
    from fusiondiff_audit.stress.fresh_process import fresh_process
    from fusiondiff_audit.stress.result import Circumstances, result_of
    from fusiondiff_audit.stress.selection import select_images
    from fusiondiff_audit.stress.suite import poisons_of, policy_place, suite_of
    from fusiondiff_audit.stress.target import Pipeline
    from reports.stress.junit import to_junit
    from reports.stress.result import RESULT, STRESS_PAGE, sign_stress_result
    from reports.stress.sarif import to_sarif

    suite, plans = suite_of(policy, rules), poisons_of(policy, rules)
    say(f"policy {policy.name}, sha256:{policy.digest}")
    model = DiffusionModel.from_pretrained(bundle, trust=trust.store).to(device)
    earlier = None
    if baseline is not None:
        earlier = open_baseline(baseline, trust.store, model=model.title, policy=policy)
    circumstances = Circumstances(model, policy, auditor.name, check_origin(), earlier)
    threads = model.runtime.threads
    with Guard() as guard, reproducible(threads):
        pipeline = Pipeline(model, guard)
        number_of_specimens = len({label.specimen for label in file_labels.values()})

        pick = partial(
            select_images,
            folder,
            file_labels,
            model,
            guard,
            side=policy.side,
            seed=suite.seed,
            watch=lambda specimens: with_progress(specimens, activity="reading", total=number_of_specimens),
        )
        chosen, poison_test = pick(count=policy.images), None
        lost, remarks = chosen.unusable, chosen.remarks
        if plans:
            to_enrol = pick(count=policy.enrolled, except_for={image.specimen for image in chosen.images})
            lost = tuple(dict.fromkeys((*lost, *to_enrol.unusable)))
            remarks += tuple(f"of the images to enrol: {remark}" for remark in to_enrol.remarks)
            poison_test = poison_test_of(model, pipeline, to_enrol.images, chosen.images, plans, policy.detectors)
        say_some(lost, most=_SHOWN, word="REFUSED")
        for remark in remarks:
            say(remark)
        _say_cost(forecast(pipeline, chosen.images[0], policy), suite, len(plans))
        started = time.monotonic()
        with ProgressLine("attacking") as progress:

            def watch(what: str, done: int, total: int) -> None:
                if what != progress.activity and not sys.stderr.isatty():  # the log of a long run shows its progress
                    say(f"{what}, after {duration_text(time.monotonic() - started)}")
                progress.of(what)(done, total)

            outcome = run_suite(
                suite,
                pipeline,
                chosen.images,
                clock=signing.now,
                fresh_process=fresh_process(bundle, model.digest, device, threads),
                baseline=None if earlier is None else earlier.held_images,
                smallest_changes=None if earlier is None else earlier.smallest_changes(model.digest),
                progress=watch,
                first=first,
                poison_test=poison_test,
            )
    result = result_of(outcome, circumstances, images=len(chosen.images))
    signed = sign_stress_result(result, auditor.key)
    out.mkdir(parents=True)
    signing.create(out / RESULT, signed)
    page = render_stress(result, examples_of(outcome, chosen.images), remarks, origin=circumstances.origin)
    signing.create(out / STRESS_PAGE, page)
    if junit is not None:
        signing.create(junit, to_junit(result))
    if sarif is not None:
        where, lines = policy_place(rules, policy)
        before = None if earlier is None else earlier.result
        signing.create(sarif, to_sarif(result, policy=where, lines=lines, version=__version__, before=before))
    return answer_of(outcome, result, out, trust, remarks)


def _refuse_unfit(*paths: Path | None) -> None:
    """Refuse, before any work, outputs that exist, coincide or have no folder."""
    known = [path for path in paths if path is not None]
    signing.refuse_existing(*known)
    if len({path.resolve() for path in known}) != len(known):
        raise click.UsageError("two outputs have the same name")
    for path in known[1:]:  # the folder --out is created, with its parents
        if not path.parent.is_dir():
            raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{path}: there is no folder {path.parent}")


def _say_cost(ahead: "Forecast", suite: "Suite", poisons: int) -> None:
    """Print the cost of the suite before it starts."""
    cost = f"about {ahead.cost.queries:,.0f} queries and {ahead.cost.passes:,.0f} passes of its surrogate"
    parts = [(len(suite.plans), "attack"), *([(poisons, "poison")] if poisons else []), (len(suite.checks), "check")]
    *most, last = (count(number, name) for number, name in parts)
    what = f"{', '.join(most)} and {last}"
    say(f"{what}: {cost}, {duration_text(ahead.seconds) if ahead.seconds else 'for an unknown time'}")
    if ahead.seconds and ahead.seconds > suite.seconds:
        say(f"the policy stops it after {duration_text(suite.seconds)}; what has not ended by then is INCONCLUSIVE")

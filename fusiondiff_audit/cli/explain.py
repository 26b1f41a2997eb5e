"""The verb `explain`."""

from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.bundle import open_bundle
from fusiondiff_audit.cli.options import PATH
from fusiondiff_audit.cli.text import table
from fusiondiff_audit.extras import require


@click.command()
@click.argument("file", metavar="FILE", type=PATH)
@click.option("--model", "bundle", metavar="MODEL", required=True, help="An enrolled bundle: a folder, or a name.")
@click.option("--trust", "trust_path", type=PATH, help="Trust store for MODEL, unless it comes with the tool.")
@click.option("--out", type=PATH, required=True, help="The PNG to write.")
@answering()
def command(file: Path, bundle: str, trust_path: Path | None, out: Path) -> Answer:
    """Show why a micrograph gets its score.

    It is for research: FILE may be unsigned, and the result is no verdict. OUT shows the prepared micrograph, the
    regions that speak for and against, the score and the gate of each tile, and the residual if the bundle computes
    one. The nearest enrolled specimens are named.

    \b
    fusiondiff-audit explain micrographs/0001.tif --model fusion-diff-v1-ceramic --out why.png
    """
    require("audit", "explaining a score")
    from fusiondiff_audit.images.guard import Guard
    from fusiondiff_audit.images.micrograph import LooseFile, decode
    from fusiondiff_audit.model.explain import describe_finding, explain_finding
    from fusiondiff_audit.model.explain_figure import render_explanation

    signing.refuse_existing(out)
    model = open_bundle(bundle, trust_path)
    with Guard() as guard:
        sample = decode(LooseFile.read(file), guard=guard)
    explanation = explain_finding(model, sample)
    signing.create(out, render_explanation(explanation))
    finding = explanation.finding
    near = ", ".join(f"{n.specimen} ({'authentic' if n.authentic else 'counterfeit'})" for n in explanation.nearest)
    rows = [
        ("authentic as", model.settings.reference or ""),
        ("score", describe_finding(finding)),
        ("gate", "-" if finding.gate is None else f"{finding.gate:.3f}, where 1 is the local path"),
        ("nearest", near or "-"),
    ]
    data = {
        "file": str(file),
        "score": finding.score,
        "gate": finding.gate,
        "faults": list(finding.quality.faults),
        "nearest": [
            {"specimen": n.specimen, "authentic": n.authentic, "distance": n.distance} for n in explanation.nearest
        ],
        "demonstration": explanation.demonstration,
        "verified": model.verified,
    }
    prefix = "DEMONSTRATION. " if explanation.demonstration else ""
    unverified = "" if model.verified else "; the model is unverified"
    return Answer("DONE", f"{prefix}{out} explains the score; it is no verdict{unverified}", table(rows), data)

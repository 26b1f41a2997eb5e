"""A small laboratory's first day: two folders enrolled, no stress test yet, and photographs of anything audited.

    python -m tests.small_lab FOLDER OUT

FOLDER holds `ebc` and `super` of NASA's benchmark of micrographs (benchmark_segmentation_data of
nasa/pretrained-microscopy-models); they are enrolled as two classes on the bundle that comes along, half of the
specimens to calibrate. Four photographs of scikit-image and one enrolled picture are audited. It ends with an error
unless none is AUTHENTIC or COUNTERFEIT and the summary for policy engines fails.
"""

import base64
import csv
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import skimage.data
import tifffile

from fusiondiff_audit.cli import verbs
from fusiondiff_audit.cli.answer import run_verbs
from fusiondiff_audit.weights.pins import PINNED
from reports.verdict.issue import REPORT, SUMMARY

PHOTOGRAPHS = ("camera", "coins", "page", "moon")  # these lie in scikit-image's wheel
POLICY = 'name = "first-day"\n[robustness]\nresult = "optional"\n'
Call = Callable[..., int]


def photographs(folder: Path, side: int | None = None) -> None:
    """Write photographs that show no ceramic, or their upper left corners."""
    folder.mkdir(exist_ok=True)
    for name in PHOTOGRAPHS:
        tifffile.imwrite(folder / f"{name}.tif", getattr(skimage.data, name)()[:side, :side])


def predicate_of(signed: Path) -> Any:
    """Return what a signed statement says."""
    return json.loads(base64.b64decode(json.loads(signed.read_bytes())["dsseEnvelope"]["payload"]))["predicate"]


def keys(call: Call) -> None:
    """Make keys and a trust store in the current folder."""
    roles = ("device", "labeller", "model", "auditor")
    for role in ("root", *roles):
        call("keygen", "--role", role, "--out", f"{role}.pem", "--no-passphrase")
    listed = [word for role in roles for word in ("--add", f"{role}={role}.pub.pem")]
    call("trust", "init", "--root-key", "root.pem", *listed, "--out", "trust.json")


def label(source: Path, folder: Path) -> None:
    """Link the micrographs of two folders into one, with labels: specimens by the first parts of the files' names."""
    folder.mkdir()
    rows = [("file", "label", "specimen", "use")]
    for kind, what in (("ebc", "authentic"), ("super", "counterfeit")):
        files = sorted((source / kind).glob("*.png"))
        names = sorted({specimen_of(file, kind) for file in files})
        for file in files:
            (folder / file.name).write_bytes(file.read_bytes())
            name = specimen_of(file, kind)
            rows.append((file.name, what, name, "calibrate" if names.index(name) % 2 else "enrol"))
    with (folder / "labels.csv").open("w", newline="") as out:
        csv.writer(out).writerows(rows)


def specimen_of(file: Path, kind: str) -> str:
    """Return the specimen that a file's name tells of."""
    return f"{kind} {'_'.join(file.stem.split('_')[:2])}" if kind == "ebc" else f"{kind} {file.stem}"


def audited(call: Call, model: str) -> Any:
    """Audit the folder `asked` by a policy that asks for no stress test, verify the report, and return its summary."""
    Path("first-day.toml").write_text(POLICY)
    call("sign", "asked", "--key", "device.pem", "--device", "sem-1")
    words = ("--trust", "trust.json", "--key", "auditor.pem", "--no-ledger", "--policy", "first-day.toml")
    call("audit", "asked", "--model", model, *words, "--out", "report")
    call("verify", "report", "--trust", "trust.json", "--images", "asked", "--model", model)
    return predicate_of(Path("report", SUMMARY))


def main(source: Path, out: Path) -> None:
    """Walk the whole way in a new folder."""
    source = source.absolute()
    out.mkdir()
    os.chdir(out)

    def call(*words: str) -> int:
        print("$ fusiondiff-audit", *words, flush=True)
        if code := run_verbs(verbs, words):
            sys.exit(f"{words[0]} ended with {code}")
        return code

    keys(call)
    label(source, Path("labelled"))
    call("sign", "labelled", "--key", "labeller.pem", "--device", "bench")
    base = next(iter(PINNED))
    words = ("--reference", "NASA's coatings", "--model", base, "--trust", "trust.json", "--key", "model.pem")
    call("enrol", "labelled", *words, "--out", "birch")
    photographs(Path("asked"))
    enrolled = min(Path("labelled").glob("*.png"))
    Path("asked", "enrolled.png").write_bytes(enrolled.read_bytes())
    found = audited(call, "birch")
    rows = predicate_of(Path("report", REPORT))["images"]
    for row in rows:
        print(row["name"], row["verdict"], *row["reasons"], row["judged"] and row["judged"]["score"])
    print("verificationResult", found["verificationResult"])
    answers = [row["name"] for row in rows if row["verdict"] in ("AUTHENTIC", "COUNTERFEIT")]
    if answers or found["verificationResult"] != "FAILED":
        sys.exit(f"an answer on {answers}, or a summary that passed")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

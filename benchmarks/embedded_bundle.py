"""Make the bundle that comes with the tool: what `pretrain kiln` made, enrolled with made-up specimens of one kiln.

    fusiondiff-audit pretrain kiln --mixed --out seen
    python -P benchmarks/embedded_bundle.py seen benchmarks/embedded_bundle.md

It writes fusiondiff_audit/bundles/NAME, signs it with a key that exists for this one signature and nowhere else, and
prints the pin for weights/pins.py. The public half of the key lies beside the bundle. What was measured of it, what it
is not for and what its training took stands in the second file, and goes into the model card.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
import signing
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, Micrograph, decode
from fusiondiff_audit.inputs.labels import Use, read_labels
from fusiondiff_audit.kiln.folder import FolderSpec, labels_csv, make_files
from fusiondiff_audit.kiln.parallel import available_cores
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample
from fusiondiff_audit.weights.pins import BUNDLES

REFERENCE = "procedural kiln Alder, demonstration"
SPECIMENS = 48  # of each class: half to learn from, half to calibrate
SEED = 2026
TOOK = "### What it took"  # what comes before it tells of the encoder


def examples(folder: Path) -> Iterator[tuple[Micrograph, LabelledExample]]:
    """Yield made-up pictures with their labels, through files, as a laboratory's would come."""
    order = FolderSpec(kiln="alder", specimens=SPECIMENS, fields=1, side=512, seed=SEED)
    made = sorted(
        (one for shot in make_files(order, workers=available_cores()) for one in shot), key=lambda one: one.name
    )
    for one in made:
        (folder / one.name).write_bytes(one.data)
    (folder / "labels.csv").write_text(labels_csv(made))
    with Guard() as guard:
        for name, said in sorted(read_labels(folder / "labels.csv").items()):
            seen = decode(LooseFile.read(folder / name), guard=guard)
            yield seen, LabelledExample(seen.pixel_digest, said.specimen, said.authentic, said.use is Use.CALIBRATE)


def main() -> None:
    """Enrol, sign, and print the pin."""
    if len(sys.argv) != 3:
        sys.exit("say the folder of a bundle that `pretrain` made, and the file that says what it is worth")
    told = Path(sys.argv[2]).read_text(encoding="utf-8").strip()
    if not told.startswith(TOOK):
        sys.exit(f"{sys.argv[2]}: does not begin with `{TOOK}`, from where on it replaces what was told")
    seen = DiffusionModel.from_pretrained(sys.argv[1], unverified=True)
    seen.provenance = f"{seen.provenance.partition(TOOK)[0].strip()}\n\n{told}"
    name = seen.settings.name
    with tempfile.TemporaryDirectory() as folder:
        learning = ForestSettings(trees=300, seed=SEED)
        made = seen.enrol(examples(Path(folder)), reference=REFERENCE, learning=learning, demonstration=True)
    key = signing.PrivateKey.generate(signing.Algorithm.P256)
    BUNDLES.mkdir(exist_ok=True)
    made.save(BUNDLES / name, key=key)
    signing.create(BUNDLES / f"{name}.pub.pem", key.public.pem.encode(), force=True)
    _, manifest = signing.read_model_claims(BUNDLES / name)
    size = sum(path.stat().st_size for path in (BUNDLES / name).iterdir())
    print(f"{BUNDLES / name}: {size / 2**20:.1f} MiB\npin {signing.list_digest(manifest.resources)}")


if __name__ == "__main__":
    main()

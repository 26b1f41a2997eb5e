"""Make the embedded bundle: an encoder of `pretrain kiln`, enrolled with synthetic specimens of one kiln.

    fusiondiff-audit pretrain kiln --mixed --out pretrained
    python -P benchmarks/embedded_bundle.py pretrained benchmarks/embedded_bundle.md

It writes fusiondiff_audit/bundles/NAME, signs it with a new key that is used once and not kept, and prints the pin for
fusiondiff_audit/weights/pins.py. The public key is written beside the bundle. The second file has the measurements,
limits and training cost for the model card.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
import signing
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, Micrograph, decode
from fusiondiff_audit.images.quality import is_assessable
from fusiondiff_audit.inputs.labels import read_labels
from fusiondiff_audit.kiln.folder import FolderSpec, labels_csv, make_files
from fusiondiff_audit.kiln.parallel import available_cores
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample
from fusiondiff_audit.training.imaging import ImagedFile, check_imaging, imaging_facts
from fusiondiff_audit.weights.pins import BUNDLES

REFERENCE = "procedural kiln Alder, demonstration"
SPECIMENS = 48  # of each class
SEED = 2026
DEVICE = "sem-1"  # as `fusiondiff-audit demo` names the device that signs its batch
COST_HEADING = "### What it took"  # the part of the model card before it describes the encoder


def examples(folder: Path, imaged: list[ImagedFile]) -> Iterator[tuple[Micrograph, LabelledExample]]:
    """Yield synthetic micrographs with their labels, decoded from files; facts about them are appended to `imaged`."""
    spec = FolderSpec(kiln="alder", specimens=SPECIMENS, fields=2, side=512, seed=SEED)
    drawn = make_files(spec, usable=is_assessable, workers=available_cores())
    files = sorted((file for shot in drawn for file in shot), key=lambda file: file.name)
    for file in files:
        (folder / file.name).write_bytes(file.data)
    (folder / "labels.csv").write_text(labels_csv(files))
    with Guard() as guard:
        for name, label in sorted(read_labels(folder / "labels.csv").items()):
            micrograph = decode(LooseFile.read(folder / name), guard=guard)
            example = LabelledExample(
                micrograph.pixel_digest, label.specimen, label.authentic, label.maker, label.session, DEVICE
            )
            imaged.append(ImagedFile(example, imaging_facts(micrograph, example)))
            yield micrograph, example


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("usage: embedded_bundle.py BUNDLE CARD_TEXT")
    card_text = Path(sys.argv[2]).read_text(encoding="utf-8").strip()
    if not card_text.startswith(COST_HEADING):
        sys.exit(
            f"{sys.argv[2]}: does not begin with `{COST_HEADING}`, the heading from which it replaces the model card"
        )
    pretrained = DiffusionModel.from_pretrained(sys.argv[1], unverified=True)
    pretrained.provenance = f"{pretrained.provenance.partition(COST_HEADING)[0].strip()}\n\n{card_text}"
    name = pretrained.settings.name
    forests, imaged = ForestSettings(trees=300, seed=SEED), list[ImagedFile]()
    with tempfile.TemporaryDirectory() as folder:
        images = examples(Path(folder), imaged)
        bundle = pretrained.enrol(images, reference=REFERENCE, learning=forests, demonstration=True)
    bundle.settings = replace(bundle.settings, confounding=check_imaging(imaged, bundle.head.enrolled))
    key = signing.PrivateKey.generate(signing.Algorithm.P256)
    BUNDLES.mkdir(exist_ok=True)
    bundle.save(BUNDLES / name, key=key)
    signing.create(BUNDLES / f"{name}.pub.pem", key.public.pem.encode(), force=True)
    _, manifest = signing.read_model_claims(BUNDLES / name)
    size = sum(path.stat().st_size for path in (BUNDLES / name).iterdir())
    print(f"{BUNDLES / name}: {size / 2**20:.1f} MiB\npin {signing.list_digest(manifest.resources)}")


if __name__ == "__main__":
    main()

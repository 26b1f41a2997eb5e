"""The papers of a bundle: a model card for people, and a bill of materials for machines (CycloneDX 1.6)."""

import json
from collections.abc import Mapping
from importlib.metadata import version

from fusiondiff_audit.model.settings import Settings

PROVENANCE_HEADING = "## How the encoder came to be"
_MOST_TOLD = 2 * 1024 * 1024  # bytes: more than a recipe may have
_COMPUTES = ("diffusers", "numpy", "scikit-learn", "timm", "torch")
_LIMITS = (
    "A finding means `authentic as` the reference above and nothing else.",
    "Accuracy on other objects, instruments or laboratories was not measured, unless a table below says so.",
    "It tells nothing of age, provenance or value.",
)


def card(settings: Settings, provenance: str = "") -> bytes:
    """Return MODEL_CARD.md; `provenance` tells how the encoder was made, and is copied to derived bundles."""
    made = settings.architecture
    rows = {
        **({} if settings.base is None else {"enrolled on": settings.base}),
        "authentic as": settings.reference or "nothing yet: this encoder is not enrolled",
        "demonstration": "yes" if settings.demonstration else "no",
        "tile": f"{made.tile} x {made.tile} pixels"
        + (f" at {settings.geometry.nanometres} nm" if settings.geometry.nanometres else ", at any scale"),
        "blocks read": ", ".join(made.reading.blocks),
        "at timesteps": ", ".join(map(str, made.reading.timesteps)),
        "fusion": f"{made.fusion}, {made.width} numbers",
        "descriptors of the surface": f"{made.feature_dim - made.width} numbers" if made.surface else "none",
        "said along": f"{made.directions} directions" if made.directions else "no directions: as it is",
        "precision": made.precision.value,
        "examples learnt from": _counted(settings, calibrates=False),
        "examples to calibrate": _counted(settings, calibrates=True),
        "labelled pictures that the encoder saw": str(len(settings.seen)),
    }
    table = "\n".join(f"| {name} | {_cell(value)} |" for name, value in rows.items())
    limits = "\n".join(f"- {line}" for line in _LIMITS)
    front = f"---\nlibrary_name: fusiondiff-audit\npipeline_tag: image-classification\n---\n\n# {settings.name}\n"
    more = f"\n{PROVENANCE_HEADING}\n\n{provenance.strip()}\n" if provenance else ""
    return f"{front}\n| | |\n|---|---|\n{table}\n\n## What it does not say\n\n{limits}\n{more}".encode()


def read_provenance(data: bytes) -> str:
    """Return what a card tells of how the encoder came to be; of one that is too long to be read, nothing."""
    if len(data) > _MOST_TOLD:
        return ""
    return data.decode(errors="replace").partition(f"\n{PROVENANCE_HEADING}\n")[2].strip()


def sbom(settings: Settings, digests: Mapping[str, str]) -> bytes:
    """Return sbom.cdx.json: the model, its files by their SHA-256, and the libraries that it was made with."""
    said = f"authentic as: {settings.reference or 'nothing yet, it is not enrolled'}"
    model = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": settings.name,
        "components": [
            {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}
            for name, digest in digests.items()
        ],
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "supervised" if settings.reference else "self-supervised"},
                "task": "classification",
                "architectureFamily": "FusionDiff",
                "datasets": [
                    {"type": "dataset", "name": name, "description": text} for name, text in _datasets(settings)
                ],
                "inputs": [{"format": f"grey tiles of {settings.architecture.tile} pixels"}],
                "outputs": [{"format": "share of trees that hold a picture for authentic"}],
            },
            "considerations": {"useCases": [said], "technicalLimitations": list(_LIMITS)},
        },
    }
    libraries = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{version(name)}",
            "name": name,
            "version": version(name),
            "purl": f"pkg:pypi/{name}@{version(name)}",
        }
        for name in _COMPUTES
    ]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": model},
        "components": libraries,
        "dependencies": [{"ref": "model", "dependsOn": [library["bom-ref"] for library in libraries]}],
    }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def _datasets(settings: Settings) -> list[tuple[str, str]]:
    """Return what a model learnt from, by name; of what its encoder saw, the card tells."""
    learnt, kept = (_counted(settings, calibrates=use) for use in (False, True))
    enrolled = f"learnt from {learnt} pictures, calibrated on {kept}; bundle.json has the digest of each"
    return [(settings.reference, enrolled)] if settings.reference else []


def _counted(settings: Settings, *, calibrates: bool) -> str:
    used = [example.authentic for example in settings.examples if example.calibrates is calibrates]
    return f"{sum(used)} authentic, {len(used) - sum(used)} counterfeit"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")

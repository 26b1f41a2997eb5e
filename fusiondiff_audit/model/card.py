"""Documents of a bundle: a model card for people, and a bill of materials for machines (CycloneDX 1.6)."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from fusiondiff_audit.model.enrolment_summary import SummaryTable, enrolment_tables
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.model.shapes import TrunkShape
from fusiondiff_audit.model.texture import TEXTURE_DIM
from fusiondiff_audit.weights.pins import CNNS

PROVENANCE_HEADING = "## How the encoder came to be"
_MAX_PROVENANCE = 2 * 1024 * 1024  # bytes: more than a recipe may have
_COMPUTES = ("diffusers", "numpy", "scikit-learn", "timm", "torch")
_LIMITS = (
    "A finding means `authentic as` the reference above and nothing else.",
    "Accuracy on other objects, instruments or laboratories was not measured, unless a table says so.",
    "A finding states nothing about age, provenance or value.",
)


def card(settings: Settings, provenance: str = "") -> bytes:
    """Return MODEL_CARD.md; `provenance` tells how the encoder was made, and is copied to derived bundles."""
    architecture = settings.architecture
    rows = {
        **({} if settings.base is None else {"enrolled on": settings.base}),
        "authentic as": settings.reference or "nothing: this encoder is not enrolled",
        "demonstration": "yes" if settings.demonstration else "no",
        "tile": f"{architecture.tile} x {architecture.tile} pixels"
        + (f" at {settings.geometry.nanometres} nm" if settings.geometry.nanometres else ", at any scale"),
        "UNet blocks": ", ".join(architecture.reading.blocks),
        "timesteps": ", ".join(map(str, architecture.reading.timesteps)),
        "fusion": f"gated, {architecture.width} dimensions",
        "texture descriptors": f"{TEXTURE_DIM}" if architecture.surface else "none",
        **({} if architecture.trunk is None else {"pretrained CNN": _trunk_title(architecture.trunk)}),
        "projection": f"{architecture.directions} directions" if architecture.directions else "none",
        "precision": architecture.precision.value,
        "enrolled images": _counted(settings),
        "labelled images that the encoder was trained with": str(len(settings.seen)),
    }
    table = "\n".join(f"| {name} | {_cell(value)} |" for name, value in rows.items())
    limits = "\n".join(f"- {line}" for line in _LIMITS)
    front = f"---\nlibrary_name: fusiondiff-audit\npipeline_tag: image-classification\n---\n\n# {settings.name}\n"
    history = f"\n{PROVENANCE_HEADING}\n\n{provenance.strip()}\n" if provenance else ""
    enrolment = "".join(f"\n## {part.title}\n\n{_markdown(part)}\n" for part in _enrolment(settings))
    enrolment += _trunk_section(architecture.trunk)
    return f"{front}\n| | |\n|---|---|\n{table}\n{enrolment}\n## Limits\n\n{limits}\n{history}".encode()


def read_provenance(data: bytes) -> str:
    """Return how the encoder was made, from a model card; empty if the card is too long."""
    if len(data) > _MAX_PROVENANCE:
        return ""
    return data.decode(errors="replace").partition(f"\n{PROVENANCE_HEADING}\n")[2].strip()


def sbom(settings: Settings, digests: Mapping[str, str]) -> bytes:
    """Return sbom.cdx.json: the model, its files with their SHA-256, and the libraries that it was made with."""
    use_case = f"authentic as: {settings.reference or 'nothing, it is not enrolled'}"
    model: dict[str, Any] = {
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
                "outputs": [{"format": "share of trees that say authentic"}],
            },
            "considerations": {"useCases": [use_case], "technicalLimitations": list(_LIMITS)},
        },
    }
    if settings.architecture.trunk is not None:
        model["pedigree"] = {"ancestors": [_trunk_component(settings.architecture.trunk)]}
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


def _trunk_title(trunk: TrunkShape) -> str:
    averaged = f", of {trunk.averaged} x {trunk.averaged} pixels averaged" if trunk.averaged > 1 else ""
    components = f", {trunk.components} components" if trunk.components else ""
    return f"{trunk.network}, frozen, stages {', '.join(map(str, trunk.stages))}{averaged}{components}"


def _trunk_section(trunk: TrunkShape | None) -> str:
    """Return the section on where a trunk's weights come from."""
    if trunk is None:
        return ""
    lines = [f"{trunk.network}, of a file with SHA-256 `{trunk.weights}`", *_trunk_origin(trunk)]
    return "\n## Pretrained CNN\n\n" + "".join(f"- {line.removesuffix('.')}.\n" for line in lines)


def _trunk_origin(trunk: TrunkShape) -> tuple[str, ...]:
    cnn = CNNS.get(trunk.weights)
    if cnn is None:
        return ("Licence and training data of this file are not known to this version",)
    return f"Licence: {cnn.licence}", f"Source: {cnn.source}", cnn.provenance


def _trunk_component(trunk: TrunkShape) -> dict[str, Any]:
    """Return the network that a trunk was taken from, for the bill of materials."""
    component = {
        "type": "machine-learning-model",
        "bom-ref": "trunk",
        "name": trunk.network,
        "description": ". ".join(line.removesuffix(".") for line in _trunk_origin(trunk)) + ".",
        "hashes": [{"alg": "SHA-256", "content": trunk.weights}],
    }
    cnn = CNNS.get(trunk.weights)
    return component if cnn is None else component | {"licenses": [{"license": {"id": cnn.licence}}]}


def _datasets(settings: Settings) -> list[tuple[str, str]]:
    """Return the names and descriptions of the enrolled data sets."""
    enrolled = f"{_counted(settings)} images; bundle.json has the digest of each"
    return [(settings.reference, enrolled)] if settings.reference else []


def _counted(settings: Settings) -> str:
    used = [example.authentic for example in settings.examples]
    return f"{sum(used)} authentic, {len(used) - sum(used)} counterfeit"


def _enrolment(settings: Settings) -> tuple[SummaryTable, ...]:
    return enrolment_tables(settings) if settings.examples else ()


def _markdown(part: SummaryTable) -> str:
    lines = [part.head, ("---",) * len(part.head), *part.rows] if part.rows else []
    table = "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
    sentences = "\n".join(f"- {sentence}" for sentence in part.sentences)
    return "\n\n".join(filter(None, (table, sentences)))


def _cell(text: str) -> str:
    return text.replace("|", r"\|")

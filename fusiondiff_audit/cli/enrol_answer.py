"""The answer of `enrol`: what the new bundle states of its enrolment, for people and as data."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import signing
from fusiondiff_audit.cli.answer import Answer, say
from fusiondiff_audit.cli.file_checks import digest_rows
from fusiondiff_audit.cli.options import TrustContext
from fusiondiff_audit.cli.text import count, some, table

if TYPE_CHECKING:
    from fusiondiff_audit.model.classifier import DiffusionModel
    from fusiondiff_audit.model.settings import Settings
    from fusiondiff_audit.training.labelled_batches import LabelledBatch


def enrolment_answer(
    made: "DiffusionModel",
    batches: "Sequence[LabelledBatch]",
    out: Path,
    signer: signing.PrivateKey,
    trust: TrustContext,
) -> Answer:
    """Return what the verb prints of a bundle that was written."""
    _, manifest = signing.read_model_claims(out)
    rows = [
        ("name", made.title),
        ("authentic as", made.settings.reference or ""),
        *forest_rows(made),
        *digest_rows(manifest),
        ("enrolled from", ", ".join(str(each.batch.folder) for each in batches)),
        ("signed by", f"sha256:{signer.public.keyid}"),
    ]
    data = enrolment_data(made) | {
        "bundle": str(out),
        "batches": [_batch_data(each) for each in batches],
        "digest": f"sha256:{manifest.digest}",
        "model": f"sha256:{manifest.listing}",
        "keyid": f"sha256:{signer.public.keyid}",
        "trust": trust.data(),
    }
    examples = made.settings.examples
    specimens = len({example.specimen for example in examples})
    sentence = f"{count(len(examples), 'image')} of {count(specimens, 'specimen')} enrolled in {out}, which is signed"
    warning = "; IMAGING PREDICTS THE LABEL, so an answer may be about the imaging" if made.settings.confounded else ""
    text = f"{table(rows)}\n\n{enrolment_text(made.settings)}\n"
    return Answer("DONE", f"{sentence}{trust.remarks()}{warning}", text, data)


def say_unlisted(folder: Path, names: Sequence[str]) -> None:
    """Print how many images of a folder have no label, and some of their names."""
    if names:
        say(f"{folder}: {count(len(names), 'image')} not in labels.csv, so not enrolled: {some(names)}")


def _batch_data(batch: "LabelledBatch") -> dict[str, object]:
    held_out = len(batch.labels) - len(batch.enrolled)
    return {
        "folder": str(batch.batch.folder),
        "payload": f"sha256:{batch.batch.digest}",
        "enrolled": len(batch.enrolled),
        "heldOut": held_out,
        "unlisted": list(batch.unlisted),
    }


def enrolment_text(settings: "Settings") -> str:
    """Return the tables of a bundle's enrolment, one below the other."""
    from fusiondiff_audit.model.enrolment_summary import enrolment_tables

    return "\n\n".join("\n".join(_lines(part)) for part in enrolment_tables(settings))


def _lines(part: Any) -> Iterator[str]:
    yield part.title
    if part.rows:
        yield table([part.head, *part.rows])
    yield from (f"  {sentence}" for sentence in part.sentences)


def forest_rows(made: "DiffusionModel") -> list[tuple[str, str]]:
    """Return how many forests vote, and how many of them cannot."""
    forests, constant = len(made.head.forests), constant_forests(made)
    remark = f", of which {constant} have specimens of one class alone and always vote counterfeit" if constant else ""
    return [("forests", "1, which tolerates no altered specimen" if forests == 1 else f"{forests} that vote{remark}")]


def constant_forests(made: "DiffusionModel") -> int:
    """Return the number of forests that have specimens of one class alone."""
    from fusiondiff_audit.model.enrolment import is_constant

    return sum(map(is_constant, made.head.forests))


def enrolment_data(made: "DiffusionModel") -> dict[str, object]:
    """Return specimens, forests and figures of an enrolment."""
    from fusiondiff_audit.model.enrolment_summary import stated_error_rates, stated_rate
    from fusiondiff_audit.training.enrolment_forecast import EnrolmentForecast
    from signing.records import write_record

    settings = made.settings
    forecast, rate = EnrolmentForecast.of_examples(settings.examples), stated_rate(settings)
    ratios = zip(settings.ratios, settings.ratio_quality, strict=True)
    return {
        "name": settings.name,
        "base": settings.base,
        "reference": settings.reference,
        "pictures": len(settings.examples),
        "specimens": {"authentic": forecast.authentic, "counterfeit": forecast.counterfeit},
        "devices": sorted({example.device for example in settings.examples if example.device}),
        "forests": len(made.head.forests),
        "blindForests": constant_forests(made),
        "canSay": forecast.data(),
        "errorRates": {
            "at": None if rate is None else f"{float(rate):g}",
            "rates": [write_record(each) for each in stated_error_rates(settings)],
        },
        "likelihoodRatios": [write_record(ratio) | {"quality": write_record(quality)} for ratio, quality in ratios],
        "confounded": settings.confounded,
        "imaging": None if settings.confounding is None else write_record(settings.confounding),
    }

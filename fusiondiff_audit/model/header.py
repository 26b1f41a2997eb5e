"""What a report states of a model."""

from fractions import Fraction

from fusiondiff_audit.model.classifier import DiffusionModel
from reports.verdict.header import ModelHeader
from reports.verdict.model_names import display_base, display_name


def model_header(model: DiffusionModel, alpha: Fraction) -> ModelHeader:
    """Return what a report states of an enrolled model; its error rates are those at the error rate of a policy."""
    examples, ranks = model.settings.examples, model.settings.ranks
    authentic, counterfeit = ({e.specimen for e in examples if e.authentic is label} for label in (True, False))
    return ModelHeader(
        name=display_name(model.settings.name, model.digest),
        digest=model.digest,
        verified=model.verified,
        enrolled_authentic=len(authentic),
        enrolled_counterfeit=len(counterfeit),
        partitions=len(model.head.forests),
        error_rates=() if ranks is None else ranks.error_rates(alpha),
        devices=tuple(sorted({example.device for example in examples if example.device})),
        confounded=model.settings.confounded,
        ratios=model.settings.ratios,
        enrolled_tiles=model.head.conformal.usual.tiles if model.head.conformal else (),
        base=display_base(model.settings.base),
    )

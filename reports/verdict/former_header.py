"""The header of report versions 1 and 2: some specimens were kept to calibrate the model."""

from dataclasses import dataclass

from reports.verdict.header import Header, ModelHeader

FORMER_ERROR_RATES = ("counterfeit specimens taken for authentic", "authentic specimens taken for counterfeit")


@dataclass(frozen=True, slots=True)
class FormerModelHeader(ModelHeader):
    """The model, which states nothing of devices, confounding and likelihood ratios."""

    calibrated_authentic: int  # specimens
    calibrated_counterfeit: int


@dataclass(frozen=True, slots=True)
class FormerHeader(Header):
    """What a report of version 1 or 2 states about itself."""

    model: FormerModelHeader

"""Settings come back as they went, and what they cannot mean is refused."""

import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from fusiondiff_audit.model.settings import Settings
from signing import SigningError
from signing.fields import Fields
from signing.records import OPTIONAL_FIELD, read_record, write_record
from signing.strict import write_json
from tests.model.tiny import SETTINGS, enrolled_model


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    count: int


@dataclass(frozen=True)
class Outer:
    name: str
    share: float
    on: bool
    colour: Colour
    exact: Decimal | None
    inner: Inner
    others: tuple[Inner, ...]
    pairs: tuple[tuple[int, ...], ...]
    more: Inner | None = field(default=None, metadata=OPTIONAL_FIELD)

    def __post_init__(self) -> None:
        if self.share > 1:
            raise ValueError("a share above 1")


GOOD = Outer("x", 0.5, True, Colour.RED, Decimal("0.10"), Inner(3), (Inner(1), Inner(2)), ((1,), ()))


def test_a_record_survives_a_round_trip() -> None:
    for record in (GOOD, replace(GOOD, exact=None, others=(), pairs=()), replace(GOOD, more=Inner(4))):
        assert read_record(Outer, Fields(write_record(record), "x")) == record
        assert ("more" in write_record(record)) is (record.more is not None)


@pytest.mark.parametrize("settings", [SETTINGS, enrolled_model(3).settings])
def test_a_bundle_s_settings_come_back(settings: Settings) -> None:
    assert Settings.from_bytes(settings.to_bytes(), "x") == settings


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"another": 1}, "unknown field 'another'"),
        ({"more": None}, "more: is left out where there is none"),
        ({"more": 1}, "expected an object"),
        ({"name": None}, "expected text"),
        ({"name": ""}, "is empty"),
        ({"share": 2}, "a share above 1"),
        ({"share": True}, "expected a number"),
        ({"share": "0.5"}, "expected a number"),
        ({"share": 10**400}, "expected a number up to"),
        ({"on": 1}, "true or false"),
        ({"colour": "blue"}, "known are red"),
        ({"exact": "one"}, "is not understood"),
        ({"exact": 0.1}, "expected text"),
        ({"inner": {}}, "'count' is missing"),
        ({"inner": {"count": 1.0}}, "whole number"),
        ({"inner": {"count": 2**60}}, "whole number"),
        ({"others": {}}, "expected a list"),
        ({"others": [1]}, "expected an object"),
        ({"pairs": [[1], ["1"]]}, "whole number"),
    ],
)
def test_values_that_a_record_cannot_have_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SigningError, match=sentence):
        read_record(Outer, Fields(write_record(GOOD) | change, "x"))


def changed(path: str, value: Any) -> bytes:
    data = json.loads(SETTINGS.to_bytes())
    *way, last = path.split(".")
    inner = data
    for step in way:
        inner = inner[step]
    inner[last] = value
    return write_json(data)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("format", "fusiondiff-audit/bundle/v1", "bundle/v2 is read"),
        ("geometry.tile", 128, "geometry.tile is 128, architecture.tile 64"),
        ("unfamiliarity", "distance", "unknown field 'unfamiliarity'"),
        ("ratio_quality", [{"cllr": "0.1"}], "is missing"),
        ("reference", "alder", "enrolled, with examples"),
        ("micro_batch", 0, "micro-batches of 0"),
        ("architecture.autoencoder.widths", [8, 9], "are not divisible into 4 groups"),
        ("architecture.denoiser.crossed", [True], "4 widths, and 1 values"),
        ("architecture.transformer.side", 33, "in patches of 16"),
        ("architecture.convolutions.trimmed", 0.5, "a share of 0.5"),
        ("architecture.transformer.deviation", [0.1, 0.1, 0.0], "deviations above 0"),
        ("architecture.fusion", "mean", "fusion: 'mean' is no longer supported; gated is read"),
        ("architecture.width", 10**9, "fused features of 1000000000"),
        ("architecture.reading.schedule", 10**12, "a schedule of"),
        ("geometry.nanometres", "NaN", "NaN nanometres"),
        ("intensity.low", 99.95, "no mapping"),
        ("seen", ["A" * 64], "is no digest of an image"),
        ("learning", {"partitions": 2, "trees": 3, "seed": 0}, "2 partitions"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(SigningError, match=sentence):
        Settings.from_bytes(changed(path, value), "bundle.json")

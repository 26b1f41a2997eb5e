"""Synthetic fields with what they show, for training over windows of tiles (`field_dataset.py`)."""

from collections.abc import Iterator
from functools import partial
from math import nan

from fusiondiff_audit.images.pixels import digest_pixels
from fusiondiff_audit.kiln.arrangement import ARRANGEMENT_NAMES, arrangement
from fusiondiff_audit.kiln.object_maps import object_maps, phase_shares
from fusiondiff_audit.kiln.parallel import available_cores, parallel_map
from fusiondiff_audit.kiln.phase_map import draw_phase_map
from fusiondiff_audit.training.field_dataset import FACTORS, Field
from fusiondiff_audit.training.recipe import SyntheticData
from fusiondiff_audit.training.synthetic import QUANTITIES, DrawnSpecimen, random_session, synthetic_specimens


def synthesise_fields(data: SyntheticData, seed: int) -> tuple[Iterator[Field], int]:
    """Yield synthetic fields, and return how many there will be."""
    drawn = synthetic_specimens(data, seed)
    fields = parallel_map(partial(_fields_of, data), drawn, available_cores())
    return (field for of_specimen in fields for field in of_specimen), len(drawn) * data.fields


def _fields_of(data: SyntheticData, drawn: DrawnSpecimen) -> list[Field]:
    """Return the fields of one specimen, each in a session of its own."""
    sample, fields = drawn[1](), []
    for number in range(data.fields):
        session = random_session(sample, number)
        greys = sample.field(number, data.side, session)
        layout = sample.layout(number, data.side, session)
        compositions = (dict.fromkeys(QUANTITIES, nan) | sample.composition(session, factor) for factor in FACTORS)
        shown = dict.fromkeys(ARRANGEMENT_NAMES, nan) if layout is None else arrangement(layout)
        fields.append(
            Field(
                greys,
                None if layout is None else phase_shares(draw_phase_map(layout)),
                None if layout is None else object_maps(layout),
                tuple(shown.values()),
                tuple(tuple(composition.values()) for composition in compositions),
                " ".join(sample.key),
                digest_pixels(greys[:, :, None]),
            )
        )
    return fields

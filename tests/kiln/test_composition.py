"""The composition of a body: lengths in pixels, and NaN for the sizes of absent phases."""

from dataclasses import replace
from math import isnan, log

import pytest

from fusiondiff_audit.kiln.body import Body, Grains, Inclusions, Layer
from fusiondiff_audit.kiln.composition import composition
from fusiondiff_audit.kiln.recipes import KILNS
from fusiondiff_audit.kiln.specimens import specimen

LENGTHS = {"grain", "glass", "pore"}
QUARTZ = {"quartz share", "quartz size", "quartz rim"}


def test_lengths_are_in_pixels_and_other_numbers_do_not_depend_on_the_pixel_size() -> None:
    fine, coarse = (composition(Body(), pixel) for pixel in (0.1, 0.2))
    for name, number in fine.items():
        if name in LENGTHS:
            assert number - coarse[name] == pytest.approx(log(2))
        else:
            assert number == coarse[name] or (isnan(number) and isnan(coarse[name]))


def test_absent_phases_have_no_sizes() -> None:
    without = composition(Body(), 0.2)
    assert without["quartz"] == 0
    assert all(isnan(without[name]) for name in QUARTZ)
    quartz = composition(replace(Body(), inclusions=Inclusions(quartz=0.1)), 0.2)
    assert quartz["quartz"] == 1
    assert not any(isnan(quartz[name]) for name in QUARTZ)
    assert isnan(quartz["needle length"])
    layers = [composition(replace(Body(), layers=(Layer(9.0),) * count), 0.2) for count in range(3)]
    assert [(one["one layer"], one["two layers"]) for one in layers] == [(0, 0), (1, 0), (0, 1)]


def test_round_grains_and_no_cracks_have_finite_numbers() -> None:
    numbers = composition(Body(grains=Grains(elongation=0.9)), 0.2)
    assert numbers["grain elongation"] == numbers["cracks"] == pytest.approx(log(1e-6))


@pytest.mark.parametrize("kiln", sorted(KILNS))
def test_the_composition_separates_a_copy_from_the_original(kiln: str) -> None:
    def of(workshop: str | None, number: int) -> dict[str, float]:
        drawn = specimen(kiln, workshop, "makeup", str(number))
        return composition(drawn.body, drawn.pixel_size)

    genuine = [of(None, number) for number in range(20)]
    for workshop in KILNS[kiln].workshops:
        copy = of(workshop, 0)
        assert list(copy) == list(genuine[0])
        ends = {name: (min(one[name] for one in genuine), max(one[name] for one in genuine)) for name in copy}
        assert any(copy[name] < low or copy[name] > high for name, (low, high) in ends.items())  # a NaN is neither

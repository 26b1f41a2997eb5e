"""The phase map of a field of view is that of the field's image."""

from dataclasses import replace

import numpy as np
import pytest

from fusiondiff_audit.kiln.body import Body, Cracks, Grains, Inclusions, Layer, Pores
from fusiondiff_audit.kiln.microscope import Microscope
from fusiondiff_audit.kiln.phase_map import PhaseMap, draw_phase_map
from fusiondiff_audit.kiln.specimens import Specimen

PLAIN = Body(Grains(size=8, grey=0.6, channelling=0, glass=0), Pores(share=1e-6))


def mapped(body: Body) -> tuple[PhaseMap, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Return the map of a field, and its greys from 0 to 1 through a sharp microscope."""
    sharp = Microscope(electrons=1e6, focus=0.01)
    specimen = Specimen("plain", None, ("tests", "phase map"), body, sharp, 0.2)
    return draw_phase_map(specimen.layout(3, 256)), specimen.field(3, 256) / 255


def test_pores_and_grains_lie_where_the_image_shows_them() -> None:
    body = Body(Grains(size=8, grey=0.6, channelling=0.1, glass=0), Pores(share=0.1, size=4))
    phases, greys = mapped(body)
    assert greys[phases.pores > 1].max() < 0.2 < greys[phases.pores < -1].min()
    assert (phases.pores > 0).mean() == pytest.approx(0.1, abs=0.05)
    whole = (phases.pores < -1) & (phases.cells.boundary > 1)
    shown = [greys[whole & (phases.cells.grain == grain)] for grain in np.unique(phases.cells.grain[whole])]
    assert max(of_grain.std() for of_grain in shown if len(of_grain) > 9) < 0.01 < greys[whole].std()


def test_second_phases_lie_where_the_image_shows_them() -> None:
    phases, greys = mapped(replace(PLAIN, inclusions=Inclusions(mullite=1.0, mullite_grey=0.9)))
    assert phases.needles is not None
    assert phases.laths is None
    assert phases.relics is None
    assert greys[phases.needles == 1].min() > 0.8 > 0.7 > greys[phases.needles == 0].max()
    phases, greys = mapped(replace(PLAIN, inclusions=Inclusions(quartz=0.2, quartz_grey=0.4)))
    assert phases.relics is not None
    assert phases.rims is not None
    assert greys[phases.relics > 4].max() < 0.5 < greys[phases.relics < -4].min()
    assert greys[phases.rims == 1].max() < 0.4


def test_cracks_and_layers_lie_where_the_image_shows_them() -> None:
    phases, greys = mapped(replace(PLAIN, cracks=Cracks(number=4, width=0.6, through=1.0)))
    assert phases.cracks
    crack = np.max(phases.cracks, axis=0)
    assert greys[crack == 1].max() < 0.2 < 0.5 < greys[crack == 0].min()
    phases, greys = mapped(replace(PLAIN, layers=(Layer(9.0, 0.9, pores=PLAIN.pores),)))
    (above,) = phases.layers
    assert greys[above > 6].min() > 0.8 > 0.7 > greys[above < -6].max()


def test_drawing_a_layout_does_not_change_the_image() -> None:
    specimen = Specimen("plain", None, ("tests", "again"), PLAIN, Microscope(), 0.2)
    before = specimen.field(0, 64)
    specimen.layout(0, 64)
    np.testing.assert_array_equal(specimen.field(0, 64), before)

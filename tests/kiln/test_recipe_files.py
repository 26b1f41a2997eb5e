"""Recipe files: every shipped one is read, and each refusal names the file and the key."""

from itertools import combinations
from math import log
from pathlib import Path

import pytest

from fusiondiff_audit.kiln.recipe_files import (
    MAX_RECIPE_FILE,
    KilnFile,
    RecipeFileError,
    WorkshopRole,
    bench2_kilns,
    parse_kiln,
    read_kiln,
    read_kilns,
)
from fusiondiff_audit.kiln.recipes import KILNS, Difficulty, FiringRecipe
from fusiondiff_audit.kiln.specimens import Specimen, draw_specimen, random_stream
from fusiondiff_audit.training.recipe import CERAMIC, read_recipe

SHIPPED = {kiln.name: kiln for kiln in bench2_kilns()}
REFERENCES = ("juniper", "larch", "willow")
OTHERS = ("aspen", "holly")
PARTS = {"quartz", "needles", "laths", "glaze", "coats"}
SHARES_OR_PLAIN = {"temperature", "slowness", "roundness", "nesting", "throwing", "clustering", "shock"}
FIRING = {"temperature", "soak", "slowness", "roundness", "pore_spread"}
MILLING = {"powder", "mill", "pore", "pore_spread"}

VALID = """
name = "poplar"
ware = "plain ware"
pixel_size = 0.2
[recipe]
temperature = [1280, 8.0]
soak = [4.0, 0.15]
exponent = [3.0, 0.02]
powder = [1.0, 0.1]
mill = [0.4, 0.06]
elongation = [1.1, 0.03]
direction = [0.0, 3.0]
flux = [0.2, 0.25]
grey = [0.5, 0.05]
channelling = [0.04, 0.25]
glass_grey = [0.4, 0.08]
porosity = [0.05, 0.3]
pore = [1.3, 0.15]
pore_spread = [0.5, 0.1]
roundness = [0.8, 0.03]
roughness = [0.1, 0.2]
throwing = [0.1, 0.03]
clustering = [0.1, 0.05]
slowness = [0.9, 0.03]
cracks = [0.8, 0.1]
shock = [0.1, 0.03]
quartz = [0.05, 0.2]
quartz_size = [7.0, 0.12]
rim = [0.3, 0.1]
[workshops.copyist]
role = "known"
misses = { mill = [0.5, 0.06] }
[workshops.stranger]
role = "unseen"
session = "genuine"
misses = { cracks = [2.0, 0.1] }
[workshops.same]
role = "null"
"""


def parts(recipe: FiringRecipe) -> frozenset[str]:
    return frozenset(PARTS & recipe.keys())


def spreads_missed(kiln: KilnFile, workshop: str) -> dict[str, float]:
    """Return by how many of the kiln's own spreads a workshop misses each ingredient."""
    missed = {}
    for name, (far, _) in kiln.kiln.workshops[workshop].items():
        middle, spread = kiln.kiln.recipe[name]
        missed[name] = abs(far - middle if name in SHARES_OR_PLAIN else log(far / middle)) / spread
    return missed


def test_the_kilns_of_the_second_benchmark_are_new() -> None:
    assert sorted(SHIPPED) == sorted((*REFERENCES, *OTHERS))
    assert tuple(sorted(name for name, kiln in SHIPPED.items() if kiln.roles)) == REFERENCES
    assert not SHIPPED.keys() & {*KILNS, *read_recipe(CERAMIC).dataset.kilns}
    recipes = [kiln.recipe for kiln in KILNS.values()] + [kiln.kiln.recipe for kiln in SHIPPED.values()]
    assert len({parts(recipe) for recipe in recipes}) == len(recipes) == 11


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_kiln_has_every_kind_of_workshop(name: str) -> None:
    kiln = SHIPPED[name]
    assert [len(kiln.workshops(role)) for role in WorkshopRole] == [3, 4, 1]
    assert kiln.workshops(WorkshopRole.UNSEEN) == ("cracked", "reground", "refired", "close-copy")
    assert kiln.shares_session == {"close-copy"}
    known = [spreads_missed(kiln, workshop) for workshop in kiln.workshops(WorkshopRole.KNOWN)]
    assert all(len(missed) >= 3 and all(2 < spreads < 8 for spreads in missed.values()) for missed in known)
    assert all(one.keys() != other.keys() for one, other in combinations(known, 2))
    assert kiln.kiln.workshops["cracked"].keys() == {"cracks", "shock"}
    assert {"powder", "mill"} <= kiln.kiln.workshops["reground"].keys() <= MILLING
    assert {"temperature", "soak", "slowness"} <= kiln.kiln.workshops["refired"].keys() <= FIRING
    assert [2 < spreads < 5 for spreads in spreads_missed(kiln, "close-copy").values()] == [True]
    visible = PARTS | {"grey", "glass_grey", "porosity", "channelling", "bubbles", "glaze_grey"}  # a buyer checks these
    assert not visible & {ingredient for missed in kiln.kiln.workshops.values() for ingredient in missed}


@pytest.mark.parametrize("name", REFERENCES)
def test_the_null_workshop_follows_the_law_of_the_kiln(name: str) -> None:
    kiln = SHIPPED[name].kiln
    (null,) = SHIPPED[name].workshops(WorkshopRole.NULL)
    assert kiln.workshop_recipe(null, Difficulty.EASY) == kiln.recipe
    assert kiln.workshop_recipe("close-copy", Difficulty.EASY) != kiln.recipe
    for key in "abc":
        drawn = [
            kiln.draw_firing(random_stream("tests", key), workshop, Difficulty.EASY)
            for workshop in (None, null, "close-copy")
        ]
        assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_shipped_kilns_draw_images_that_are_neither_empty_nor_saturated(name: str) -> None:
    kiln = SHIPPED[name].kiln
    for workshop in (None, *kiln.workshops):
        key = ("tests", name, workshop or "authentic")
        specimen = draw_specimen(kiln, workshop, key, difficulty=Difficulty.EASY, instrument="everyday")
        pixels = specimen.field(0, 160)
        top = 2 ** (8 * pixels.itemsize) - 1
        assert pixels.std() > 0.03 * top
        assert ((pixels == 0) | (pixels == top)).mean() < 0.5


def test_a_specimen_may_be_imaged_in_the_session_of_another() -> None:
    kiln = SHIPPED["larch"].kiln

    def draw(workshop: str | None, key: str, session: tuple[str, ...] | None = None) -> Specimen:
        difficulty = Difficulty.EASY
        return draw_specimen(
            kiln, workshop, ("tests", key), difficulty=difficulty, instrument="everyday", session=session
        )

    genuine = draw(None, "a")
    copy, apart = draw("close-copy", "b", session=genuine.key), draw("close-copy", "b")
    assert copy.microscope == genuine.microscope != apart.microscope
    assert copy.pixel_size == genuine.pixel_size
    assert copy.body == apart.body != genuine.body


def test_a_valid_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "poplar.toml"
    file.write_text(VALID)
    kiln = read_kiln(file)
    assert read_kilns(tmp_path) == (kiln,)
    assert kiln.kiln.recipe["temperature"] == (1280.0, 8.0)
    assert kiln.kiln.workshops == {"copyist": {"mill": (0.5, 0.06)}, "stranger": {"cracks": (2.0, 0.1)}, "same": {}}
    assert kiln.roles == {"copyist": "known", "stranger": "unseen", "same": "null"}
    assert kiln.shares_session == {"stranger"}


def test_two_files_with_kilns_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(VALID)
    with pytest.raises(RecipeFileError, match=r"name: a\.toml and b\.toml both have a kiln 'poplar'"):
        read_kilns(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "poplar"', "", "name: missing"),
        ('name = "poplar"', 'name = "Poplar"', "name: not a name"),
        ('name = "poplar"', 'name = "authentic"', "name: 'authentic' is reserved"),
        ('name = "poplar"', 'name = "alder"', "name: 'alder' is the name of a kiln"),
        ('name = "poplar"', 'name = "poplar"\ncolour = 1', "colour: unknown key"),
        ('ware = "plain ware"', 'ware = ""', "ware: not one line"),
        ('ware = "plain ware"', r'ware = "plain\nware"', "ware: not one line"),
        ("pixel_size = 0.2", "pixel_size = 2", "pixel_size: not a number from 0.05 to 1"),
        ("pixel_size = 0.2", "pixel_size = true", "pixel_size: not a number"),
        ("pixel_size = 0.2", "pixel_size = nan", "pixel_size: not a number"),
        ("[recipe]", "[recipe", "the file: not TOML"),
        ("[recipe]", "recipe = 3\n[other]", "other: unknown key"),
        ("mill = [0.4, 0.06]", "", "recipe.mill: missing, and every body has it"),
        ("mill = [0.4, 0.06]", "mill = [0.4, 0.06]\nsalt = [1, 1]", "recipe.salt: unknown ingredient, none of bubble,"),
        ("mill = [0.4, 0.06]", "mill = [0.4, -0.06]", "recipe.mill: a spread of -0.06 is less than 0"),
        ("mill = [0.4, 0.06]", "mill = [0.4, nan]", "recipe.mill: not [centre, spread]"),
        ("mill = [0.4, 0.06]", "mill = [0.4]", "recipe.mill: not [centre, spread]"),
        ("mill = [0.4, 0.06]", 'mill = [0.4, "a"]', "recipe.mill: not [centre, spread]"),
        ("mill = [0.4, 0.06]", "mill = 0.4", "recipe.mill: not [centre, spread]"),
        ("mill = [0.4, 0.06]", f"mill = [1{'0' * 400}, 1]", "recipe.mill: not [centre, spread]"),
        ("mill = [0.4, 0.06]", "mill = [0.4, 999999]", "recipe.mill: draws 0 to inf, the generator 0.02 to 0.9"),
        ("mill = [0.4, 0.06]", "mill = [0.8, 0.06]", "recipe.mill: draws 0.6886 to 0.9295, the generator 0.02 to 0.9"),
        ("porosity = [0.05, 0.3]", "porosity = [-0.05, 0.3]", "recipe.porosity: draws"),
        ("temperature = [1280, 8.0]", "temperature = [1280, 80]", "recipe.temperature: draws 960 to 1600"),
        ("shock = [0.1, 0.03]", "shock = [1.1, 0.03]", "recipe.shock: draws 1.1 to 1.1, the generator 0 to 1"),
        ("rim = [0.3, 0.1]", "", "recipe.rim: missing, and quartz needs it"),
        ("quartz = [0.05, 0.2]", "", "recipe.quartz_size: without quartz it does nothing"),
        ("[workshops.copyist]", "bubble = [3, 0.1]\n[workshops.copyist]", "recipe.bubble: without glaze or coats"),
        (
            "[workshops.copyist]",
            "glaze = [9, 0]\ncoats = [9, 0]\nglaze_grey = [0.7, 0]\nbubbles = [0.05, 0]\nbubble = [3, 0]\n"
            "[workshops.copyist]",
            "recipe.coats: a body has a glaze or coats, not both",
        ),
        (
            "pixel_size = 0.2\n[recipe]\ntemperature = [1280, 8.0]",
            "pixel_size = 0.5\n[recipe]\ntemperature = [1060, 8.0]",
            "recipe: grains of 1.2 micrometres are smaller than 3 pixels",
        ),
        ("pixel_size = 0.2", "pixel_size = 1", "recipe: 6,238 pores in a field of view of 512 pixels"),
        (
            "pixel_size = 0.2\n[recipe]",
            "pixel_size = 0.7\n[recipe]\nneedles = [7, 0]\nneedle = [2, 0]\nnesting = [0, 0]",
            "recipe: 9,397 needles in a field of view of 512 pixels",
        ),
        (
            "{ mill = [0.5, 0.06] }",
            "{ porosity = [0.3, 0.1], pore = [0.5, 0.1] }",
            "workshops.copyist.misses: 11,894 pores in a field of view",
        ),
        ("[workshops.copyist]", "[workshops.authentic]", "workshops.authentic: 'authentic' is reserved"),
        ("[workshops.copyist]", "[workshops.Copyist]", "workshops.Copyist: not a name"),
        ("[workshops.copyist]", "[workshops]\nx = 1\n[workshops.copyist]", "workshops.x: not a table"),
        ('role = "known"', "", "workshops.copyist.role: missing"),
        ('role = "known"', 'role = "friend"', "workshops.copyist.role: none of known, unseen, null"),
        ('role = "known"', 'role = "known"\nmiss = 1', "workshops.copyist.miss: unknown key"),
        ('role = "known"', 'role = "unseen"', "workshops: none is known"),
        ("misses = { mill = [0.5, 0.06] }", "", "workshops.copyist.misses: misses nothing"),
        ("{ mill = [0.5, 0.06] }", "{ mill = [0.4, 0.06] }", "workshops.copyist.misses.mill: as in the kiln's recipe"),
        ("{ mill = [0.5, 0.06] }", "{ salt = [0.5, 0.06] }", "workshops.copyist.misses.salt: unknown ingredient"),
        ("{ mill = [0.5, 0.06] }", "{ mill = [0.5, -1] }", "workshops.copyist.misses.mill: a spread of -1 is less"),
        ("{ mill = [0.5, 0.06] }", "{ mill = [5.0, 0.06] }", "workshops.copyist.misses.mill: draws 4.3"),
        ("{ mill = [0.5, 0.06] }", "{ lath = [5.0, 0.06] }", "workshops.copyist.misses.lath: the kiln's recipe does"),
        ("{ mill = [0.5, 0.06] }", "3", "workshops.copyist.misses: not a table"),
        ('session = "genuine"', 'session = "own"', "workshops.stranger.session: not 'genuine'"),
        ('role = "known"', 'role = "known"\nsession = "genuine"', "workshops.copyist.session: for unseen workshops"),
        ('role = "null"', 'role = "null"\nmisses = { mill = [0.5, 0.06] }', "workshops.same.misses: a null workshop"),
        ('role = "null"', 'role = "null"\n[workshops.same2]\nrole = "null"', "workshops: more than one is null"),
    ],
)
def test_each_fault_is_refused_with_file_and_key(old: str, new: str, message: str) -> None:
    assert VALID.count(old) == 1
    with pytest.raises(RecipeFileError) as refused:
        parse_kiln(VALID.replace(old, new).encode(), "poplar.toml")
    assert str(refused.value).startswith(f"poplar.toml: {message}")


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"\xff", "the file: not TOML"), (b"#" * (MAX_RECIPE_FILE + 1), "the file: larger than 65,536 bytes")],
)
def test_files_that_are_no_text_or_too_large_are_refused(data: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(data)
    with pytest.raises(RecipeFileError) as refused:
        read_kiln(file)
    assert str(refused.value).startswith(f"{file}: {message}")

"""Recipe files: a kiln and the workshops that copy it, as TOML in which every key is known.

`[recipe]` has a line `ingredient = [centre, spread]` for each ingredient, and each workshop a table
`[workshops.NAME.misses]` of the ingredients that it misses, in the same form. A workshop's role says how a benchmark
uses its copies: `known` ones are enrolled as counterfeits, `unseen` ones never are, and the one of role `null` follows
the kiln's own recipe, so that nothing can tell its ware from the kiln's.
"""

import hashlib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeGuard

from fusiondiff_audit.kiln.ingredient_limits import PIXEL_SIZES, body_fault, distribution_fault, incomplete_parts
from fusiondiff_audit.kiln.recipes import KILNS, FiringRecipe, Kiln

MAX_RECIPE_FILE = 64 * 1024  # bytes; a shipped one has 3,000
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_RESERVED = "authentic"  # stands for the kiln itself in the keys of random streams
_GENUINE_SESSION = "genuine"
_LARGEST = 1e6  # no ingredient comes near it
_KILN_KEYS = {"name", "ware", "pixel_size", "recipe"}


class RecipeFileError(ValueError):
    """A recipe file is refused; the message names the file and the key."""

    def __init__(self, where: str, key: str, fault: str) -> None:
        super().__init__(f"{where}: {key}: {fault}")


class WorkshopRole(StrEnum):
    """How a benchmark uses a workshop's copies."""

    KNOWN = "known"
    UNSEEN = "unseen"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class KilnFile:
    """A kiln that was read from a file; one without workshops has genuine ware alone."""

    kiln: Kiln
    roles: Mapping[str, WorkshopRole]  # of every workshop
    shares_session: frozenset[str]  # workshops whose copies are imaged in the session of a genuine specimen
    digest: str  # SHA-256 of the file

    @property
    def name(self) -> str:
        return self.kiln.name

    def workshops(self, role: WorkshopRole) -> tuple[str, ...]:
        """Return the workshops of a role, in the order of the file."""
        return tuple(workshop for workshop, its_role in self.roles.items() if its_role is role)


def bench2_kilns() -> tuple[KilnFile, ...]:
    """Return the kilns that come with the tool for the benchmark `bench/2`."""
    return read_kilns(resources.files("fusiondiff_audit.kiln") / "bench2")


def read_kilns(folder: Path | Traversable) -> tuple[KilnFile, ...]:
    """Return the kilns of all .toml files of a folder, ordered by name; two of one name are refused."""
    by_name: dict[str, tuple[Traversable, KilnFile]] = {}
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            kiln = read_kiln(file)
            if kiln.name in by_name:
                both = " and ".join(sorted((by_name[kiln.name][0].name, file.name)))
                raise RecipeFileError(str(folder), "name", f"{both} both have a kiln {kiln.name!r}")
            by_name[kiln.name] = file, kiln
    return tuple(by_name[name][1] for name in sorted(by_name))


def read_kiln(file: Path | Traversable) -> KilnFile:
    """Return the kiln of a recipe file, or raise RecipeFileError."""
    with file.open("rb") as opened:
        data = opened.read(MAX_RECIPE_FILE + 1)
    return parse_kiln(data, str(file))


def parse_kiln(data: bytes, where: str) -> KilnFile:
    """Return the kiln of a recipe file's bytes, or raise RecipeFileError."""
    if len(data) > MAX_RECIPE_FILE:
        raise RecipeFileError(where, "the file", f"larger than {MAX_RECIPE_FILE:,} bytes")
    try:
        table = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as e:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors
        raise RecipeFileError(where, "the file", f"not TOML: {e}") from e
    return _Reader(where).kiln_file(table, hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the tables of one file; every refusal names the file and the key."""

    where: str

    def kiln_file(self, table: Mapping[str, Any], digest: str) -> KilnFile:
        self._check_keys(table, "", required=_KILN_KEYS, optional={"workshops"})
        name = self._name(table["name"], "name")
        if name in KILNS:
            raise self._refused("name", f"{name!r} is the name of a kiln that comes with the generator")
        recipe = self._recipe(table["recipe"], "recipe")
        for ingredient, fault in incomplete_parts(recipe):
            raise self._refused(f"recipe.{ingredient}", fault)
        pixel_size = self._pixel_size(table["pixel_size"])
        self._check_body(recipe, pixel_size, "recipe")
        missed: dict[str, FiringRecipe] = {}
        roles: dict[str, WorkshopRole] = {}
        sharing: set[str] = set()
        for workshop, made in self._table(table.get("workshops", {}), "workshops").items():
            key = f"workshops.{self._name(workshop, f'workshops.{workshop}')}"
            self._check_keys(self._table(made, key), key, required={"role"}, optional={"misses", "session"})
            roles[workshop] = self._role(made["role"], f"{key}.role")
            missed[workshop] = self._misses(made.get("misses", {}), f"{key}.misses", recipe, roles[workshop])
            self._check_body({**recipe, **missed[workshop]}, pixel_size, f"{key}.misses")
            if "session" in made:
                self._check_session(made["session"], f"{key}.session", roles[workshop])
                sharing.add(workshop)
        self._check_roles(roles)
        kiln = Kiln(name, self._ware(table["ware"]), pixel_size, recipe, missed)
        return KilnFile(kiln, roles, frozenset(sharing), digest)

    def _misses(self, value: object, key: str, own: FiringRecipe, role: WorkshopRole) -> FiringRecipe:
        """Return the ingredients that a workshop misses."""
        missed = self._recipe(value, key)
        for ingredient, distribution in missed.items():
            if ingredient not in own:
                raise self._refused(f"{key}.{ingredient}", "the kiln's recipe does not have it")
            if distribution == own[ingredient]:
                raise self._refused(f"{key}.{ingredient}", "as in the kiln's recipe, so it is not missed")
        if role is WorkshopRole.NULL and missed:
            raise self._refused(key, "a null workshop follows the kiln's recipe, and misses nothing")
        if role is not WorkshopRole.NULL and not missed:
            raise self._refused(key, "misses nothing; a workshop that follows the kiln's recipe has the role null")
        return missed

    def _recipe(self, value: object, key: str) -> FiringRecipe:
        recipe: dict[str, tuple[float, float]] = {}
        for ingredient, pair in self._table(value, key).items():
            if not (isinstance(pair, list) and len(pair) == 2 and all(map(_is_number, pair))):
                raise self._refused(f"{key}.{ingredient}", "not [centre, spread]")
            if fault := distribution_fault(ingredient, *map(float, pair)):
                raise self._refused(f"{key}.{ingredient}", fault)
            recipe[ingredient] = float(pair[0]), float(pair[1])
        return recipe

    def _check_body(self, recipe: FiringRecipe, pixel_size: float, key: str) -> None:
        if fault := body_fault(recipe, pixel_size):
            raise self._refused(key, fault)

    def _check_roles(self, roles: Mapping[str, WorkshopRole]) -> None:
        used = list(roles.values())
        if used and WorkshopRole.KNOWN not in used:
            raise self._refused("workshops", "none is known, so no copy can be enrolled")
        if used.count(WorkshopRole.NULL) > 1:
            raise self._refused("workshops", "more than one is null")

    def _check_session(self, value: object, key: str, role: WorkshopRole) -> None:
        if value != _GENUINE_SESSION:
            raise self._refused(key, f"not {_GENUINE_SESSION!r}; left out, a copy is imaged in its own session")
        if role is not WorkshopRole.UNSEEN:
            raise self._refused(key, "for unseen workshops alone")

    def _role(self, value: object, key: str) -> WorkshopRole:
        if not isinstance(value, str) or value not in set(WorkshopRole):
            raise self._refused(key, f"none of {', '.join(WorkshopRole)}")
        return WorkshopRole(value)

    def _name(self, value: object, key: str) -> str:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise self._refused(key, "not a name of a-z, 0-9 and -, at most 40 long, a letter first")
        if value == _RESERVED:
            raise self._refused(key, f"{_RESERVED!r} is reserved for the kiln itself")
        return value

    def _ware(self, value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
            raise self._refused("ware", "not one line of visible characters")
        return value

    def _pixel_size(self, value: object) -> float:
        low, high = PIXEL_SIZES
        if not _is_number(value) or not low <= value <= high:
            raise self._refused("pixel_size", f"not a number from {low:g} to {high:g} (micrometres)")
        return float(value)

    def _table(self, value: object, key: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._refused(key, "not a table")
        return value

    def _check_keys(
        self, table: Mapping[str, Any], prefix: str, *, required: Collection[str], optional: Collection[str]
    ) -> None:
        for key in table:
            if key not in required and key not in optional:
                raise self._refused(".".join(filter(None, (prefix, key))), "unknown key")
        for key in sorted(required):
            if key not in table:
                raise self._refused(".".join(filter(None, (prefix, key))), "missing")

    def _refused(self, key: str, fault: str) -> RecipeFileError:
        return RecipeFileError(self.where, key, fault)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST

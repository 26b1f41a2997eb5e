"""One name, one concept: a public name of the shipped packages is defined in one module, or has a reason here."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("fusiondiff_audit", "attacks", "reports", "signing")
LONGEST = 250  # lines of a module

SHARED = {
    # each click module has one entry of that name, or the entry of one subcommand
    "command": "the entry of a verb's module",
    "show": "the subcommand `show`",
    "verify": "the subcommand `verify`",
    # the interface of an image format's decoder, implemented once for each format
    "decode_rows": "decodes a format's rows",
    "warm_up": "loads a decoder",
    # constants that each signed format has
    "MAX_PAYLOAD": "bytes of a signed payload",
    "MAX_TOKENS": "tokens of a signed JSON text",
    "MEDIA_TYPE": "a format's own media type",
    "PAYLOAD_TYPE": "a format's own DSSE payload type",
    "PREDICATE_TYPE": "a format's own predicate type",
    # the same type, named where numpy or torch may be imported
    "Floats": "an array of 64-bit floats",
    "Indices": "an array of indices",
    "Pixels": "an array of unsigned integers",
    "Plane": "one channel of an image",
    "Tensor": "torch.Tensor",
    # the same act on the package's own error class, or the same function where nothing heavy may be imported
    "malformed": "builds the package's refusal of malformed input",
    "visible": "spells out invisible characters",
}


def public_names(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return {name for name in names if not name.startswith("_")}


def modules() -> list[Path]:
    return [module for package in PACKAGES for module in sorted((ROOT / package).rglob("*.py"))]


def test_a_public_name_has_one_home_or_a_reason() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for module in modules():
        for name in public_names(module):
            homes[name].append(str(module.relative_to(ROOT)))
    assert len(homes) > 1000
    assert {name: where for name, where in homes.items() if len(where) > 1 and name not in SHARED} == {}
    assert {name for name in SHARED if len(homes[name]) < 2} == set()  # a reason that nothing needs is gone


def test_modules_are_short_enough_to_be_read() -> None:
    lengths = {str(m.relative_to(ROOT)): len(m.read_text(encoding="utf-8").splitlines()) for m in modules()}
    assert {module: lines for module, lines in lengths.items() if lines > LONGEST} == {}

"""Policy files: TOML in which every key is known, and the one resolved form that signed files quote."""

import hashlib
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeGuard, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from signing.files import read_capped
from signing.strict import MAX_LABEL, MAX_TEXT, is_name, is_plain, malformed, write_json

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_POLICY = 64 * 1024  # bytes; a report quotes a quarter of that
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


def _plain_name(name: str) -> str:
    if not is_name(name):
        raise ValueError("a name is one line of visible characters")
    return name


PolicyName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LABEL), AfterValidator(_plain_name)]


class PolicySection(BaseModel):
    """Settings without unknown keys and without conversion between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ResolvedPolicy(PolicySection):
    """A whole policy: every setting has a value."""

    name: PolicyName

    @property
    def text(self) -> str:
        """Return every setting, in one form."""
        return write_json(self.model_dump(mode="json")).decode()

    @property
    def digest(self) -> str:
        """Return the SHA-256 over every setting."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def sentences(self) -> Iterable[str]:
        """Yield every text that is shown to people."""
        yield self.name


Policy = TypeVar("Policy", bound=ResolvedPolicy)


def read_table(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file, with tuples in place of lists."""
    data = read_capped(path, limit=MAX_POLICY)
    try:
        return {key: _with_tuples(item) for key, item in tomllib.loads(data.decode()).items()}
    except (ValueError, RecursionError) as e:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors
        raise malformed(str(path), f"is not a policy: {e}") from e


def resolve(model: type[Policy], table: Mapping[str, Any], where: str, *, reserved: Collection[str]) -> Policy:
    """Return the policy of a file's table; unknown keys, other types and reserved names are refused."""
    try:
        policy = model.model_validate(table)
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        refusal = malformed(where, f"{key}: {first['msg'].lower()}")
        if (advice := _advice(model, first)) is not None:
            refusal.add_note(advice)
        raise refusal from e
    if policy.name in reserved:
        raise malformed(where, f"policy name {policy.name!r} is reserved; choose another")
    for text in policy.sentences:
        if not is_plain(text) or text != text.strip():
            what = f"{text[:100]!a} has characters that cannot be shown, or white space at its ends"
            raise malformed(where, what)
    if len(policy.text) > MAX_TEXT:
        raise malformed(where, f"{len(policy.text):,} characters as a signed file quotes it, at most {MAX_TEXT:,}")
    return policy


def _advice(model: type[BaseModel], error: "ErrorDetails") -> str | None:
    """Return what would be accepted in place of what an error is about."""
    if error["type"] == "string_type" and isinstance(error["input"], int | float):
        return f'write it in quotes: "{error["input"]}"'
    if error["type"] != "extra_forbidden":
        return None
    section: object = model
    for key in error["loc"][:-1]:
        field = section.model_fields.get(str(key)) if _is_section(section) else None
        section = None if field is None else field.annotation
    return f"known here are {', '.join(section.model_fields)}" if _is_section(section) else None


def _is_section(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _with_tuples(value: object) -> object:
    """Return TOML's lists as tuples, which is what a frozen policy holds."""
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value

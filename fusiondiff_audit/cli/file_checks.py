"""The answer of a verb that checks many signed files: refused files first, and one outcome."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import signing
from fusiondiff_audit.cli.answer import Answer, say, say_some
from fusiondiff_audit.cli.exits import Exit, worst
from fusiondiff_audit.cli.failure import exit_code
from fusiondiff_audit.cli.text import count, table

if TYPE_CHECKING:
    from fusiondiff_audit.images.batch import RefusedImage

Refusal: TypeAlias = "signing.RefusedFile | RefusedImage"
_REFUSED = 200  # refused files in the table; --json has all
_SHOWN = 20  # genuine files, and messages about refused ones


def digest_rows(manifest: signing.ModelManifest) -> list[tuple[str, str]]:
    """Return both digests of a model: that of reports, and that of its signature."""
    return [("model", f"sha256:{manifest.listing}, as reports name it"), ("root digest", f"sha256:{manifest.digest}")]


class FileChecks:
    """Collects the results of checks of files, and lists them in the order of the given names."""

    def __init__(self, names: Iterable[str]) -> None:
        self._place = {name: place for place, name in enumerate(names)}
        self._refused: list[Refusal] = []
        self._refused_rows: list[tuple[str, ...]] = []
        self._genuine_rows: list[tuple[str, ...]] = []
        self._data: list[dict[str, Any]] = []

    def pass_(self, name: str, claims: Sequence[str], data: dict[str, Any]) -> None:
        """Note a genuine file."""
        self._genuine_rows.append((name, *claims, "genuine"))
        self._data.append({"name": name, "state": "genuine", **data})

    def refuse(self, file: Refusal, claims: Sequence[str], data: dict[str, Any]) -> None:
        """Note a refused file."""
        self._refused.append(file)
        self._refused_rows.append((file.name, *claims, file.reason.value))
        why = {"state": "refused", "reason": file.reason.value, "message": file.message}
        self._data.append({"name": file.name, **why, **data})

    def answer(
        self, passed: str, head: str, columns: Sequence[str], data: dict[str, Any], *, list_all: bool = False
    ) -> Answer:
        """Return the answer: PASSED with that sentence if nothing was refused."""
        for rows in (self._refused_rows, self._genuine_rows):
            rows.sort(key=lambda row: self._at(row[0]))
        self._data.sort(key=lambda file: self._at(file["name"]))
        refused = self._refused_rows if list_all else self._refused_rows[:_REFUSED]
        shown = self._genuine_rows if list_all else self._genuine_rows[:_SHOWN]
        text = f"{head}\n\n{table([('file', *columns, 'state'), *refused, *shown])}\n"
        if hidden := len(self._refused_rows) - len(refused):
            text += f"  and {count(hidden, 'refused file')} more; --all lists them\n"
        if hidden := len(self._genuine_rows) - len(shown):
            text += f"  and {count(hidden, 'genuine file')} more; --all lists them\n"
        data = data | {"files": self._data}
        if not self._refused:
            return Answer("PASSED", passed, text, data)
        self._explain()
        reasons = Counter(f.reason.value for f in self._refused)
        counts = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
        sentence = f"{count(len(self._refused), 'file')}: {counts}; {len(self._genuine_rows)} genuine"
        code = worst([Exit.DONE, *(exit_code(f.reason) for f in self._refused)])
        data |= {"reason": reasons.most_common(1)[0][0], "reasons": dict(reasons)}
        return Answer("REFUSED", sentence, text, data, code)

    def _at(self, name: str) -> int:
        return self._place.get(name, len(self._place))  # unsigned files come last

    def _explain(self) -> None:
        messages = [f"{file.reason}: {file.message}" for file in self._refused]
        say_some(messages, most=_SHOWN, where=", in the table")
        for hint in {f.hint: None for f in self._refused if f.hint}:
            say(f"hint: {hint}")


def signer_rows(signer: signing.Signer) -> list[tuple[str, str]]:
    """Return who signed and when, for people."""
    proof = "proven by a timestamp" if signer.proven else "claimed, not proven"
    time = f"{signing.write_time(signer.time)} ({proof})" if signer.time else "not stated"
    return [
        ("signed by", f"{signer.principal} ({signer.role}), key sha256:{signer.keyid}"),
        ("signed at", time),
    ]


def signer_data(signer: signing.Signer) -> dict[str, Any]:
    """Return who signed and when, as data."""
    return {
        "keyid": f"sha256:{signer.keyid}",
        "principal": signer.principal,
        "role": signer.role.value,
        "time": signer.time and signing.write_time(signer.time),
        "timeProven": signer.proven,
    }

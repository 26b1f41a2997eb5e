"""The page's modules under Node give the answer of `verify`, or none: never the opposite one."""

import json
import os
import resource
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from reports.verdict.excerpt import make_excerpt, verify_excerpt
from reports.verdict.issue import CHECKPOINT, REPORT, SUMMARY
from reports.verdict.report import Report
from reports.verdict.verification import verify_report
from signing import SigningError, TrustStore, drop_tokens, load_trust
from signing.sigstore_bundle import sign_payload
from signing.strict import write_json
from tests.conftest import NOW
from tests.page.mutated_reports import mutations, payload_of_parts, random_report
from tests.reports.verdict.made import report
from tests.reports.verdict.test_forged import AUDITOR, FORGED, GOOD, TRUST, checkpoint_of, genuine, put
from tests.reports.verdict.test_vectors import HOUR, VECTORS, payload_of

pytestmark = pytest.mark.outside
RUNNER = Path(__file__).parent / "verifier.mjs"
NAMES = ("v1", "v2", "v2-uncalibrated", "v3", "v3-uncalibrated")


@dataclass(frozen=True)
class Case:
    """A report or an excerpt, with what it is judged by."""

    path: Path
    trust: Path
    pin: str | None
    at: datetime

    def expected(self) -> tuple[str, str | None]:
        """Return the tool's answer and reason."""
        try:
            store = load_trust(self.trust, at=self.at, root=self.pin)
            if self.path.is_dir():
                verify_report(self.path, trust=store)
            else:
                verify_excerpt(self.path.read_bytes(), "excerpt", trust=store)
        except SigningError as e:
            return "REFUSED", e.reason.value
        return "PASSED", None

    def line(self) -> str:
        kind = "folder" if self.path.is_dir() else "excerpt"
        at = int(self.at.timestamp() * 1000)
        return json.dumps({kind: str(self.path), "trust": str(self.trust), "pin": self.pin, "at": at})


def answers(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Return the answers of the page's modules."""
    text = "\n".join(lines)
    done = subprocess.run(["node", str(RUNNER)], input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def compared(cases: Mapping[str, Case], *, unpinned: bool = False) -> dict[str, int]:
    """Refuse an answer that is not the tool's; return how many answers of each kind there were.

    `unpinned`: what lacks nothing but a pin has passed.
    """
    found: dict[str, int] = {}
    for (name, case), answer in zip(cases.items(), answers(c.line() for c in cases.values()), strict=True):
        outcome = answer["outcome"]
        if unpinned and answer["reason"] == "no-pin":
            outcome, answer["reason"] = "PASSED", None
        if outcome != "INCONCLUSIVE":
            assert (outcome, answer["reason"]) == case.expected(), f"{name}: {answer['why']}"
        found[outcome] = found.get(outcome, 0) + 1
    return found


def stored(folder: Path, trust: TrustStore = TRUST) -> Path:
    """Write a trust store into a folder."""
    path = folder / "trust.json"
    path.write_bytes(trust.to_bytes())
    return path


def written(folder: Path, name: str, payload: bytes) -> Path:
    """Write a report alone, signed by the auditor."""
    own = folder / name
    own.mkdir()
    (own / REPORT).write_bytes(sign_payload(payload, AUDITOR))
    return own


def as_case(path: Path, trust: Path) -> Case:
    return Case(path, trust, TRUST.fingerprint, NOW)


def test_reports_and_excerpts_of_every_version(tmp_path: Path) -> None:
    cases = {}
    for name in NAMES:
        folder, trust = VECTORS / name, VECTORS / name / "trust.json"
        at = HOUR if name == "v1" else Report.from_payload(payload_of(folder / REPORT), name).header.time
        pin = load_trust(trust, at=at).fingerprint
        cases[name] = Case(folder, trust, pin, at)
        cases[f"{name} excerpt"] = Case(folder / "excerpt.json", trust, pin, at)
        bare = tmp_path / name
        bare.mkdir()
        for file in (REPORT, CHECKPOINT, SUMMARY):
            (bare / file).write_bytes((folder / file).read_bytes())
        drop_tokens(bare / REPORT)
        cases[f"{name} without timestamps"] = Case(bare, trust, pin, at)
        cases[f"{name}, another pin"] = Case(bare, trust, 64 * "0", at)
        cases[f"{name}, expired"] = Case(bare, trust, pin, at.replace(year=at.year + 2))
    found = compared(cases)
    assert found == {"PASSED": 4, "REFUSED": 10, "INCONCLUSIVE": 11}  # timestamps, and versions 1 and 2


def test_what_a_listed_auditor_could_sign(tmp_path: Path) -> None:
    trust, said, cases = stored(tmp_path), genuine(), {}
    changes = GOOD | {name: change for name, (change, _) in FORGED.items()}
    for number, (name, change) in enumerate(changes.items()):
        forged = Report.of(change(said.header), said.specimens, said.images, said.salt_key)
        folder = tmp_path / str(number)
        folder.mkdir()
        cases[name] = as_case(put(forged, folder), trust)
        shown = next(row.name for row in forged.images if row.judged is not None)
        excerpt = tmp_path / f"{number}.json"
        excerpt.write_bytes(make_excerpt(forged, checkpoint_of(forged), shown))
        cases[f"{name}, excerpt"] = as_case(excerpt, trust)
    found = compared(cases)
    assert found["PASSED"] == 2 * len(GOOD)
    assert found["REFUSED"] == 2 * len(FORGED)


SIZE = int(os.environ.get("FUSIONDIFF_MUTATIONS", "150"))


def test_mutated_reports_are_answered_as_the_tool_does(tmp_path: Path) -> None:
    trust, cases = stored(tmp_path), {}
    predicate = json.loads(genuine().to_payload())["predicate"]
    del predicate["tree"]
    for number, (name, changed) in enumerate(mutations(predicate, SIZE, seed=7)):
        try:
            payload = payload_of_parts(changed)
        except (AttributeError, KeyError, TypeError):
            continue
        cases[f"{number}: {name}"] = as_case(written(tmp_path, str(number), payload), trust)
    found = compared(cases)
    assert len(cases) > 0.8 * SIZE
    assert found["REFUSED"] > 0.7 * len(cases)
    assert found.get("INCONCLUSIVE", 0) < 0.02 * len(cases)


def test_reports_in_which_everything_follows_pass_and_small_changes_do_not(tmp_path: Path) -> None:
    trust, cases = stored(tmp_path), {}
    for seed in range(SIZE):
        made = random_report(genuine(), seed)
        cases[f"{seed}"] = as_case(written(tmp_path, f"{seed}", made.to_payload()), trust)
        predicate = json.loads(made.to_payload())["predicate"]
        for name, changed in mutations(predicate, 2, seed):
            try:
                payload = payload_of_parts(changed)
            except (AttributeError, KeyError, TypeError):
                continue
            cases[f"{seed}: {name}"] = as_case(written(tmp_path, f"{len(cases)}-changed", payload), trust)
        for row in made.images[:2]:
            excerpt = tmp_path / f"{len(cases)}.json"
            excerpt.write_bytes(make_excerpt(made, checkpoint_of(made), row.name))
            cases[f"{seed}: excerpt"] = as_case(excerpt, trust)
    found = compared(cases)
    assert found["PASSED"] >= 2 * SIZE
    assert found["REFUSED"] > SIZE


@pytest.mark.soak
def test_a_hundred_thousand_images(tmp_path: Path) -> None:
    """In 20 s of processor time and 1 GiB of memory."""
    made = report(AUDITOR.public, 100_000, specimens=24_992)
    folder = written(tmp_path, "large", made.to_payload())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    (answer,) = answers([as_case(folder, stored(tmp_path)).line()])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 20
    assert answer["outcome"] == "PASSED"
    assert answer["peak"] < 1024 * 1024  # KiB


def test_mutated_excerpts_are_answered_as_the_tool_does(tmp_path: Path) -> None:
    """The rows are changed, and the tree is signed anew over them."""
    trust, cases = stored(tmp_path), {}
    for seed in range(SIZE):
        made = random_report(genuine(), seed)
        rows = [row for row in made.images if row.specimen is not None]
        if not rows:
            continue
        row = rows[seed % len(rows)]
        place = next(i for i, each in enumerate(made.specimens) if each.specimen == row.specimen)
        predicate = json.loads(made.to_payload())["predicate"]
        part = {
            "header": predicate["header"],
            "images": [predicate["images"][made.images.index(row)]],
            "specimens": [predicate["specimens"][place]],
        }
        ((name, changed),) = mutations(part, 1, seed)
        texts = list(made.texts)
        texts[0] = write_json(changed["header"])
        texts[1 + place] = write_json(changed["specimens"][0])
        texts[1 + len(made.specimens) + made.images.index(row)] = write_json(changed["images"][0])
        forged = replace(made, texts=tuple(texts))
        excerpt = tmp_path / f"{seed}.json"
        excerpt.write_bytes(make_excerpt(forged, checkpoint_of(forged), row.name))
        cases[f"{seed}: {name}"] = as_case(excerpt, trust)
    found = compared(cases)
    assert found["REFUSED"] > 0.4 * len(cases)

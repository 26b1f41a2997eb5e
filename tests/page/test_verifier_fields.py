"""Fields at their bounds, evidence and headers of reports: the page's modules answer as the tool does."""

import base64
import copy
import json
import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from reports.arithmetic import Rank
from reports.verdict.header import Header
from reports.verdict.issue import verification_summary
from reports.verdict.limits import SAME_OBJECT, limit_notice
from reports.verdict.report import Report
from reports.verdict.specimens import DecidedRows, decide_rows
from reports.verdict.verdicts import Verdict
from tests.page.mutated_reports import payload_of_parts
from tests.page.test_verifier_modules import as_case, compared, stored, written
from tests.reports.verdict import test_one_form
from tests.reports.verdict.made import changed, following, redecided
from tests.reports.verdict.test_forged import (
    EVIDENCE,
    genuine,
    put,
    with_evidence,
)

pytestmark = pytest.mark.outside
Predicate = dict[str, Any]


def predicate_of(said: Report) -> Predicate:
    predicate: Predicate = json.loads(said.to_payload())["predicate"]
    return predicate


def test_payloads_in_another_form(tmp_path: Path) -> None:
    payload, trust, cases = genuine().to_payload(), stored(tmp_path), {}
    harms = test_one_form.test_another_form_is_refused.pytestmark[0].args[1]  # type: ignore[attr-defined]
    extra: list[Callable[[bytes], bytes]] = [
        lambda data: data.replace(b'"limit":null', b'"limit":-0', 1),
        lambda data: data.replace(b'"threads":2', b'"threads":9007199254740992', 1),
        lambda data: data.replace(b'"threads":2', b'"threads":9007199254740993', 1),
        lambda data: data.replace(b'"threads":2', b'"threads":' + 30 * b"9", 1),
        lambda data: data.replace(b'"threads":2', b'"threads":02', 1),
        lambda data: data.replace(b'{"admission"', b'{xadmission"', 1),
        lambda data: data.replace(b'"lab":null', b'"lab":nul', 1),
        lambda data: data.replace(b'"lab":null', b'"lab"null', 1),
        lambda data: data.replace(b'"lab":null', b'"lab":"x\\', 1),
        lambda data: data.replace(b'"lab":null', b'"lab":"\\u00E9"', 1),
        lambda data: data.replace(b'"lab":null', b'"lab":"\\ud800"', 1),
        lambda data: data.replace(b'"lab":null', b'"lab":"\\q"', 1),
        lambda data: data.replace(b'"lab":null', b'"lab":"\x7f"', 1),
        lambda data: data.replace(b'"lab":null', b'"lab":' + 40 * b"[" + 40 * b"]", 1),
        lambda data: data.replace(b'"lab":null', b'"lab":null,"lab":null', 1),
        lambda data: data.replace(b'{"admission"', b'{"__proto__":1,"admission"', 1),
    ]
    for number, harm in enumerate([*harms, *extra]):
        assert harm(payload) != payload, number
        cases[f"{number}"] = as_case(written(tmp_path, str(number), harm(payload)), trust)
    assert compared(cases) == {"REFUSED": len(cases)}


def at(*path: Any) -> Callable[[Predicate, Any], None]:
    """Return what puts a value at a place."""

    def put_there(predicate: Predicate, value: Any) -> None:
        holder: Any = predicate
        for name in path[:-1]:
            holder = holder[name]
        holder[path[-1]] = value

    return put_there


HEAD: dict[tuple[Any, ...], tuple[Any, ...]] = {  # values of a place in the header
    ("format",): ("fusiondiff-audit/report/v4", "x", None, 3, "fusiondiff-audit/report/v2"),
    ("id",): ("0" * 31, "G" * 32, 7),
    ("issued",): ("2026-02-30T00:00:00Z", "yesterday", "0000-01-01T00:00:00Z"),
    ("model", "partitions"): (0, -1, 9),
    ("model", "enrolled_tiles"): ([4, 16], [0], [-1], []),
    ("model", "devices"): (["sem-2", "sem-1"], ["sem-1", "sem-1"], ["\U0001f600", "\uffee"], ["\uffee", "\U0001f600"]),
    ("model", "confounded"): (True, None, 1),
    ("policy", "alpha"): ("0.000", "0.0500", "1.0", ".05", "0.1234567", "0.04"),
    ("policy", "tolerance"): (None, 1),
    ("policy", "text"): ("{}", "[]", "x", 16385 * "x", 16384 * "x"),
    ("run", "limit"): (0, 5, 1_000_000, -1),
    ("run", "noise_seed"): ("00", 64 * "g"),
    ("statement", "beyond"): (-1, 99, 3),
    ("statement", "place"): (0, 21, 2),
    ("statement", "least_unlike"): (-1, 9, 1),
    ("statement", "calibration"): (20_001, 0, 19),
    ("admission", "again"): ("", " x", "a reason"),
    ("case",): ([], ["Sale 12", "Sale 12"], ["Sale 13"], "Sale 12"),
    ("limits",): ([], ["x"]),
    ("libraries",): ([],),
    ("batch", "lab"): ("\u202e", "a\u0301", "\u00a0x", 16384 * "x", 16385 * "x", "\U0001f600" * 16384),
}
RATIO = {
    "intercept": ("NaN", "Infinity", "1e40", "1_0", "1234567890123", "-0", "1e-31", "+.5", "5.", "x", "0e99"),
    "slope": ("-1", "-0", "0", "1E+2"),
    "floor": ("0", "2", "0.0001", "1"),
    "ceiling": ("0.5", "1e9", "1.0"),
    "reference": (0, 20_001, 21),
    "others": (0, 21),
    "alternative": ("another-maker", "x"),
}
CLAIM = {
    "outcome": "PASSED",
    "policy": "quick",
    "policy_digest": 64 * "0",
    "day": "2026-11-21",
    "digest": 64 * "1",
    "stale": False,
}
CLAIMS: dict[str, tuple[Any, ...]] = {
    "day": ("2026-02-30", "2026-11-22", "1999-01-01", "2026-1-1", "2025-11-20", "2025-11-22"),
    "outcome": ("FAILED", "x"),
    "policy": ("ours", "full"),
    "policy_digest": (None, "x"),
    "stale": (True, None),
}
IMAGE: dict[str, tuple[Any, ...]] = {
    "name": ("batch manifest", "../x", "CON", "a\u0301", "\u0301a", "a/b.tif", "", "z" * 300, "z" * 1025),
    "sha256": (None, "x", 64 * "0"),
    "pixels": (None, "x"),
    "specimen": (None, "sherd 9", "\u200b"),
    "verdict": ("REFUSED", "UNFAMILIAR", "authentic"),
    "reasons": ([], ["x"], ["not-sure"]),
    "judged": (None, {}),
    "scale": (None, {"nm": "0", "source": "x"}, {"nm": "12.50", "source": "x"}, {"nm": "0.5", "source": "x"}),
    "enrolled": ("picture", "specimen", "near-duplicate", "x"),
    "quality": ("x", ""),
}
JUDGED: dict[str, tuple[Any, ...]] = {
    "label": ("counterfeit", "x"),
    "votes_authentic": (-1, 1, 2**53),
    "votes_counterfeit": (-1, 7, 2),
    "score": ("1.0", "0.1234567", "2.0", "1.1"),
    "map": (None, "-", "- -; 5", "1000", "5;5", "5; 5", ""),
    "tolerance": (None, 1, 99),
    "tiles": (0, -1, 17),
}
EVIDENCES: dict[str, tuple[Any, ...]] = {
    "tiles": ([], [0], [16], [16, 16], [1, 16], [17]),
    "score": ("1", "1.0", "-1234567890123.0", "x"),
    "authentic": (None, {"at_least": 21, "of": 20}, {"at_least": -1, "of": 20}, {"at_least": 1, "of": 20}),
    "spread": ({"at_least": 0, "of": 0}, {"at_least": 7, "of": 25}, {"at_least": 7, "of": 41}),
    "weakest": ({"at_least": 0, "of": 20}, {"at_least": 0, "of": 19}),
    "reduced": (True, None),
    "conservative": (True, 1),
}


def _cases_of_fields(predicate: Predicate) -> dict[str, Predicate]:
    """Return predicates with one field changed, and what depends on it left as it was."""
    cases: dict[str, Predicate] = {}

    def add(path: tuple[Any, ...], value: Any) -> None:
        made = copy.deepcopy(predicate)
        at(*path)(made, value)
        cases[f"{path} = {value!a}"[:150]] = made

    for path, values in HEAD.items():
        for value in values:
            add(("header", *path), value)
    for name, values in RATIO.items():
        for value in values:
            add(("header", "model", "ratios", 0, name), value)
    ratios = predicate["header"]["model"]["ratios"]
    add(("header", "model", "ratios"), ratios[::-1])
    for name, values in CLAIMS.items():
        for value in values:
            add(("header", "robustness"), CLAIM | {name: value})
    names = [row["name"] for row in predicate["images"]]
    for place in (0, names.index("tile-000009.tif"), names.index("tile-000007.tif"), names.index("tile-000006.tif")):
        for name, values in IMAGE.items():
            for value in values:
                add(("images", place, name), value)
    for name, values in JUDGED.items():
        for value in values:
            add(("images", 0, "judged", name), value)
    for name, values in EVIDENCES.items():
        for value in values:
            add(("images", names.index("tile-000009.tif"), "evidence", name), value)
            add(("specimens", 0, "evidence", name), value)
    add(("saltKey",), base64.b64encode(bytes(31)).decode())
    add(("images",), [])
    add(("specimens",), [])
    add(("images",), predicate["images"][::-1])
    return cases


def test_fields_at_their_bounds(tmp_path: Path) -> None:
    trust, cases = stored(tmp_path), {}
    for number, (name, made) in enumerate(_cases_of_fields(predicate_of(genuine())).items()):
        cases[name] = as_case(written(tmp_path, str(number), payload_of_parts(made)), trust)
    found = compared(cases)
    assert found["REFUSED"] > 150
    assert found["PASSED"] > 3
    assert found["INCONCLUSIVE"] <= 8  # decimals in forms that are not read, and a mark in front of a name


def test_policies_that_a_header_quotes(tmp_path: Path) -> None:
    """Each setting of the quoted policy is dropped or has another value, and the digest is that of the changed text."""
    trust, predicate, cases = stored(tmp_path), predicate_of(genuine()), {}
    policy = json.loads(predicate["header"]["policy"]["text"])
    sections = {name: section for name, section in policy.items() if isinstance(section, dict)}
    places = [(policy, name) for name in policy] + [
        (section, name) for section in sections.values() for name in section
    ]
    values: tuple[Any, ...] = (
        None,
        True,
        1,
        0,
        1.5,
        "",
        "required",
        "optional",
        "on",
        "off",
        "0.05",
        [],
        ["x"],
        ["quick"],
        {},
        3651,
    )
    texts = []
    for holder, name in places:
        kept = holder.pop(name)
        texts.append((f"without {name}", json.dumps(policy)))
        for value in values:
            holder[name] = value
            texts.append((f"{name} = {value!a}", json.dumps(policy)))
        holder[name] = kept
    texts += [("twice", '{"a":1,"a":1}'), ("a list", "[]"), ("not JSON", "{")]
    for number, (name, text) in enumerate(texts):
        for claim in (None, CLAIM) if set(name.split()) & {"result", "days", "policies"} else (None,):
            made = copy.deepcopy(predicate)
            made["header"]["policy"] |= {"text": text, "digest": sha256(text.encode()).hexdigest()}
            made["header"]["robustness"] = claim
            own = written(tmp_path, f"{number} {claim is None}", payload_of_parts(made))
            cases[f"{name}, {claim is None}"] = as_case(own, trust)
    found = compared(cases)
    assert found["PASSED"] > 10
    assert found["REFUSED"] > 200


def test_evidence_from_which_all_else_follows(tmp_path: Path) -> None:
    """Rows, counts and statement are made again from evidence that no specimen can have."""
    trust, said, cases = stored(tmp_path), genuine(), {}
    chance = random.Random(2)
    names = ["sherd 0", "sherd 1", "sherd 2", "sherd 3", "sherd 4", "sherd 5", "tile-000009.tif"]
    changes = [dict(each) for each in EVIDENCE.values()]
    changes += [{"weakest": Rank(3, 20)}, {"tiles": (16,), "reduced": True, "spread": None, "weakest": Rank(3, 20)}]
    changes += [
        {"tiles": (16,), "reduced": True, "spread": None, "weakest": Rank(*rank)}
        for rank in ((16, 20), (0, 20), (0, 19))
    ]
    changes += [
        {"tiles": (1,), "reduced": True, "spread": None, "weakest": None},
        {"spread": None},
        {"spread": Rank(0, 19)},
    ]
    for number in range(150):
        own = chance.choice(changes)
        name = chance.choice(names)
        try:
            forged = with_evidence(said, name, **own)
            stated = DecidedRows(forged.specimens, forged.images).evidence
            decided = decide_rows(said.images, stated, said.header.rules)
            payload = following(said.header, decided, said.salt_key).to_payload()
        except (AttributeError, ValueError):
            continue
        cases[f"{number}: {name} {own}"] = as_case(written(tmp_path, str(number), payload), trust)
    assert compared(cases)["REFUSED"] > 0.4 * len(cases)
    assert len(cases) > 80


def test_headers_from_which_all_else_follows(tmp_path: Path) -> None:
    trust, said, cases = stored(tmp_path), genuine(), {}
    limits = said.header.limits
    heads: dict[str, Header] = {
        "a limit": replace(said.header, run=replace(said.header.run, limit=40), limits=(*limits, *limit_notice(40))),
        "a limit of many": replace(
            said.header, run=replace(said.header.run, limit=1234567), limits=(*limits, *limit_notice(1234567))
        ),
        "a limit, unstated": replace(said.header, run=replace(said.header.run, limit=40)),
        "another limit": replace(
            said.header, run=replace(said.header.run, limit=40), limits=(*limits, *limit_notice(41))
        ),
        "no limit, stated": replace(said.header, limits=(*limits, *limit_notice(41))),
        "the same object": replace(said.header, limits=(*limits, SAME_OBJECT)),
        "a sentence twice": replace(said.header, limits=(*limits, limits[0])),
        "a model that is unverified": replace(said.header, model=replace(said.header.model, verified=False)),
        "no demonstration": replace(said.header, demonstration=False),
        "a ledger": replace(said.header, ledger="AAAA"),
        "issued later": replace(said.header, issued="2026-11-21T12:04:00Z"),
        "issued too late": replace(said.header, issued="2026-11-21T12:06:00Z"),
        "issued before the key": replace(said.header, issued="2026-01-21T12:06:00Z"),
    }
    for number, (name, head) in enumerate(heads.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        cases[name] = as_case(put(changed(said, header=head), folder), trust)
    passing = [row for row in said.images if row.verdict is Verdict.AUTHENTIC and row.specimen == "sherd 0"]
    whole = redecided(said, passing, demonstration=False)
    whole = following(
        whole.header, decide_rows(passing, DecidedRows(said.specimens, said.images).evidence, said.header.rules)
    )
    folder = tmp_path / "whole"
    folder.mkdir()
    cases["a summary that passed"] = as_case(put(whole, folder), trust)
    found = compared(cases)
    assert found["PASSED"] >= 6
    assert found["REFUSED"] >= 5
    assert json.loads(verification_summary(whole))["predicate"]["verificationResult"] in ("PASSED", "FAILED")

"""What CI systems and code hosts show of a stress test: never green where there is a doubt."""

import json
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from reports.stress.gates import GateOutcome, Severity
from reports.stress.junit import to_junit
from reports.stress.outcome import Outcome
from reports.stress.records import CheckResult, CheckState
from reports.stress.result import StressResult
from reports.stress.sarif import to_sarif
from signing import PrivateKey
from tests.reports.stress.test_stress_result import CHECK, FOOLED, GATE, HELD, TRIED, UNDECIDED, WAIVED, made

VALIDATOR = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "vectors" / "sarif" / "sarif-2.1.0.json").read_text())
)
SKIPPED = CheckResult("S18", "means over chance", CheckState.NOT_APPLICABLE, "nothing by chance")
DOUBT = CheckResult("S10", "gradients are there", CheckState.FAILED, "9 of 16 gradients are zero")
UNFINISHED = replace(TRIED, name="square-linf-8/255", family="scores", held=HELD[1:], unfinished=HELD[:1])
BROKEN = replace(
    TRIED, name="zoo-l2-2.0", norm="l2", size="2.000000", family="scores", problem='RuntimeError: <no> & "mat"'
)


@pytest.fixture
def doubtful(keys: dict[str, PrivateKey]) -> StressResult:
    """Return a result with one of everything."""
    square = replace(GATE, name=f"held/{UNFINISHED.name}/all", passed=GateOutcome.FAILED, count=4)
    zoo = replace(GATE, name=f"held/{BROKEN.name}/all", passed=GateOutcome.FAILED, severity=Severity.WARNING)
    passed = replace(GATE, name=f"held/{TRIED.name}/all")
    gates = (passed, square, zoo, WAIVED, UNDECIDED)
    return made(
        keys["auditor"].public,
        word=Outcome.INCONCLUSIVE,
        attacks=(TRIED, UNFINISHED, BROKEN),
        checks=(CHECK, SKIPPED, DOUBT),
        gates=gates,
    )


def kinds(document: bytes, suite: str) -> list[str]:
    root = ElementTree.fromstring(document)
    (element,) = (child for child in root if child.get("name") == suite)
    ended = [case[0].tag for case in element.iter("testcase")]
    for kind, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert element.get(attribute) == str(ended.count(kind))
    assert element.get("tests") == str(len(ended))
    return ended


def test_junit_shows_failures_errors_and_what_was_skipped(doubtful: StressResult) -> None:
    document = to_junit(doubtful)
    assert kinds(document, "attacks.gradient") == ["system-out"]
    assert kinds(document, "attacks.scores") == ["error", "error"]
    assert kinds(document, "checks") == ["system-out", "skipped", "error"]
    assert kinds(document, "gates") == ["system-out", "failure", "system-out", "skipped", "error"]
    assert kinds(document, "outcome") == ["error"]
    assert 'RuntimeError: <no> & "mat"' in [
        case.get("message") for case in ElementTree.fromstring(document).iter("error")
    ]
    (word, *_) = ElementTree.fromstring(document).iter("property")
    assert word.attrib == {"name": "word", "value": "INCONCLUSIVE"}


def test_what_says_nothing_is_not_green(keys: dict[str, PrivateKey]) -> None:
    silent = made(keys["auditor"].public, word=Outcome.INCONCLUSIVE, gates=())
    assert kinds(to_junit(silent), "outcome") == ["error"]
    assert kinds(to_junit(made(keys["auditor"].public)), "outcome") == ["system-out"]
    failed = made(keys["auditor"].public, word=Outcome.FAILED, gates=(replace(GATE, passed=GateOutcome.FAILED),))
    assert kinds(to_junit(failed), "outcome") == ["failure"]


def test_an_attack_without_pictures_is_an_error(keys: dict[str, PrivateKey]) -> None:
    missed = (*HELD, *FOOLED, *made(keys["auditor"].public).missed)
    nothing = replace(TRIED, held=(), fooled=(), sizes=())
    changes: dict[str, Any] = {
        "attacks": (nothing,),
        "gates": (replace(GATE, passed=GateOutcome.FAILED, count=0),),
        "missed": missed,
    }
    result = made(keys["auditor"].public, word=Outcome.INCONCLUSIVE, **changes)
    assert kinds(to_junit(result), "attacks.gradient") == ["error"]


def sarif(result: StressResult, **more: Any) -> Any:
    given = {
        "policy": "ci/audit.toml",
        "lines": {"held/square-linf-8/255/all": 12},
        "version": "0.1",
        "before": None,
        **more,
    }
    document = json.loads(to_sarif(result, **given))
    faults = [error.message for error in VALIDATOR.iter_errors(document)]
    assert not faults
    (run,) = document["runs"]
    return run


def test_sarif_is_valid_and_says_what_kind_of_result_it_is(doubtful: StressResult, keys: dict[str, PrivateKey]) -> None:
    run = sarif(doubtful)
    assert [entry["kind"] for entry in run["results"]] == [
        *("pass", "fail", "fail", "fail", "review"),
        *("pass", "notApplicable", "review"),
        *("informational", "review", "review"),
    ]
    assert [entry.get("level") for entry in run["results"][:4]] == [None, "error", "warning", "error"]
    assert run["results"][3]["suppressions"][0]["status"] == "accepted"
    assert run["invocations"][0]["executionSuccessful"] is False
    assert "S10" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert sarif(made(keys["auditor"].public))["invocations"][0]["executionSuccessful"] is True


def test_every_result_has_a_rule_and_a_place(doubtful: StressResult) -> None:
    run = sarif(doubtful)
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    taxa = {taxon["id"] for taxonomy in run["taxonomies"] for taxon in taxonomy["taxa"]}
    for entry in run["results"]:
        assert entry["ruleId"] in rules
        place = entry["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "ci/audit.toml"
    for rule in run["tool"]["driver"]["rules"]:
        assert {one["target"]["id"] for one in rule["relationships"]} <= taxa
    assert run["results"][1]["locations"][0]["physicalLocation"]["region"] == {"startLine": 12}
    assert {taxonomy["version"] for taxonomy in run["taxonomies"]} == {"2026.07", "AI 100-2e2025"}


def test_what_an_earlier_result_said_of_a_gate_is_said(doubtful: StressResult) -> None:
    first, *rest = doubtful.gates
    before = copy(doubtful)
    object.__setattr__(before, "gates", (replace(first, passed=GateOutcome.FAILED), *rest))
    states = [entry.get("baselineState") for entry in sarif(doubtful, before=before)["results"]]
    assert states[:5] == ["updated", "unchanged", "unchanged", "unchanged", "unchanged"]
    assert not any("baselineState" in entry for entry in sarif(doubtful)["results"])


def test_fingerprints_outlive_numbers_and_tell_models_apart(doubtful: StressResult) -> None:
    def prints(result: StressResult) -> list[str]:
        return [entry["partialFingerprints"]["fusiondiffAudit/v1"] for entry in sarif(result)["results"]]

    later = copy(doubtful)
    object.__setattr__(later, "gates", tuple(replace(gate, said="6 of 8", count=6, of=8) for gate in doubtful.gates))
    assert prints(later) == prints(doubtful)
    assert not set(prints(replace(doubtful, model="birch"))) & set(prints(doubtful))

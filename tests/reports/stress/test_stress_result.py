"""A stress test's result: signed, read back in one form, and never a pass with a doubt in it."""

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from attacks.checks import CHECKS
from attacks.checks.check import CheckContext
from reports.identity import Key, Library
from reports.stress.details import StressDetails
from reports.stress.gates import GateOutcome, GateResult, Severity, decide, tally
from reports.stress.outcome import Outcome, clean_accuracy, outcome_of
from reports.stress.quoted_policy import read_quoted_policy
from reports.stress.records import AttackResult, CheckResult, CheckState, DetectorResult, Environment, PoisonResult
from reports.stress.result import RESULT, StressResult, open_stress_result, sign_stress_result
from reports.stress.versions import NEWEST_RESULT
from signing import PrivateKey, PublicKey, Reason, SigningError, TrustStore, write_time
from signing.sigstore_bundle import sign_payload
from tests.attacks.toys import Linear, toy_images
from tests.conftest import NOW
from tests.reports.verdict.made import digest

HELD = tuple(digest(f"held {n}") for n in range(5))
FOOLED = tuple(digest(f"fooled {n}") for n in range(2))
SIZES = ("0.031373", "0.015686")
MISSED = (digest("missed"),)
AUTHENTIC = (*HELD[:2], FOOLED[0], *MISSED)  # two of four hold, and three of four counterfeits
ENDED = (HELD, FOOLED, SIZES, (), ())
TRIED = AttackResult(
    "pgd-linf-8/255", "gradient", "white box", "linf", "0.031373", *ENDED, 0, 160, None, "AML", "NISTAML"
)
CHECK = CheckResult("S01", "budget", CheckState.HELD, "fine")
CLEAN = CheckResult("S32", "clean accuracy", *clean_accuracy(7, 8, 0.6))
LIBRARIES = (Library("torch", "2.15.0"),)
TAKEN = Environment(digest("code"), False, "cpu", 2, 0, 12, LIBRARIES, "2026.07", "AI 100-2e2025")
GATE = GateResult("held/worst/all", GateOutcome.PASSED, Severity.ERROR, 5, 8, "5 of 8")
ATTACK = {"attack": "pgd", "norm": "linf", "size": "8/255"}


def policy(
    attacks: Sequence[AttackResult] = (TRIED,),
    checks: Sequence[CheckResult] = (CHECK,),
    gates: Sequence[GateResult] = (GATE,),
    poisons: Sequence[PoisonResult] = (),
    detectors: Sequence[DetectorResult] = (),
) -> str:
    """Return the text of a policy that asks for these."""
    asked: dict[str, Any] = {"images": 8, "seed": 0, "floor": "0.6", "attacks": [], "gates": []}
    asked["checks"] = [check.id for check in checks]
    asked |= {"poisons": [{"poison": "stamp", "specimens": 2}] * len(poisons), "detectors": ["d"] * len(detectors)}
    for one in attacks:
        name, norm, size = one.name.rsplit("-", 2)
        asked["attacks"].append(ATTACK | {"attack": name, "norm": norm, "size": size})
    for gate in gates:
        metric, attack, part = gate.name.replace("8/255", "8|255").split("/")
        attack = attack.replace("8|255", "8/255")
        wished: dict[str, Any] = {"metric": metric, "attack": None if attack == "worst" else attack, "slice": part}
        failed = gate.passed in (GateOutcome.FAILED, GateOutcome.WAIVED)
        value = "0.1" if metric == "regressions" else "1" if failed else "0.01"
        wished |= {"value": value, "bound": "point", "least": 1, "severity": str(gate.severity)}
        wished["waiver"] = {"until": "2027-01-01", "reason": "known"} if gate.passed is GateOutcome.WAIVED else None
        asked["gates"].append(wished)
    return json.dumps({"name": "quick", "robustness": asked})


def made(auditor: PublicKey, **changes: Any) -> StressResult:
    parts = {name: changes[name] for name in ("attacks", "checks", "gates", "poisons", "detectors") if name in changes}
    text = changes.pop("policy_text", policy(**parts))
    given: dict[str, Any] = dict(
        zip(
            StressResult.__dataclass_fields__,
            (
                NEWEST_RESULT,
                write_time(NOW),
                Outcome.PASSED,
                (),
                Key("auditor-1", auditor.keyid),
                "alder",
                digest("model"),
                "kiln alder",
                True,
                "quick",
                digest(text),
                text,
                8,
                MISSED,
                (TRIED,),
                (),
                (),
                (CHECK,),
                ("S05",),
                (GATE,),
                digest("outcome"),
                TAKEN,
                AUTHENTIC if changes.get("format", NEWEST_RESULT) == NEWEST_RESULT else (),
                None,
                None,
            ),
            strict=True,
        )
    )
    return StressResult(**worded(given | changes))


def worded(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a result with the sentences that its counts come to; version 1 leaves them to the signer."""
    details = StressDetails(**fields)
    if details.format != NEWEST_RESULT:
        return fields
    try:
        asked = read_quoted_policy(details.policy_text).gates
    except (ValueError, SigningError):
        return fields  # which is refused for its policy
    gates = list(details.gates)
    for number, (gate, signed) in enumerate(zip(asked, details.gates, strict=False)):
        counts = tally(gate, details.held_images, frozenset(details.authentic))
        if signed.before is not None:
            with suppress(ValueError):  # counts that contradict each other are refused for that
                counts = replace(counts, before=signed.before, lost=signed.count)
        first = signed.passed is GateOutcome.UNASKED
        gates[number] = replace(signed, said=decide(gate, counts, details.time, first=first).said)
    parts = {name: getattr(details, name) for name in ("attacks", "poisons", "detectors", "checks")}
    _, reasons = outcome_of(**parts, gates=gates, detector_problem=details.detector_problem)
    return fields | {"gates": tuple(gates), "why": reasons}


Keyring = dict[str, PrivateKey]


def test_what_is_signed_is_read_back(keys: Keyring, trust: TrustStore) -> None:
    result = made(keys["auditor"].public)
    again, signer = open_stress_result(sign_stress_result(result, keys["auditor"]), RESULT, trust=trust)
    assert again == result
    assert signer.principal == "auditor-1"


FAILED_GATE = replace(GATE, passed=GateOutcome.FAILED)
UNDECIDED = replace(GATE, name="regressions/worst/authentic", passed=GateOutcome.UNDECIDED, of=4, count=0)
WAIVED = replace(GATE, name="held/worst/counterfeit", passed=GateOutcome.WAIVED, of=4, count=3)
UNASKED = replace(GATE, name="regressions/worst/all", passed=GateOutcome.UNASKED, count=0)
NOTHING = replace(GATE, passed=GateOutcome.UNDECIDED, count=0, of=0)
DOUBT = replace(CHECK, held=CheckState.FAILED)


def left(count: int) -> tuple[GateResult]:
    """Return the gate after attacks that left so many."""
    return (replace(GATE, count=count),)


def test_a_reader_of_in_toto_alone_takes_no_doubt_for_a_pass(keys: Keyring) -> None:
    auditor = keys["auditor"].public
    for changes, word in (
        ({}, "PASSED"),
        ({"word": Outcome.FAILED, "gates": (FAILED_GATE,)}, "FAILED"),
        ({"word": Outcome.INCONCLUSIVE, "checks": (DOUBT,)}, "FAILED"),
    ):
        statement = json.loads(made(auditor, **changes).to_payload())
        assert statement["predicate"]["result"] == word
        assert statement["subject"] == [{"name": "alder", "digest": {"sha256": digest("model")}}]
    result = made(auditor, word=Outcome.INCONCLUSIVE, gates=(UNDECIDED, WAIVED), checks=(DOUBT,))
    predicate = json.loads(result.to_payload())["predicate"]
    assert predicate["failedTests"] == ["gate regressions/worst/authentic", "check S01"]
    assert predicate["warnedTests"] == ["gate held/worst/counterfeit"]
    assert predicate["passedTests"] == []
    first = json.loads(made(auditor, gates=(GATE, UNASKED)).to_payload())["predicate"]
    assert (first["result"], first["warnedTests"]) == ("WARNED", ["gate regressions/worst/all"])


def test_a_check_that_does_not_apply_is_no_passed_test(keys: Keyring) -> None:
    idle = replace(CHECK, id="S30", held=CheckState.NOT_APPLICABLE)
    for version, listed in (
        ("v1", ["gate held/worst/all", "check S01", "check S30"]),
        ("v2", ["gate held/worst/all", "check S01"]),
    ):
        result = made(keys["auditor"].public, format=f"fusiondiff-audit/robustness/{version}", checks=(CHECK, idle))
        predicate = json.loads(result.to_payload())["predicate"]
        assert (predicate["passedTests"], predicate["failedTests"]) == (listed, [])


@pytest.mark.parametrize(
    ("clean", "floor"),
    [
        (replace(CLEAN, evidence=CLEAN.evidence.replace("7 of 8", "8 of 8")), "0.6"),
        (replace(CLEAN, held=CheckState.NOT_APPLICABLE), "0.6"),
        (CLEAN, "0.9"),
    ],
)
def test_clean_accuracy_is_counted_again(keys: Keyring, clean: CheckResult, floor: str) -> None:
    text = policy(checks=(CHECK, CLEAN)).replace('"floor": "0.6"', f'"floor": "{floor}"')
    assert made(keys["auditor"].public, checks=(CHECK, CLEAN))
    with pytest.raises(ValueError, match=r"check S32: .*, which comes to (held|failed): 7 of 8 right"):
        made(keys["auditor"].public, checks=(CHECK, clean), policy_text=text)


def test_the_check_of_a_run_that_failed_is_what_a_verifier_counts(keys: Keyring) -> None:
    (check,) = (check for check in CHECKS if check.id == CLEAN.id)
    images = toy_images(8)
    failed = check.on(CheckContext(Linear(), images[:7], images, {}, (), 0, floor=0.9))
    assert failed.held is CheckState.FAILED
    text = policy(checks=(failed,)).replace('"floor": "0.6"', '"floor": "0.9"')
    assert made(keys["auditor"].public, checks=(failed,), policy_text=text, word=Outcome.INCONCLUSIVE)


def test_a_detector_that_was_not_tried_has_a_signed_reason(keys: Keyring) -> None:
    untried = DetectorResult("d", 0, 0, 0, 0, 0, 0, False)
    parts: dict[str, Any] = {"detectors": (untried,), "detector_problem": "OSError: gone", "word": Outcome.INCONCLUSIVE}
    assert made(keys["auditor"].public, **parts).why == ("detectors were not tried, d: OSError: gone",)


def test_the_first_waiver_that_ends_is_that_of_the_result(keys: Keyring) -> None:
    assert made(keys["auditor"].public).waived_until is None
    sooner = policy(gates=(WAIVED, replace(WAIVED, name="held/worst/all"))).replace("2027-01-01", "2026-12-24", 1)
    gates = (WAIVED, replace(WAIVED, name="held/worst/all", count=5, of=8))
    result = made(keys["auditor"].public, gates=gates, policy_text=sooner)
    assert result.waived_until == datetime(2026, 12, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"checks": (DOUBT,)}, Outcome.INCONCLUSIVE),
        ({"gates": (FAILED_GATE,)}, Outcome.FAILED),
        ({"gates": (replace(UNDECIDED, severity=Severity.NOTE), GATE)}, Outcome.INCONCLUSIVE),
        ({"gates": ()}, Outcome.INCONCLUSIVE),
        ({"gates": (replace(GATE, severity=Severity.WARNING),)}, Outcome.INCONCLUSIVE),
        ({"attacks": (replace(TRIED, problem="RuntimeError"),)}, Outcome.INCONCLUSIVE),
        (
            {"attacks": (replace(TRIED, held=HELD[1:], unfinished=HELD[:1]),), "gates": left(4)},
            Outcome.INCONCLUSIVE,
        ),
        ({"attacks": (), "gates": (NOTHING,), "authentic": MISSED}, Outcome.INCONCLUSIVE),
        (
            {
                "attacks": (replace(TRIED, held=(), fooled=(), sizes=()),),
                "gates": (replace(FAILED_GATE, count=0),),
                "missed": (*HELD, *FOOLED, *MISSED),
            },
            Outcome.INCONCLUSIVE,
        ),
        ({"gates": (FAILED_GATE,), "checks": (DOUBT,)}, Outcome.INCONCLUSIVE),
        ({"gates": (UNASKED,)}, Outcome.INCONCLUSIVE),
        ({"gates": (UNASKED, GATE)}, Outcome.PASSED),
        ({"gates": (UNASKED, FAILED_GATE)}, Outcome.FAILED),
        ({}, Outcome.PASSED),
    ],
)
def test_the_word_is_what_the_parts_come_to(keys: Keyring, changes: dict[str, Any], word: Outcome) -> None:
    for other in Outcome:
        if other is word:
            assert made(keys["auditor"].public, word=other, **changes)
        else:
            with pytest.raises(ValueError, match="and yet its parts come to"):
                made(keys["auditor"].public, word=other, **changes)


SECOND = replace(TRIED, name="apgd-linf-8/255")


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "fusiondiff-audit/robustness/v3"},
        {"model_digest": "x"},
        {"missed": ("0" * 63,)},
        {"attacks": (replace(TRIED, held=(*HELD, HELD[0])),)},
        {"attacks": (replace(TRIED, fooled=(*FOOLED[1:], MISSED[0])),)},
        {"attacks": (replace(TRIED, fooled=FOOLED[1:], sizes=SIZES[1:]),)},
        {"attacks": (TRIED, TRIED)},
        {"attacks": (TRIED, replace(SECOND, held=(*HELD[1:], digest("another"))))},
        {"missed": (*MISSED, *MISSED), "images": 9},
        {"checks": (CHECK, CHECK)},
        {"gates": (GATE, GATE)},
        {"gates": (replace(GATE, count=-5, of=3),)},
        {"gates": (replace(GATE, of=9),)},
        {"images": 9},
        {"policy": "full"},
        {"policy_text": policy(attacks=(TRIED, SECOND))},
        {"policy_text": policy(checks=())},
        {"policy_text": policy(gates=(GATE, UNDECIDED))},
        {"gates": (replace(GATE, passed=GateOutcome.UNASKED),)},
        {"gates": (replace(FAILED_GATE, severity=Severity.NOTE),), "policy_text": policy(gates=(FAILED_GATE,))},
        {"gates": (replace(GATE, passed=GateOutcome.WAIVED),), "policy_text": policy(gates=(FAILED_GATE,))},
        {"gates": (WAIVED,), "issued": "2027-01-01T00:00:00Z"},
        {"gates": (GATE,), "policy_text": policy(gates=(FAILED_GATE,))},
        {"gates": (FAILED_GATE,), "policy_text": policy().replace('"bound": "point"', '"bound": "lower"')},
        {"gates": (WAIVED,), "policy_text": policy(gates=(WAIVED,)).replace('"least": 1', '"least": 8')},
        {"policy_text": policy().replace('"value": "0.01"', '"value": "1/0"')},
        {"policy_text": policy().replace('"value": "0.01"', '"value": "1e40000000"')},
        {"policy_text": policy().replace('"size": "8/255"', '"size": "1e400"')},
        {"policy_text": policy().replace('"size": "8/255"', '"size": "8/0"')},
        {"policy_text": policy().replace('"size": "8/255"', '"size": "0"')},
        {"attacks": (replace(TRIED, queries=-1),)},
        {"attacks": (replace(TRIED, passes=-1),)},
    ],
)
def test_parts_that_contradict_each_other_or_the_policy_are_refused(keys: Keyring, changes: dict[str, Any]) -> None:
    faults = r"format|digest|ended twice|are asked|there twice|different images|of \d+, of|other|another|not asked"
    faults += r"|quoted policy|asked for|negative number|no number|changes nothing|whether all"
    with pytest.raises(ValueError, match=faults):
        made(keys["auditor"].public, **changes)


def test_any_changed_value_of_the_payload_is_refused(keys: Keyring, trust: TrustStore) -> None:
    payload = made(keys["auditor"].public).to_payload()
    for old, new in (
        (b'"result":"PASSED"', b'"result":"FAILED"'),
        (b'"passedTests":["gate', b'"passedTests":["Gate'),
        (digest(policy()).encode(), digest("another").encode()),
        (b'"predicateType"', b' "predicateType"'),
        (b'"name":"details"', b'"name":"Details"'),
    ):
        assert old in payload
        bad = sign_payload(payload.replace(old, new, 1), keys["auditor"])
        with pytest.raises(SigningError) as caught:
            open_stress_result(bad, RESULT, trust=trust)
        assert caught.value.reason is Reason.MALFORMED


def test_details_are_read_strictly(keys: Keyring, trust: TrustStore) -> None:
    statement = json.loads(made(keys["auditor"].public).to_payload())
    entry = statement["predicate"]["configuration"][1]
    details = json.loads(base64.b64decode(entry["content"]))
    for change in ({"more": 1}, {"word": "SPLENDID"}, {"images": "8"}, {"images": 9}):
        entry["content"] = base64.b64encode(json.dumps(details | change).encode()).decode()
        bad = sign_payload(json.dumps(statement).encode(), keys["auditor"])
        with pytest.raises(SigningError):
            open_stress_result(bad, RESULT, trust=trust)


@pytest.mark.parametrize("signer", ["device", "thief"])
def test_who_is_no_auditor_vouches_for_nothing(keys: Keyring, trust: TrustStore, signer: str) -> None:
    data = sign_stress_result(made(keys[signer].public), keys[signer])
    with pytest.raises(SigningError) as caught:
        open_stress_result(data, RESULT, trust=trust)
    assert caught.value.reason in (Reason.WRONG_ROLE, Reason.UNKNOWN_KEY)


def test_the_auditor_that_is_named_is_the_one_who_signed(keys: Keyring, trust: TrustStore) -> None:
    data = sign_stress_result(made(keys["device"].public), keys["auditor"])
    with pytest.raises(SigningError) as caught:
        open_stress_result(data, RESULT, trust=trust)
    assert caught.value.reason is Reason.CONTRADICTION


def test_a_gate_counts_what_the_attacks_left(keys: Keyring) -> None:
    with pytest.raises(ValueError, match="held/worst/all: passed with 6 of 8, which comes to passed with 5 of 8"):
        made(keys["auditor"].public, gates=left(6))


@pytest.mark.parametrize(
    "changes",
    [{"size": "8/255"}, {"size": "NaN"}, {"size": "Infinity"}, {"size": "0.062745"}, {"norm": "l9"}, {"norm": "l2"}],
)
def test_a_budget_is_the_one_that_the_policy_asks_for(keys: Keyring, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not one size for each|another budget"):
        made(keys["auditor"].public, attacks=(replace(TRIED, **changes),))


@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        (SIZES[:1], "not one size for each"),
        (("0.031373", "-0.1"), "not one size for each"),
        (("0.031373", "0.031375"), "larger than its budget"),
    ],
)
def test_changes_that_fooled_have_sizes_within_the_budget(keys: Keyring, sizes: tuple[str, ...], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        made(keys["auditor"].public, attacks=(replace(TRIED, sizes=sizes),))

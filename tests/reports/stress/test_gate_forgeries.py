"""Stress results whose gates ended otherwise than their own counts say: signed by an auditor, and refused."""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from reports.stress.gates import GateOutcome, GateResult, Severity
from reports.stress.outcome import Outcome
from reports.stress.result import RESULT, StressResult, open_stress_result
from reports.stress.versions import RESULT_V1, RESULT_V2
from signing import PrivateKey, Reason, SigningError, TrustStore, write_time
from signing.sigstore_bundle import sign_payload
from signing.strict import write_json
from tests.conftest import NOW, YEAR
from tests.reports.stress.test_stress_result import CHECK, TAKEN, TRIED, made, worded
from tests.reports.verdict.made import digest

Keyring = dict[str, PrivateKey]
IMAGES = tuple(digest(f"image {number}") for number in range(8))
AUTHENTIC = IMAGES[:4]
DECIDED = (GateOutcome.PASSED, GateOutcome.FAILED, GateOutcome.WAIVED)
ASKED: dict[str, Any] = {"attack": None, "bound": "lower", "least": 4, "severity": "error", "waiver": None}
OVER = {"until": "2026-11-20", "reason": "known"}


def gate(metric: str = "held", value: str = "0.2", part: str = "all", **more: Any) -> dict[str, Any]:
    return ASKED | {"metric": metric, "value": value, "slice": part} | more


def ended(asked: Mapping[str, Any], passed: GateOutcome, count: int, of: int, before: int | None = None) -> GateResult:
    name = f"{asked['metric']}/worst/{asked['slice']}"
    return GateResult(name, passed, Severity(asked["severity"]), count, of, "as the signer says", before)


def result(
    keys: Keyring, version: str, asked: Mapping[str, Any], signed: GateResult, held: int, baseline: bool = False
) -> dict[str, Any]:
    """Return the fields of a result in which the first so many images held under the one attack."""
    attack = {"attack": "pgd", "norm": "linf", "size": "8/255"}
    robustness = {"images": 8, "seed": 0, "floor": "0.6", "attacks": [attack], "checks": ["S01"], "gates": [asked]}
    text = json.dumps({"name": "quick", "robustness": robustness | {"poisons": [], "detectors": []}})
    fooled = IMAGES[held:]
    attacks = (replace(TRIED, held=IMAGES[:held], fooled=fooled, sizes=("0.010000",) * len(fooled)),)
    word = Outcome.FAILED if signed.passed is GateOutcome.FAILED else Outcome.PASSED
    word = word if signed.passed in DECIDED else Outcome.INCONCLUSIVE
    return {
        "format": version,
        "word": word,
        "policy_text": text,
        "policy_digest": sha256(text.encode()).hexdigest(),
        "missed": (),
        "attacks": attacks,
        "checks": (CHECK,),
        "gates": (signed,),
        "authentic": AUTHENTIC if version == RESULT_V2 else (),
        "baseline": digest("baseline") if baseline and version == RESULT_V2 else None,
    }


HELD, SLICE, LOST = gate(), gate(part="authentic"), gate("regressions", "0.05")
PASSED, FAILED, WAIVED, UNDECIDED, UNASKED = GateOutcome
# What was signed: the gate that was asked, how it is said to have ended, and how many of eight images held.
FORGERIES: dict[str, tuple[Mapping[str, Any], GateResult, int]] = {
    "lower-bound-missed-and-passed": (gate(value="0.6"), ended(gate(value="0.6"), PASSED, 7, 8), 7),
    "slice-passed-though-every-image-was-fooled": (SLICE, ended(SLICE, PASSED, 8, 8), 0),
    "upper-bound-reached-and-failed": (gate(value="0.9", bound="upper"), ended(HELD, FAILED, 6, 8), 6),
    "point-missed-and-passed": (gate(value="0.8", bound="point"), ended(HELD, PASSED, 6, 8), 6),
    "count-that-the-attack-did-not-leave": (HELD, ended(HELD, PASSED, 8, 8), 7),
    "undecided-with-enough-images": (HELD, ended(HELD, UNDECIDED, 8, 8), 8),
    "not-asked-though-it-compares-nothing": (HELD, ended(HELD, UNASKED, 8, 8), 8),
    "other-severity": (gate(severity="error"), ended(gate(severity="note"), FAILED, 1, 8), 1),
    "waived-after-the-waiver-ended": (gate(value="0.6", waiver=OVER), ended(HELD, WAIVED, 1, 8), 1),
    "slice-lost-more-than-all-images-did": (SLICE, ended(SLICE, FAILED, 0, 4), 7),
    "slice-below-its-bound-and-passed": (gate(value="0.4", part="authentic"), ended(SLICE, PASSED, 3, 4), 3),
    "regressions-passed-though-all-were-lost": (LOST, ended(LOST, PASSED, 8, 8, 8), 0),
    "regressions-failed-though-none-was-lost": (LOST, ended(LOST, FAILED, 0, 8, 8), 8),
    "more-lost-than-do-not-hold": (LOST, ended(LOST, FAILED, 6, 8, 8), 8),
    "regressions-decided-where-all-could-be-chance": (LOST, ended(LOST, PASSED, 0, 8, 3), 3),
}
# What version 2 signs more of: the same, and whether there is a baseline.
OF_VERSION_2: dict[str, tuple[Mapping[str, Any], GateResult, int, bool]] = {
    "slice-of-other-counts-than-its-images": (SLICE, ended(SLICE, PASSED, 3, 4), 4, False),
    "slice-of-all-images": (SLICE, ended(SLICE, PASSED, 4, 8), 4, False),
    "regressions-not-asked-though-there-is-a-baseline": (LOST, ended(LOST, UNASKED, 0, 8), 8, True),
    "regressions-decided-without-a-baseline": (LOST, ended(LOST, PASSED, 0, 8, 8), 8, False),
    "regressions-decided-without-counts": (LOST, ended(LOST, PASSED, 0, 8), 8, True),
    "more-held-before-than-there-are": (LOST, ended(LOST, PASSED, 0, 8, 9), 8, True),
    "held-before-of-a-gate-that-does-not-compare": (HELD, ended(HELD, PASSED, 8, 8, 5), 8, False),
    "regressions-passed-against-its-counts": (LOST, ended(LOST, PASSED, 6, 8, 8), 2, True),
}
GENUINE: dict[str, tuple[Mapping[str, Any], GateResult, int, bool]] = {
    "lower-bound": (HELD, ended(HELD, PASSED, 8, 8), 8, False),
    "slice": (SLICE, ended(SLICE, PASSED, 4, 4), 5, False),
    "slice-failed": (SLICE, ended(SLICE, FAILED, 1, 4), 1, False),
    "first": (LOST, ended(LOST, UNASKED, 0, 8), 8, False),
    "no-loss": (LOST, ended(LOST, PASSED, 0, 8, 8), 8, True),
    "some-lost": (LOST, ended(LOST, PASSED, 2, 8, 8), 6, True),
    "too-many-lost": (LOST, ended(LOST, FAILED, 6, 8, 8), 2, True),
    "could-be-chance": (LOST, ended(LOST, UNDECIDED, 0, 8, 3), 3, True),
    "other-images": (LOST, ended(LOST, UNDECIDED, 0, 8), 3, True),
}


def forged(keys: Keyring, fields: dict[str, Any], **changes: Any) -> bytes:
    """Return a result that is signed without being checked; `changes` are made after its sentences."""
    genuine, forgery = made(keys["auditor"].public), object.__new__(StressResult)
    whole = {name: getattr(genuine, name) for name in StressResult.__dataclass_fields__}
    for name, value in (worded(whole | fields) | changes).items():
        object.__setattr__(forgery, name, value)
    return sign_payload(forgery.to_payload(), keys["auditor"])


def refused(data: bytes, trust: TrustStore) -> str:
    with pytest.raises(SigningError) as caught:
        open_stress_result(data, RESULT, trust=trust)
    assert caught.value.reason is Reason.MALFORMED
    return str(caught.value)


@pytest.mark.parametrize("version", [RESULT_V1, RESULT_V2])
@pytest.mark.parametrize("name", FORGERIES)
def test_a_result_that_fails_its_own_gate_is_refused(keys: Keyring, trust: TrustStore, name: str, version: str) -> None:
    asked, signed, held = FORGERIES[name]
    compared = asked["metric"] == "regressions"
    fault = refused(forged(keys, result(keys, version, asked, signed, held, compared)), trust)
    assert "worst" in fault or "of 8 hold" in fault


@pytest.mark.parametrize("name", OF_VERSION_2)
def test_version_2_leaves_no_count_to_the_signer(keys: Keyring, trust: TrustStore, name: str) -> None:
    asked, signed, held, baseline = OF_VERSION_2[name]
    fault = refused(forged(keys, result(keys, RESULT_V2, asked, signed, held, baseline)), trust)
    assert "worst" in fault or "of 8 hold" in fault


# Gates that end in one way only: the gate that was asked, how it ended, and how many of eight images held.
FOREGONE: dict[str, tuple[Mapping[str, Any], GateResult, int]] = {
    "lower-bound-0": (gate(value="0"), ended(HELD, PASSED, 0, 8), 0),
    "point-0": (gate(value="0", bound="point"), ended(HELD, PASSED, 0, 8), 0),
    "upper-bound-below-wilson-s-upper-end-of-none": (
        gate(value="0.3", bound="upper"),
        ended(HELD, PASSED, 0, 8),
        0,
    ),
    "lower-bound-above-wilson-s-lower-end-of-all": (gate(value="0.7"), ended(HELD, FAILED, 8, 8), 8),
    "more-images-than-there-are": (gate(least=9), ended(HELD, UNDECIDED, 8, 8), 8),
    "fewer-images-than-losses-that-are-no-chance": (gate("regressions", "0.003"), ended(LOST, UNDECIDED, 0, 8), 8),
    "slice-of-too-few-images": (gate(part="authentic", least=5), ended(SLICE, UNDECIDED, 4, 4), 8),
}


@pytest.mark.parametrize("name", FOREGONE)
def test_a_gate_that_ends_in_one_way_only_is_refused_from_version_2_on(
    keys: Keyring, trust: TrustStore, name: str
) -> None:
    asked, signed, held = FOREGONE[name]
    fault = refused(forged(keys, result(keys, RESULT_V2, asked, signed, held)), trust)
    assert f"is {signed.passed} whether all of its {signed.of} images hold" in fault
    assert open_stress_result(forged(keys, result(keys, RESULT_V1, asked, signed, held)), RESULT, trust=trust)


LOW = ended(SLICE, FAILED, 1, 4)
# What a signer states, of a result in which one of four authentic images held, and what refuses it.
STATED: dict[str, tuple[dict[str, Any], str]] = {
    "another-sentence-of-a-gate": ({"gates": (replace(LOW, said="4 of 4 held"),)}, "1 of 4 held"),
    "another-reason-of-the-outcome": ({"why": ("a lens was dirty",)}, "other reasons"),
    "no-reason-of-the-outcome": ({"why": ()}, "other reasons"),
    "another-seed": ({"taken": replace(TAKEN, seed=7)}, "seed 7, the quoted policy asks for 0"),
    "fewer-authentic-images": ({"authentic": AUTHENTIC[:3]}, "3 authentic images, the quoted policy asks for 4"),
}


@pytest.mark.parametrize("name", STATED)
def test_version_2_leaves_no_sentence_seed_or_class_to_the_signer(keys: Keyring, trust: TrustStore, name: str) -> None:
    changes, fault = STATED[name]
    fields = result(keys, RESULT_V2, SLICE, LOW, 1)
    assert open_stress_result(forged(keys, fields), RESULT, trust=trust)
    assert fault in refused(forged(keys, fields, **changes), trust)


@pytest.mark.parametrize("version", [RESULT_V1, RESULT_V2])
@pytest.mark.parametrize("name", GENUINE)
def test_what_its_counts_say_is_accepted(keys: Keyring, trust: TrustStore, name: str, version: str) -> None:
    asked, signed, held, baseline = GENUINE[name]
    if version == RESULT_V1:
        signed = replace(signed, before=None)
    opened, _ = open_stress_result(
        forged(keys, result(keys, version, asked, signed, held, baseline)), RESULT, trust=trust
    )
    assert opened.gates == (replace(signed, said=opened.gates[0].said),)
    recomputed = version == RESULT_V2 or signed.name == "held/worst/all"
    assert ("not recomputable from a version 1 result" in opened.explain(signed)) is not recomputed


def test_an_authentic_image_that_was_not_judged_is_refused(keys: Keyring) -> None:
    for strangers in ((digest("another"),), (IMAGES[0], IMAGES[0]), ("x",)):
        fields = result(keys, RESULT_V2, HELD, ended(HELD, PASSED, 8, 8), 8) | {"authentic": strangers}
        with pytest.raises(ValueError, match=r"not judged|there twice|digest"):
            made(keys["auditor"].public, **fields)


def test_version_1_cannot_be_written_any_more(keys: Keyring, trust: TrustStore) -> None:
    later = NOW + YEAR / 2
    late, trust = {"issued": write_time(later)}, replace(trust, at=later)
    fields = result(keys, RESULT_V1, HELD, ended(HELD, PASSED, 8, 8), 8) | late
    with pytest.raises(SigningError, match="is of version 1, none of which was issued after") as caught:
        open_stress_result(forged(keys, fields), RESULT, trust=trust)
    assert caught.value.reason is Reason.CONTRADICTION
    opened, _ = open_stress_result(
        forged(keys, fields | {"format": RESULT_V2, "authentic": AUTHENTIC}), RESULT, trust=trust
    )
    assert opened.format == RESULT_V2


@pytest.mark.parametrize("place", ["authentic", "baseline", "before"])
def test_version_1_says_nothing_that_came_later(keys: Keyring, trust: TrustStore, place: str) -> None:
    data = json.loads(forged(keys, result(keys, RESULT_V1, HELD, ended(HELD, PASSED, 8, 8), 8)))
    statement = json.loads(base64.b64decode(data["dsseEnvelope"]["payload"]))
    entry = statement["predicate"]["configuration"][1]
    details = json.loads(base64.b64decode(entry["content"]))
    assert not {"authentic", "baseline"} & details.keys()
    leaf = details["gates"][0] if place == "before" else details
    leaf[place] = [] if place == "authentic" else None
    entry["content"] = base64.b64encode(write_json(details)).decode()
    assert "not in the one form" in refused(sign_payload(write_json(statement), keys["auditor"]), trust)


def test_gates_of_many_images_are_counted_in_one_pass(keys: Keyring, trust: TrustStore) -> None:
    """A result near the largest, with a gate of each slice: a quadratic count would take minutes."""
    images = tuple(digest(f"image {number}") for number in range(40_000))
    gates = [gate(part=part) for part in ("all", "authentic", "counterfeit")]
    fields = result(keys, RESULT_V2, HELD, ended(HELD, PASSED, 8, 8), 8)
    policy = json.loads(fields["policy_text"])
    policy["robustness"] |= {"images": len(images), "gates": gates}
    text = json.dumps(policy)
    half = len(images) // 2
    counts = (len(images), half, half)
    fields |= {
        "policy_text": text,
        "policy_digest": sha256(text.encode()).hexdigest(),
        "images": len(images),
        "attacks": (replace(TRIED, held=images, fooled=(), sizes=()),),
        "authentic": images[:half],
        "gates": tuple(ended(asked, PASSED, count, count) for asked, count in zip(gates, counts, strict=True)),
    }
    start = time.process_time()
    opened, _ = open_stress_result(forged(keys, fields), RESULT, trust=trust)
    assert opened.images == len(images)
    assert time.process_time() - start < 10

"""Trust stores and bundles that are changed and signed anew: the page's modules answer as the tool does."""

import base64
import copy
import json
import os
import random
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from reports.verdict.issue import REPORT
from signing import Algorithm, PrivateKey, Role
from signing.dsse import Envelope
from signing.keys import PublicKey
from signing.roots import PAYLOAD_TYPE
from signing.sigstore_bundle import sign_payload
from signing.strict import write_json
from signing.times import write_time
from signing.trust import MEDIA_TYPE
from signing.trust_entries import identify_key
from tests.authority import Authority
from tests.conftest import NOW, YEAR, entry
from tests.page.test_verifier_modules import Case, compared
from tests.reports.verdict.made import report
from tests.reports.verdict.test_forged import AUDITOR, DEVICE

pytestmark = pytest.mark.outside
ROOTS = [PrivateKey.generate(kind) for kind in (Algorithm.ED25519, Algorithm.P256, Algorithm.ED25519)]
OTHERS = {kind: PrivateKey.generate(kind) for kind in (Algorithm.P256, Algorithm.ML_DSA_65)}
SIZE = int(os.environ.get("FUSIONDIFF_MUTATIONS", "150"))


def on_curve(curve: ec.EllipticCurve) -> PublicKey:
    return PublicKey.of(ec.generate_private_key(curve).public_key(), "new key")


def first_version(authority: Authority) -> dict[str, Any]:
    """Return a version that lists a key of every role and kind."""
    entries = [entry(AUDITOR, Role.AUDITOR, "auditor-1"), entry(DEVICE, Role.DEVICE, "sem-1")]
    entries += [
        entry(OTHERS[Algorithm.P256], Role.LABELLER, "labeller"),
        entry(OTHERS[Algorithm.ML_DSA_65], Role.DEVICE, "2"),
    ]
    listed = [each.to_json() for each in entries]
    window = {"from": write_time(NOW - YEAR), "until": write_time(NOW + YEAR), "revoked": None}
    for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()):
        key = on_curve(curve)
        listed.append({"keyid": key.keyid, "role": "model", "principal": "maker", "material": key.pem, **window})
    keyid, material = identify_key(Role.TIMESTAMP, authority.ca.read_bytes(), "authority")
    listed.append({"keyid": keyid, "role": "timestamp", "principal": "tsa", "material": material, **window})
    return {
        "version": 1,
        "previous": None,
        "issued": write_time(NOW),
        "expires": write_time(NOW + YEAR),
        "threshold": 2,
        "rootKeys": [{"keyid": key.public.keyid, "public": key.public.pem} for key in ROOTS],
        "keys": listed,
    }


def signed(root: dict[str, Any], keys: list[PrivateKey]) -> dict[str, Any]:
    return Envelope.signed_by(tuple(keys), PAYLOAD_TYPE, write_json(root)).to_json()


def following(root: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the next version."""
    return copy.deepcopy(root) | {
        "version": 2 if root.get("version") == 1 else 3,
        "previous": fingerprint(root),
        **changes,
    }


def fingerprint(root: dict[str, Any]) -> str:
    return sha256(write_json(root)).hexdigest()


def store(path: Path, envelopes: list[dict[str, Any]]) -> Path:
    path.write_bytes(write_json({"mediaType": MEDIA_TYPE, "roots": envelopes}))
    return path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "made")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a report that the auditor signed."""
    path = tmp_path / "out"
    path.mkdir()
    (path / REPORT).write_bytes(sign_payload(report(AUDITOR.public).to_payload(), AUDITOR))
    return path


def revoked(root: dict[str, Any], place: int, reason: str, days: int) -> dict[str, Any]:
    """Return the next version, in which a key is revoked."""
    changed = following(root)
    changed["keys"][place]["revoked"] = {"at": write_time(NOW + timedelta(days=days)), "reason": reason}
    return changed


def test_chains_revocations_and_times(tmp_path: Path, authority: Authority, folder: Path) -> None:
    first = first_version(authority)
    pin, cases = fingerprint(first), {}
    chains = {
        "one version": [first],
        "two": [first, following(first)],
        "rotated": [first, following(first, rootKeys=first["rootKeys"][1:], threshold=2)],
        "too high a threshold": [first, following(first, threshold=3)],
        "another history": [first, following(first, previous=64 * "0")],
        "a gap": [first, following(first, version=3)],
        "an entry removed": [first, following(first, keys=first["keys"][1:])],
        "a root key as an entry": [first, following(first, rootKeys=first["rootKeys"][:1] * 2)],
        "expires at once": [first, following(first, expires=first["issued"])],
        "no keys": [following(first, version=1, previous=None, keys=[])],
    }
    for reason in ("retired", "compromised"):
        for days in (-1, 0, 1):
            gone = revoked(first, 0, reason, days)
            chains[f"auditor {reason} {days}"] = [first, gone]
            chains[f"device {reason} {days}"] = [first, revoked(first, 1, reason, days)]
            chains[f"auditor {reason} {days}, then weaker"] = [first, gone, revoked(gone, 0, "retired", days + 1)]
            chains[f"auditor {reason} {days}, then stricter"] = [first, gone, revoked(gone, 0, "compromised", days - 1)]
    for number, (name, chain) in enumerate(chains.items()):
        path = store(tmp_path / f"{number}.json", [signed(root, ROOTS[:2]) for root in chain])
        for day in (-40, -1, 0, 1, 2, 364, 365, 800):
            cases[f"{name}, day {day}"] = Case(folder, path, pin, NOW + timedelta(days=day))
        cases[f"{name}, pinned to the last"] = Case(folder, path, fingerprint(chain[-1]), NOW)
        cases[f"{name}, another pin"] = Case(folder, path, 64 * "0", NOW)
    for name, keys in {"one": ROOTS[:1], "stranger": [ROOTS[0], AUDITOR], "all": ROOTS}.items():
        path = store(tmp_path / f"{name}.json", [signed(first, keys)])
        cases[f"signed by {name}"] = Case(folder, path, pin, NOW)
    found = compared(cases)
    assert found["PASSED"] > 20
    assert found["REFUSED"] > 100
    assert "INCONCLUSIVE" not in found


def _changed_roots(first: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield a name and a chain of envelopes: a field of one version is altered, dropped, added or exchanged."""
    chance = random.Random(3)
    for number in range(SIZE):
        roots = [first, following(first)]
        place = chance.randrange(2)
        root = copy.deepcopy(roots[place])
        holder: Any = chance.choice(
            (root, chance.choice(root["keys"]), chance.choice(root["keys"]), chance.choice(root["rootKeys"]))
        )
        name = chance.choice(list(holder))
        value = holder[name]
        pool = [
            None,
            True,
            1,
            2,
            -1,
            1.5,
            "",
            "x",
            64 * "a",
            value,
            [],
            {},
            "retired",
            "device",
            "auditor",
            "timestamp",
            "model",
        ]
        pool += [
            write_time(NOW),
            write_time(NOW + 3 * YEAR),
            {"at": write_time(NOW), "reason": "retired"},
            "J. D\u00f6e",
            "\u200b",
        ]
        pool += [key["material"] for key in first["keys"]] + [key["keyid"] for key in first["keys"]]
        if isinstance(value, str) and value:
            at = chance.randrange(len(value))
            pool += 8 * [value[:at] + chance.choice("aA0/+\n=") + value[at + 1 :], value[:at] + value[at + 1 :]]
        if isinstance(value, list):
            pool += 4 * [value[1:], value[::-1], [*value, value[0]]]
        if chance.random() < 0.7:
            pool = [each for each in pool if type(each) is type(value)] or pool
        if chance.random() < 0.1:
            del holder[name]
        else:
            holder[name] = chance.choice(pool)
        roots[place] = root
        if place == 0:
            roots = [root, following(root)] if chance.random() < 0.8 else roots
        yield f"{number}: {place}.{name} = {holder.get(name)!a}"[:200], [signed(each, ROOTS[:2]) for each in roots]


def test_mutated_trust_stores(tmp_path: Path, authority: Authority, folder: Path) -> None:
    first, cases = first_version(authority), {}
    for number, (name, chain) in enumerate(_changed_roots(first)):
        path = store(tmp_path / f"{number}.json", chain)
        cases[name] = Case(folder, path, None, NOW)
    found = compared(cases, unpinned=True)
    assert found["REFUSED"] > 0.5 * SIZE
    assert found["PASSED"] > 0.05 * SIZE


def test_mutated_bundles(tmp_path: Path, authority: Authority, folder: Path) -> None:
    """Bytes of the file are changed, and fields of its JSON, without a new signature."""
    first, chance, cases = first_version(authority), random.Random(5), {}
    trust, data = store(tmp_path / "trust.json", [signed(first, ROOTS[:2])]), (folder / REPORT).read_bytes()
    bundle = json.loads(data)
    for number in range(SIZE):
        changed = copy.deepcopy(bundle)
        material, dsse = changed["verificationMaterial"], changed["dsseEnvelope"]
        holder: Any = chance.choice((changed, material, material["publicKey"], dsse, dsse["signatures"][0]))
        name = chance.choice([*holder, "added", "certificate", "timestampVerificationData"])
        pool: list[Any] = [
            None,
            1,
            "",
            "x",
            [],
            {},
            [1],
            64 * "a",
            "application/vnd.in-toto+json",
            AUDITOR.public.keyid,
        ]
        pool += [
            copy.deepcopy(dsse["signatures"]) * 2,
            base64.b64encode(AUDITOR.sign(b"x")).decode(),
            {"rfc3161Timestamps": []},
        ]
        holder[name] = chance.choice(pool)
        text = bytearray(json.dumps(changed, indent=chance.choice((None, 1))).encode())
        if chance.random() < 0.5:
            text = bytearray(data)
            place = chance.choice((chance.randrange(len(text)), chance.randrange(120), -1 - chance.randrange(200)))
            text[place] = chance.choice((text[place] ^ 1, *b' "{}[],:=\\\n+-_0aA'))
        own = tmp_path / f"{number}"
        own.mkdir()
        (own / REPORT).write_bytes(text)
        cases[f"{number}: {name}"] = Case(own, trust, fingerprint(first), NOW)
    found = compared(cases)
    assert found["REFUSED"] > 0.9 * len(cases)

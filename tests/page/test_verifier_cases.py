"""Excerpts, checkpoints, summaries and keys: the page's modules answer as the tool does."""

import base64
import copy
import json
import random
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reports.verdict.excerpt import make_excerpt
from reports.verdict.issue import CHECKPOINT, REPORT, SUMMARY, verification_summary
from reports.verdict.rows import ImageRow, SpecimenRow
from signing import Algorithm, Checkpoint, PrivateKey, Role, sign_checkpoint
from signing.dsse import Envelope
from signing.sigstore_bundle import SigstoreBundle, sign_payload
from tests.authority import Authority
from tests.conftest import NOW, entry, make_trust
from tests.page.test_verifier_modules import Case, as_case, compared, stored, written
from tests.page.test_verifier_trust import OTHERS, ROOTS, fingerprint, first_version, signed, store
from tests.reports.verdict import test_specimen_check
from tests.reports.verdict.made import changed, redecided, report
from tests.reports.verdict.test_forged import (
    AUDITOR,
    DEVICE,
    checkpoint_of,
    genuine,
)

pytestmark = pytest.mark.outside


def test_rows_that_an_excerpt_shows_beside_a_specimen(tmp_path: Path) -> None:
    trust, cases = stored(tmp_path), {}
    accepted = test_specimen_check.test_a_specimen_s_row_that_other_images_explain_is_accepted
    pairs: list[tuple[ImageRow, SpecimenRow]] = [
        *test_specimen_check.FORGED.values(),
        *accepted.pytestmark[0].args[1],  # type: ignore[attr-defined]
    ]
    heads = test_specimen_check.test_rows_that_the_header_excludes_are_refused.pytestmark[0].args[1]  # type: ignore[attr-defined]
    for number, (row, specimen) in enumerate(pairs):
        for place, head in enumerate((test_specimen_check.HEADER, *heads)):
            path = tmp_path / f"{number}-{place}.json"
            path.write_bytes(test_specimen_check.shown(row, specimen, head))
            cases[f"{number}, header {place}"] = as_case(path, trust)
    found = compared(cases)
    assert found["PASSED"] >= 10
    assert found["REFUSED"] > 50


def test_excerpts_of_nameless_images_and_of_two_trees(tmp_path: Path) -> None:
    said, trust, cases = genuine(), stored(tmp_path), {}
    other = changed(said, header=replace(said.header, id="f" * 32))
    one, two = (
        json.loads(make_excerpt(each, checkpoint_of(each), "tile-000000.tif"))
        for each in (said, redecided(said, said.images[:9]))
    )
    named = json.loads(make_excerpt(said, checkpoint_of(said), "tile-000000.tif"))
    nameless = json.loads(make_excerpt(said, checkpoint_of(said), "tile-000009.tif"))
    foreign = json.loads(make_excerpt(other, checkpoint_of(other), "tile-000000.tif"))
    made: dict[str, Any] = {
        "one": one,
        "nameless": nameless,
        "two trees": one | {"image": two["image"], "specimen": two["specimen"]},
        "another report": one | {"image": foreign["image"]},
        "without its specimen": {name: part for name, part in named.items() if name != "specimen"},
        "a specimen of a nameless one": nameless | {"specimen": named["specimen"]},
        "the header as the image": named | {"image": named["header"]},
        "the image as the header": named | {"header": named["image"]},
        "the specimen of another": named
        | {"specimen": json.loads(make_excerpt(said, checkpoint_of(said), "tile-000001.tif"))["specimen"]},
        "another format": named | {"format": "fusiondiff-audit/excerpt/v2"},
        "a field more": named | {"more": 1},
        "a list": [],
    }
    chance = random.Random(4)
    for number in range(200):
        each = copy.deepcopy(chance.choice((named, nameless)))
        part = each[chance.choice(list(each)[1:])] if chance.random() < 0.9 else each["header"]
        part = part if isinstance(part, dict) else each["image"]
        name = chance.choice(("proof", "proof", "proof", "salt"))
        text = part[name]
        place = chance.randrange(len(text))
        pool = (
            text[:place] + chance.choice("\n A0/+=\u2014\t\u00e9x9") + text[place + 1 :],
            text[:place],
            text + "\n",
            text[1:],
            "",
            7,
        )
        part[name] = chance.choice(pool)
        made[f"{number}: {name}"] = each
    extra = "\n".join(f"\u2014 other{n} AAAAAAAA" for n in range(20)) + "\n"
    for count in (1, 15, 16):
        each = copy.deepcopy(named)
        each["header"]["proof"] += "\n".join(extra.split("\n")[:count]) + "\n"
        made[f"{count} signatures of others"] = each
    for number, (name, each) in enumerate(made.items()):
        path = tmp_path / f"{number}.json"
        path.write_bytes(json.dumps(each).encode())
        cases[name] = as_case(path, trust)
    found = compared(cases)
    assert found["PASSED"] >= 4
    assert found["REFUSED"] > 150


def test_checkpoints_and_summaries_beside_a_report(tmp_path: Path) -> None:
    said, trust, cases = genuine(), stored(tmp_path), {}
    chance, good = random.Random(6), checkpoint_of(said)
    tree = Checkpoint(said.origin, len(said.tree), said.tree.root())
    notes = {
        "good": good,
        "another size": sign_checkpoint(replace(tree, size=tree.size + 1), AUDITOR),
        "another root": sign_checkpoint(replace(tree, root=bytes(32)), AUDITOR),
        "another origin": sign_checkpoint(replace(tree, origin="elsewhere"), AUDITOR),
        "another key": sign_checkpoint(tree, DEVICE),
        "without leaves": sign_checkpoint(Checkpoint(said.origin, 0, bytes(32)), AUDITOR),
        "large": good + 70_000 * b"x",
    }
    notes["a line without a signature"] = good + "\u2014 x AAAA\n".encode()
    notes["a line that is none"] = good + b"x\n"
    for number in range(120):
        data = bytearray(good)
        place = chance.randrange(len(data))
        data[place : place + chance.choice((0, 1))] = bytes([chance.choice(b"\n\r\t aA0+/=-\xe2\xff")])
        notes[f"note {number}"] = bytes(data)
    summary = verification_summary(said)
    summaries = {
        "good": sign_payload(summary, AUDITOR),
        "passed": sign_payload(summary.replace(b"FAILED", b"PASSED"), AUDITOR),
        "by the device": sign_payload(summary, DEVICE),
        "of another": sign_payload(verification_summary(redecided(said, said.images[:5])), AUDITOR),
        "none": b"{}",
    }
    for number, (name, content) in enumerate([*notes.items(), *summaries.items()]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / REPORT).write_bytes(sign_payload(said.to_payload(), AUDITOR))
        (folder / (CHECKPOINT if number < len(notes) else SUMMARY)).write_bytes(content)
        cases[f"{number}: {name}"] = as_case(folder, trust)
    found = compared(cases)
    assert found["PASSED"] >= 2
    assert found["REFUSED"] > 100


def test_who_signed_and_with_what(tmp_path: Path) -> None:
    p256, mldsa = PrivateKey.generate(Algorithm.P256), OTHERS[Algorithm.ML_DSA_65]
    keys = {
        "auditor": AUDITOR,
        "device": DEVICE,
        "p256": p256,
        "ml-dsa": mldsa,
        "stranger": PrivateKey.generate(Algorithm.ED25519),
    }
    roles = {"auditor": Role.AUDITOR, "device": Role.DEVICE, "p256": Role.AUDITOR, "ml-dsa": Role.AUDITOR}
    listed = make_trust(
        PrivateKey.generate(Algorithm.ED25519), tuple(entry(keys[name], role, name) for name, role in roles.items())
    )
    trust, cases = stored(tmp_path, listed), {}
    for name, key in keys.items():
        made = report(key.public if name != "stranger" else AUDITOR.public, principal=name)
        for kind in ("application/vnd.in-toto+json", "text/plain"):
            folder = tmp_path / f"{name} {kind[-4:]}"
            folder.mkdir()
            envelope = Envelope.signed_by((key,), kind, made.to_payload())
            (folder / REPORT).write_bytes(SigstoreBundle(envelope).to_bytes())
            cases[f"{name}, {kind}"] = Case(folder, trust, listed.fingerprint, NOW)
    beside = tmp_path / "p256 json"
    if not beside.exists():
        beside = next(tmp_path.glob("p256 *json"))
    (beside / CHECKPOINT).write_bytes(checkpoint_of(report(AUDITOR.public)))
    assert compared(cases) == {"PASSED": 1, "REFUSED": 9}


def test_keys_and_authorities_that_a_store_cannot_list(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    first, cases = first_version(authority), {}
    report_folder = written(tmp_path, "out", report(AUDITOR.public).to_payload())
    weak = bytes.fromhex("302a300506032b6570032100") + bytes(32)
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    compressed = curve.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    off = bytearray(curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    off[-1] ^= 1
    k256 = ec.generate_private_key(ec.SECP256K1()).public_key()
    rsa_key = rsa.generate_private_key(65537, 2048).public_key()
    good = first["keys"][0]["material"]
    pems = {
        "weak": pem(weak),
        "compressed": pem(bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + compressed),
        "off the curve": pem(bytes(off)),
        "secp256k1": k256.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "rsa": rsa_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "none": "x",
        "text before": f"x\n{good}",
        "text after": f"{good}x",
        "crlf": good.replace("\n", "\r\n"),
        "one line": good.replace("\n", ""),
        "no last line end": good[:-1],
        "another label": good.replace("PUBLIC", "PRIVATE"),
        "model key": first["keys"][4]["material"],
        "certificate": first["keys"][-1]["material"],
        "leaf certificate": (authority.folder / "tsa.pem").read_text(),
        "certificate with text": "x\n" + first["keys"][-1]["material"],
    }
    for name, text in pems.items():
        # Another form of a key that no model has: the tool says `unsupported`, and the page that it cannot read it.
        places = ((0, "auditor"), (7, "timestamp")) if text != good and good[30:60] in text else PLACES
        for place, role in places:
            root = copy.deepcopy(first)
            der = (
                base64.b64decode("".join(text.split("-----")[2].split()))
                if role == "timestamp" and text.count("-----") == 4
                else text.encode()
            )
            root["keys"][place] |= {"material": text, "keyid": sha256(der).hexdigest(), "role": role}
            path = store(tmp_path / f"{name} {role}.json", [signed(root, ROOTS[:2])])
            cases[f"{name} as {role}"] = Case(report_folder, path, fingerprint(root), NOW)
    path = tmp_path / "a key.json"
    path.write_text(good)
    cases["a key in place of a store"] = Case(report_folder, path, None, NOW)
    found = compared(cases, unpinned=True)
    assert found["REFUSED"] > 40
    assert "INCONCLUSIVE" not in found


PLACES = ((0, "auditor"), (4, "model"), (7, "timestamp"))


def pem(der: bytes) -> str:
    encoded = base64.b64encode(der).decode()
    lines = "\n".join(encoded[at : at + 64] for at in range(0, len(encoded), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"

"""Checkpoints and proof files of C2SP: the published example, ours, and everything that must not pass."""

import base64
import hashlib
import random
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import signing
from signing.errors import Reason, SigningError
from signing.notes import key_id
from signing.proofs import ProvenLeaf
from tests.attacker import flips, mutant

Keys = dict[str, signing.PrivateKey]
ORIGIN = "fusiondiff-audit/report/0123456789abcdef"
ENTRIES = [f"row {i}".encode() for i in range(11)]
# C2SP signed-note.md, "Example"
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


@pytest.fixture
def log(keys: Keys) -> tuple[signing.MerkleTree, bytes]:
    """Return a tree over the entries and its signed checkpoint."""
    tree = signing.MerkleTree(signing.leaf_hash(entry) for entry in ENTRIES)
    checkpoint = signing.Checkpoint(ORIGIN, len(tree), tree.root())
    return tree, signing.sign_checkpoint(checkpoint, keys["auditor"])


def open_note(data: bytes, keys: Keys, *, origin: str = ORIGIN, key: str = "auditor") -> signing.Checkpoint:
    return signing.open_checkpoint(data, "test", origin=origin, key=keys[key].public)


def refuse(act: Callable[[], object], *reasons: Reason) -> None:
    with pytest.raises(SigningError) as caught:
        act()
    assert not reasons or caught.value.reason in reasons, caught.value


def test_the_published_example() -> None:
    name, digits, encoded = VKEY.split("+", 2)
    raw = base64.b64decode(encoded)
    assert raw[:1] == b"\x01"
    key = signing.PublicKey.of(Ed25519PublicKey.from_public_bytes(raw[1:]), "test")
    assert key_id(name, key).hex() == digits
    # It is no checkpoint, and is refused as none only after its signature was found good.
    refuse(lambda: signing.open_checkpoint(EXAMPLE.encode(), "test", origin=name, key=key), Reason.MALFORMED)
    changed = EXAMPLE.replace("an example", "my example")
    refuse(lambda: signing.open_checkpoint(changed.encode(), "test", origin=name, key=key), Reason.BAD_SIGNATURE)


def test_a_checkpoint_comes_back_and_has_the_specified_form(log: tuple[signing.MerkleTree, bytes], keys: Keys) -> None:
    tree, note = log
    assert open_note(note, keys) == signing.Checkpoint(ORIGIN, 11, tree.root())
    text, signature = note.decode().split("\n\n")
    assert text == f"{ORIGIN}\n11\n{base64.b64encode(tree.root()).decode()}"
    raw = keys["auditor"].public.raw()
    expected = hashlib.sha256(ORIGIN.encode() + b"\n\x01" + raw).digest()[:4]
    assert base64.b64decode(signature.removeprefix(f"— {ORIGIN} "))[:4] == expected


def test_every_flipped_byte_of_a_checkpoint_is_refused(log: tuple[signing.MerkleTree, bytes], keys: Keys) -> None:
    for changed in flips(log[1]):
        refuse(lambda: open_note(changed, keys))  # noqa: B023


def test_every_deleted_line_of_a_checkpoint_is_refused(log: tuple[signing.MerkleTree, bytes], keys: Keys) -> None:
    lines = log[1].split(b"\n")
    for i in range(len(lines)):
        refuse(lambda: open_note(b"\n".join(lines[:i] + lines[i + 1 :]), keys))  # noqa: B023


@pytest.mark.parametrize("change", ["another origin", "another key", "extension", "carriage return", "17 signatures"])
def test_another_checkpoint_than_the_expected_one_is_refused(
    log: tuple[signing.MerkleTree, bytes], keys: Keys, change: str
) -> None:
    tree, note = log
    match change:
        case "another origin":
            refuse(lambda: open_note(note, keys, origin="another/log"), Reason.NO_SIGNATURE)
            text = f"another/log\n11\n{base64.b64encode(tree.root()).decode()}\n"
            line = sign_line(text, ORIGIN, keys["auditor"])  # the right key and name, over another log's text
            refuse(lambda: open_note(f"{text}\n{line}".encode(), keys), Reason.BAD_PROOF)
        case "another key":
            refuse(lambda: open_note(note, keys, key="thief"), Reason.NO_SIGNATURE)
        case "extension":
            text = f"{ORIGIN}\n11\n{base64.b64encode(tree.root()).decode()}\nmore\n"
            line = sign_line(text, ORIGIN, keys["auditor"])
            refuse(lambda: open_note(f"{text}\n{line}".encode(), keys), Reason.MALFORMED)
        case "carriage return":
            refuse(lambda: open_note(note.replace(b"\n", b"\r\n"), keys), Reason.MALFORMED)
        case "17 signatures":
            many = note + note.split(b"\n\n")[1] * 16
            refuse(lambda: open_note(many, keys), Reason.TOO_LARGE)


def sign_line(text: str, name: str, key: signing.PrivateKey) -> str:
    blob = key_id(name, key.public) + key.sign(text.encode())
    return f"— {name} {base64.b64encode(blob).decode()}\n"


def test_witnesses_may_add_their_lines(log: tuple[signing.MerkleTree, bytes], keys: Keys) -> None:
    text = log[1].decode().split("\n\n")[0] + "\n"
    witness = sign_line(text, "witness.example/w1", keys["thief"])
    assert open_note(log[1] + witness.encode(), keys).size == 11
    alone = f"{text}\n{witness}".encode()
    refuse(lambda: open_note(alone, keys), Reason.NO_SIGNATURE)


@pytest.mark.parametrize("size", ["011", "-1", "1.0", "", "٣", str(2**63), " 11"])
def test_only_one_form_of_a_size_is_read(keys: Keys, size: str) -> None:
    text = f"{ORIGIN}\n{size}\n{base64.b64encode(bytes(32)).decode()}\n"
    refuse(lambda: open_note(f"{text}\n{sign_line(text, ORIGIN, keys['auditor'])}".encode(), keys))


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb"])
def test_a_bad_origin_of_a_log_is_refused(keys: Keys, origin: str) -> None:
    refuse(
        lambda: signing.sign_checkpoint(signing.Checkpoint(origin, 0, bytes(32)), keys["auditor"]), Reason.BAD_REQUEST
    )


def test_a_key_of_another_kind_signs_no_checkpoint(keys: Keys) -> None:
    refuse(lambda: signing.sign_checkpoint(signing.Checkpoint(ORIGIN, 0, bytes(32)), keys["p256"]), Reason.UNSUPPORTED)


def prove(data: bytes, keys: Keys, *, entry: bytes) -> ProvenLeaf:
    return signing.open_proof(data, "test", entry=entry, origin=ORIGIN, key=keys["auditor"].public)


def test_a_proof_file_proves_its_entry_alone(log: tuple[signing.MerkleTree, bytes], keys: Keys) -> None:
    tree, note = log
    for i, entry in enumerate(ENTRIES):
        data = signing.write_proof(i, tree.inclusion(i), note)
        proven = prove(data, keys, entry=entry)
        assert (proven.index, proven.checkpoint.size) == (i, 11)
        refuse(lambda: prove(data, keys, entry=b"row 99"), Reason.BAD_PROOF)  # noqa: B023
        wrong = signing.write_proof((i + 1) % 11, tree.inclusion(i), note)
        refuse(lambda: prove(wrong, keys, entry=entry), Reason.BAD_PROOF)  # noqa: B023


def test_a_proof_has_the_specified_form(log: tuple[signing.MerkleTree, bytes]) -> None:
    tree, note = log
    lines = signing.write_proof(3, tree.inclusion(3), note).split(b"\n")
    assert lines[:2] == [b"c2sp.org/tlog-proof@v1", b"index 3"]
    assert [base64.b64decode(line) for line in lines[2:6]] == list(tree.inclusion(3))
    assert lines[6] == b""
    assert b"\n".join(lines[7:]) == note


def test_every_flipped_byte_of_a_proof_is_refused(log: tuple[signing.MerkleTree, bytes], keys: Keys) -> None:
    data = signing.write_proof(6, log[0].inclusion(6), log[1])
    for changed in flips(data):
        refuse(lambda: prove(changed, keys, entry=ENTRIES[6]))  # noqa: B023


def test_every_deleted_line_of_a_proof_is_refused(log: tuple[signing.MerkleTree, bytes], keys: Keys) -> None:
    lines = signing.write_proof(6, log[0].inclusion(6), log[1]).split(b"\n")
    for i in range(len(lines)):
        refuse(lambda: prove(b"\n".join(lines[:i] + lines[i + 1 :]), keys, entry=ENTRIES[6]))  # noqa: B023


def test_an_extra_line_is_refused(log: tuple[signing.MerkleTree, bytes], keys: Keys) -> None:
    data = signing.write_proof(6, log[0].inclusion(6), log[1]).replace(b"@v1\n", b"@v1\nextra QQ==\n")
    refuse(lambda: prove(data, keys, entry=ENTRIES[6]), Reason.MALFORMED)


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.soak)])
def test_mutants_raise_signing_errors_only(log: tuple[signing.MerkleTree, bytes], keys: Keys, count: int) -> None:
    data = signing.write_proof(6, log[0].inclusion(6), log[1])
    rng = random.Random(5)
    refused = 0
    for _ in range(count):
        try:
            prove(mutant(data, rng), keys, entry=ENTRIES[6])
        except SigningError as e:
            assert str(e).isprintable()
            refused += 1
    assert refused > count // 2

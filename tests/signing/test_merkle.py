"""RFC 6962 trees against outside vectors, and against the definition by recursion."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import signing.merkle
from signing.errors import Reason, SigningError
from signing.merkle import EMPTY_ROOT, MerkleTree, leaf_hash, node_hash, verify_inclusion

# Inclusion proofs are the only proofs that this project makes or verifies.
OUT_OF_SCOPE = {"consistency": 98, "subtreeinclusion": 204, "subtreeconsistency": 118}
LEAVES = [leaf_hash(bytes([i])) for i in range(70)]


def accepts(check: Callable[..., None], *arguments: object) -> bool:
    try:
        check(*arguments)
    except SigningError as e:
        assert e.reason is Reason.BAD_PROOF
        return False
    return True


def decode(value: str | None) -> bytes:
    return base64.b64decode(value or "")


def is_proven(case: dict[str, Any]) -> bool:
    leaf, proof, root = decode(case["leafHash"]), tuple(decode(v) for v in case["proof"] or ()), decode(case["root"])
    return accepts(verify_inclusion, leaf, case["leafIdx"], case["treeSize"], proof, root, "vector")


@pytest.mark.vectors
def test_every_inclusion_vector_agrees(vectors: Path) -> None:
    paths = [p for p in (vectors / "rfc6962" / "testdata" / "inclusion").rglob("*") if p.suffix == ".json"]
    cases = {str(p): json.loads(p.read_text()) for p in paths}
    mismatches = [name for name, case in cases.items() if is_proven(case) == case["wantErr"]]
    assert mismatches == []
    assert (len(cases), sum(not case["wantErr"] for case in cases.values())) == (98, 6)


@pytest.mark.vectors
def test_vectors_out_of_scope_are_counted(vectors: Path) -> None:
    folder = vectors / "rfc6962" / "testdata"
    counts = {p.name: sum(f.suffix == ".json" for f in p.rglob("*")) for p in folder.iterdir() if p.is_dir()}
    assert counts == OUT_OF_SCOPE | {"inclusion": 98}


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(by_definition(leaves[:k]) + by_definition(leaves[k:]))


def test_roots_of_all_sizes_are_those_of_the_definition() -> None:
    tree, grown = MerkleTree(LEAVES), MerkleTree()
    for size in range(len(LEAVES) + 1):
        assert tree.root(size) == by_definition(LEAVES[:size]) == MerkleTree(LEAVES[:size]).root() == grown.root()
        grown.extend(LEAVES[size : size + 1])
    assert tree.root(0) == EMPTY_ROOT


def test_an_inclusion_proof_holds_for_its_leaf_index_and_root_alone() -> None:
    for size in range(1, 34):
        tree = MerkleTree(LEAVES[:size])
        root = tree.root()
        for index in range(size):
            proof = tree.inclusion(index)
            verify_inclusion(LEAVES[index], index, size, proof, root, "test")
            assert not accepts(verify_inclusion, LEAVES[index + 1], index, size, proof, root, "test")
            assert not accepts(verify_inclusion, LEAVES[index], index + 1, size, proof, root, "test")
            assert not accepts(verify_inclusion, LEAVES[index], index, size, (*proof, root), root, "test")


@pytest.mark.parametrize(
    "call", [lambda t: t.root(71), lambda t: t.root(-1), lambda t: t.inclusion(70), lambda t: t.inclusion(-1)]
)
def test_a_size_or_a_leaf_outside_the_tree_is_an_error(call: Callable[[MerkleTree], object]) -> None:
    with pytest.raises(ValueError, match=r"leaf|leaves"):
        call(MerkleTree(LEAVES))


def test_the_number_of_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building takes fewer than one node's hash a leaf, a proof O(log n); counts, since seconds are noise."""
    count = 0

    def counting(children: bytes) -> bytes:
        nonlocal count
        count += 1
        return node_hash(children)

    monkeypatch.setattr(signing.merkle, "node_hash", counting)
    costs = {}
    for n in (1_000, 10_000, 100_000):
        count = 0
        tree = MerkleTree(LEAVES[i % 70] for i in range(n))
        assert count < n
        worst = 0
        for index in (0, 1, n // 3, n - 2, n - 1):
            count = 0
            proof = tree.inclusion(index)
            worst = max(worst, count)
            assert len(proof) <= (n - 1).bit_length()
        costs[n] = worst
    assert all(cost <= 2 * n.bit_length() for n, cost in costs.items()), costs

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
from signing.merkle import EMPTY_ROOT, MerkleTree, leaf_hash, node_hash, verify_consistency, verify_inclusion

# RFC 6962 itself has no subtree proofs; nothing of ours uses them.
OUT_OF_SCOPE = {"subtreeinclusion": 204, "subtreeconsistency": 118}
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


def hashes(values: list[str] | None) -> tuple[bytes, ...]:
    return tuple(decode(v) for v in values or ())


def inclusion_verdict(case: dict[str, Any]) -> bool:
    leaf, proof, root = decode(case["leafHash"]), hashes(case["proof"]), decode(case["root"])
    return accepts(verify_inclusion, leaf, case["leafIdx"], case["treeSize"], proof, root, "vector")


def consistency_verdict(case: dict[str, Any]) -> bool:
    proof, roots = hashes(case["proof"]), (decode(case["root1"]), decode(case["root2"]))
    return accepts(verify_consistency, case["size1"], case["size2"], proof, *roots, "vector")


@pytest.mark.vectors
@pytest.mark.parametrize(("kind", "verdict"), [("inclusion", inclusion_verdict), ("consistency", consistency_verdict)])
def test_every_vector_agrees(vectors: Path, kind: str, verdict: Callable[[dict[str, Any]], bool]) -> None:
    paths = [p for p in (vectors / "rfc6962" / "testdata" / kind).rglob("*") if p.suffix == ".json"]
    cases = {str(p): json.loads(p.read_text()) for p in paths}
    mismatches = [name for name, case in cases.items() if verdict(case) == case["wantErr"]]
    assert mismatches == []
    assert (len(cases), sum(not case["wantErr"] for case in cases.values())) == (98, 6)


@pytest.mark.vectors
def test_vectors_out_of_scope_are_counted(vectors: Path) -> None:
    folder = vectors / "rfc6962" / "testdata"
    found = {p.name: sum(f.suffix == ".json" for f in p.rglob("*")) for p in folder.iterdir() if p.is_dir()}
    assert found == OUT_OF_SCOPE | {"inclusion": 98, "consistency": 98}


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


def test_every_leaf_of_every_size_is_proven_and_no_other() -> None:
    tree = MerkleTree(LEAVES)
    for size in range(1, 34):
        root = tree.root(size)
        for index in range(size):
            proof = tree.inclusion(index, size)
            verify_inclusion(LEAVES[index], index, size, proof, root, "test")
            assert not accepts(verify_inclusion, LEAVES[index + 1], index, size, proof, root, "test")
            assert not accepts(verify_inclusion, LEAVES[index], index + 1, size, proof, root, "test")
            assert not accepts(verify_inclusion, LEAVES[index], index, size, (*proof, root), root, "test")


def test_every_two_sizes_are_consistent_and_no_other() -> None:
    tree = MerkleTree(LEAVES)
    for size in range(1, 34):
        for older in range(1, size + 1):
            proof = tree.consistency(older, size)
            roots = tree.root(older), tree.root(size)
            verify_consistency(older, size, proof, *roots, "test")
            assert not accepts(verify_consistency, older, size, proof, roots[0], LEAVES[0][::-1], "test")
            assert not accepts(verify_consistency, older, size, proof, LEAVES[0][::-1], roots[1], "test")
            assert not accepts(verify_consistency, older, size, (*proof, roots[0]), *roots, "test")
    assert not accepts(verify_consistency, 0, 5, (), EMPTY_ROOT, tree.root(5), "test")


@pytest.mark.parametrize("call", [lambda t: t.root(71), lambda t: t.inclusion(70), lambda t: t.consistency(0)])
def test_sizes_that_the_tree_never_had_are_an_error(call: Callable[[MerkleTree], object]) -> None:
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

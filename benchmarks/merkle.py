"""How building a Merkle tree grows, and what a proof costs: `python -P benchmarks/merkle.py`."""

import sys
import time

from signing.merkle import MerkleTree, leaf_hash

MAX_GROWTH = 12.0  # of the time, for ten times the leaves


def main() -> int:
    """Build both trees in interleaved rounds, compare the least times, and time one proof in the large one."""
    leaves = [leaf_hash(i.to_bytes(4, "big")) for i in range(1_000_000)]
    seconds: dict[int, list[float]] = {100_000: [], 1_000_000: []}
    for i in range(4):
        for n in sorted(seconds, reverse=i % 2 == 0):
            start = time.perf_counter()
            tree = MerkleTree(leaves[:n])
            if i:
                seconds[n].append(time.perf_counter() - start)
    small, large = (min(found) for found in seconds.values())
    print(f"100,000 leaves {small:.3f} s, 1,000,000 leaves {large:.3f} s")
    tree = MerkleTree(leaves)
    start = time.perf_counter()
    proofs = [tree.inclusion(i) for i in range(0, 1_000_000, 1000)]
    print(f"one inclusion proof: {(time.perf_counter() - start) / len(proofs) * 1e6:.0f} us, {len(proofs[0])} hashes")
    growth = large / small
    print(f"{'holds' if growth <= MAX_GROWTH else 'FAILS'}: growth {growth:.2f}, at most {MAX_GROWTH}")
    return 0 if growth <= MAX_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())

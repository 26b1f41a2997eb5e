"""The growth of the time to build a Merkle tree, and the time of a proof: `python -P benchmarks/merkle.py`."""

import sys
import time

from signing.merkle import MerkleTree, leaf_hash

MAX_GROWTH = 12.0  # of the time for ten times the leaves


def main() -> int:
    """Return the exit code: 1 where the time grows by more than the bound."""
    leaves = [leaf_hash(number.to_bytes(4, "big")) for number in range(1_000_000)]
    seconds: dict[int, list[float]] = {100_000: [], 1_000_000: []}
    for number in range(4):
        for count in sorted(seconds, reverse=number % 2 == 0):
            start = time.perf_counter()
            tree = MerkleTree(leaves[:count])
            if number:
                seconds[count].append(time.perf_counter() - start)
    small, large = (min(times) for times in seconds.values())
    print(f"100,000 leaves {small:.3f} s, 1,000,000 leaves {large:.3f} s")
    tree = MerkleTree(leaves)
    start = time.perf_counter()
    proofs = [tree.inclusion(number) for number in range(0, 1_000_000, 1000)]
    print(f"one inclusion proof: {(time.perf_counter() - start) / len(proofs) * 1e6:.0f} us, {len(proofs[0])} hashes")
    growth = large / small
    print(f"{'holds' if growth <= MAX_GROWTH else 'FAILS'}: growth {growth:.2f}, at most {MAX_GROWTH}")
    return 0 if growth <= MAX_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())

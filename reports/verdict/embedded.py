"""The bundles embedded in the tool, by digest, and what any report that names one must state.

The tool that makes reports has the same facts in `fusiondiff_audit.weights.pins` and `fusiondiff_audit.stress`, and a
test compares them. A digest stays here when its bundle is replaced: older reports name it.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbeddedBundle:
    """A bundle for demonstrations: every report that was made with it is marked DEMONSTRATION."""

    name: str
    reference: str
    tested: str  # SHA-256 of the signed result of its stress test, which passed
    tested_by: str  # the stress policy of that result
    tested_on: str  # the day on which it was issued


EMBEDDED_BUNDLES: Mapping[str, EmbeddedBundle] = {  # by the digest of the bundle, as reports have it
    "ca51f3c142b2224fdf0cae599cae1f1e39d07f9becb9f1c356a20d8e7d92be2d": EmbeddedBundle(
        "fusion-diff-v1-ceramic",
        "procedural kiln Alder, demonstration",
        "0c636cfc99439a93759c241c36cd2db19450d000f65da51c60cf483917723f2a",
        "quick",
        "2026-12-01",
    ),
    "e79f081976f75c1acd2832d8d2814d53d9bfeb84433edf67ae5ea3c2235d5239": EmbeddedBundle(
        "fusion-diff-v1-ceramic",
        "procedural kiln Alder, demonstration",
        "572c0601161ca7b1bba902250cabd6740373038865af94ca7797294717d97bf7",
        "quick",
        "2026-11-28",
    ),
}
STRESS_POLICIES = ("quick", "full", "exhaustive")

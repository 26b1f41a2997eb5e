"""Fixtures of all packages, and the rule by which tests that need outside things are left out, in the open."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import signing

OUTSIDE = Path(__file__).parent / "outside"
# They start first, so that no worker waits for them at the end.
LONGEST = ("tests/test_guides.py", "tests/training/test_pretrain.py")
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
YEAR = timedelta(days=365)

# The same examples on every run; the machine's load decides nothing.
settings.register_profile("house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def left_out() -> dict[str, str]:
    """Return the markers whose tests cannot run here, with what they need.

    Where FUSIONDIFF_VECTORS or FUSIONDIFF_OUTSIDE is set, as CI does, their tests run, and fail if a thing is missing.
    """
    lacking = {}
    if not os.environ.get("FUSIONDIFF_VECTORS"):
        lacking["vectors"] = "set FUSIONDIFF_VECTORS to the folder of outside vectors"
    tools = all(map(shutil.which, ("openssl", "node", "chromium"))) and (OUTSIDE / "node_modules").is_dir()
    if not os.environ.get("FUSIONDIFF_OUTSIDE") and not tools:
        lacking["outside"] = "install openssl, node and chromium, and run `npm ci` in tests/outside"
    if os.geteuid() != 0:
        lacking["mounts"] = "run them as root, who may mount a small disk"
    if not Path("/dev/nvidiactl").exists():
        lacking["gpu"] = "run them on a machine with a GPU"
    return lacking


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lacking = left_out()
    gone = [item for item in items if any(item.get_closest_marker(marker) for marker in lacking)]
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item not in gone]
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for marker, remedy in left_out().items():
        terminalreporter.write_line(f"left out: tests marked `{marker}`; {remedy}")


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Return the folder of outside vectors."""
    return Path(os.environ["FUSIONDIFF_VECTORS"])


@pytest.fixture(scope="session")
def keys() -> dict[str, signing.PrivateKey]:
    """Return one key for each part to play; `p256` and `thief` are in no trust store."""
    names = ("root", "root2", "root3", "device", "labeller", "auditor", "thief")
    made = {name: signing.PrivateKey.generate(signing.Algorithm.ED25519) for name in names}
    made |= {name: signing.PrivateKey.generate(signing.Algorithm.P256) for name in ("p256", "model")}
    return made | {"ml-dsa": signing.PrivateKey.generate(signing.Algorithm.ML_DSA_65)}


def entry(key: signing.PrivateKey, role: signing.Role, name: str, **changes: datetime) -> signing.TrustEntry:
    """Return a trust-store entry, valid from a month ago for two years."""
    window = {"start": NOW - timedelta(days=30), "until": NOW + 2 * YEAR} | changes
    return signing.TrustEntry(key.public.keyid, role, name, key.public.pem, window["start"], window["until"])


@pytest.fixture(scope="session")
def trust(keys: dict[str, signing.PrivateKey]) -> signing.TrustStore:
    """Return a store of one version with a device, a labeller, a model key and an auditor."""
    entries = tuple(entry(keys[role.value], role, f"{role}-1") for role in signing.Role if role.value in keys)
    return make_trust(keys["root"], entries)


def make_trust(root: signing.PrivateKey, entries: tuple[signing.TrustEntry, ...] = ()) -> signing.TrustStore:
    """Return a store of one version under one root key."""
    first = signing.propose_first((root.public,), threshold=1, entries=entries, issued=NOW, expires=NOW + YEAR)
    return first.cosigned((root,)).complete(NOW)


@pytest.fixture
def make_batch(tmp_path: Path, keys: dict[str, signing.PrivateKey]) -> Callable[..., Path]:
    """Return a maker of signed folders."""

    def make(files: dict[str, bytes] | None = None, *, key: str = "device", name: str = "batch") -> Path:
        folder = tmp_path / name
        for file, data in (files or {"a.tif": b"alpha", "b/c.png": b"gamma"}).items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        sign(folder, keys[key])
        return folder

    return make


def sign(folder: Path, key: signing.PrivateKey, **changes: object) -> signing.Manifest:
    """Sign a folder with plain claims, save where they are changed."""
    plain = {
        "device": "sem-1",
        "lab": "lab",
        "captured": NOW,
        "issued": NOW,
        "sequence": 7,
        "valid_for": timedelta(days=90),
    }
    return signing.sign_batch(folder, key=key, **(plain | changes))  # type: ignore[arg-type]

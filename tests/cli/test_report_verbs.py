"""`verify`, `report excerpt` and `report verify-excerpt`, as whoever received a report calls them."""

from collections.abc import Callable
from pathlib import Path

import pytest

import signing
from fusiondiff_audit.cli.exits import Exit
from reports.issue import REPORT, issue
from tests.cli.conftest import Tool
from tests.reports.made import report


@pytest.fixture
def received(house: Tool) -> Callable[..., Path]:
    """Return what writes a report that an auditor of the house signed."""
    add = ("trust", "add", "trust.json", "--role", "auditor", "--key", "auditor.pub.pem", "--root-key", "root.pem")
    assert house(*add).code == 0
    key = signing.load_key(Path("auditor.pem"), passphrase=lambda: b"")

    def write(name: str = "out", count: int = 30) -> Path:
        said = report(key.public, count, issued=signing.write_time(signing.now()))
        folder = Path(name)
        folder.mkdir()
        for file, data in issue(said, key).items():
            (folder / file).write_bytes(data)
        return folder

    return write


def test_a_genuine_report_passes_with_numbered_checks(house: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    for path in (folder, folder / REPORT):
        done = house("verify", path, "--trust", "trust.json")
        assert done.code == 0, done.out
        assert "1.  passed  signature" in done.out
        assert "report genuine and unaltered" in done.out.splitlines()[-1] + done.err
        assert "authentic as Kiln Alder" in done.out
        assert "DEMONSTRATION" in done.out
    as_json = house("verify", folder, "--trust", "trust.json", "--json").json
    assert [check["check"] for check in as_json["checks"]][:4] == ["signature", "time", "tree", "arithmetic"]
    assert len(as_json["images"]) == 30


def test_a_changed_report_fails_at_a_numbered_check(house: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    data = bytearray((folder / REPORT).read_bytes())
    data[len(data) // 2] = ord("A") if data[len(data) // 2] != ord("A") else ord("B")  # still base64
    (folder / REPORT).write_bytes(data)
    done = house("verify", folder, "--trust", "trust.json")
    assert done.code == Exit.INTEGRITY
    assert "FAILED" in done.out
    assert house("verify", "nowhere", "--trust", "trust.json").code == Exit.UNREADABLE
    Path("empty").mkdir()
    assert house("verify", "empty", "--trust", "trust.json").code == Exit.UNREADABLE


def test_images_and_model_are_compared_when_they_are_at_hand(house: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    Path("pictures").mkdir()
    Path("pictures", "a.tif").write_bytes(b"picture")
    assert house("sign", "pictures", "--key", "device.pem", "--device", "sem-1").code == 0
    other = house("verify", folder, "--trust", "trust.json", "--images", "pictures", "--json")
    assert (other.code, other.json["reason"]) == (Exit.INTEGRITY, "digest-mismatch")
    Path("model").mkdir()
    none = house("verify", folder, "--trust", "trust.json", "--model", "model", "--json")
    assert (none.code, none.json["reason"]) == (Exit.INTEGRITY, "no-signature")


def test_an_excerpt_shows_one_image_and_is_checked_alone(house: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    made = house("report", "excerpt", folder, "tile-000003.tif", "--out", "three.json")
    assert made.code == 0, made.out
    for path in sorted(folder.iterdir()):
        path.unlink()
    done = house("report", "verify-excerpt", "three.json", "--trust", "trust.json", "--json")
    assert done.code == 0, done.out
    assert (done.json["image"], done.json["verdict"]) == ("tile-000003.tif", "AUTHENTIC")
    Path("other.tif").write_bytes(b"another picture")
    bad = house("report", "verify-excerpt", "three.json", "--trust", "trust.json", "--image", "other.tif", "--json")
    assert (bad.code, bad.json["reason"]) == (Exit.INTEGRITY, "digest-mismatch")
    Path("three.json").write_bytes(Path("three.json").read_bytes().replace(b"AUTHENTIC", b"COUNTERFEIT", 1))
    assert house("report", "verify-excerpt", "three.json", "--trust", "trust.json").code == Exit.INTEGRITY
    again = received("again")
    assert house("report", "excerpt", again, "nowhere.tif", "--out", "x.json").code == Exit.USAGE

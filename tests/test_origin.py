"""The code that runs is the code that was installed, all from one place."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from fusiondiff_audit import __version__
from fusiondiff_audit.origin import DISTRIBUTION, PACKAGES, check_origin

ROOT = Path(__file__).parents[1]
ASK = """
import sys; sys.path[:0] = sys.argv[1:]
from fusiondiff_audit.origin import check_origin
from fusiondiff_audit.errors import AuditError
try: origin = check_origin(); print(origin.released, origin.digest)
except AuditError as e: print(e.reason.value, e)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder that holds an installed release, as pip would have laid it out."""
    site = tmp_path / "site"
    record = []
    for package in PACKAGES:
        shutil.copytree(ROOT / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in sorted(site.rglob("*.*")):
        if path.is_file():
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
            record.append(f"{path.relative_to(site).as_posix()},sha256={digest},{path.stat().st_size}")
    info = site / f"fusiondiff_audit-{__version__}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {DISTRIBUTION}\nVersion: {__version__}\n")
    (info / "RECORD").write_text("\n".join(record) + "\n")
    return site


def ask(*path: Path) -> str:
    """Ask an interpreter with nothing but this on its path where its code comes from."""
    command = [sys.executable, "-I", "-S", "-B", "-c", ASK, *map(str, path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_release_is_a_release_and_has_the_checkouts_digest(site: Path) -> None:
    here = check_origin()
    assert ask(site) == f"True {here.digest}"
    assert here.released is False
    assert "(unreleased)" in str(here)


def test_the_digest_is_that_of_sorted_lines() -> None:
    kinds = {".py", ".toml", ".html", ".css"}
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix in kinds)
    sources = sorted(path.relative_to(ROOT).as_posix() for path in paths)
    assert {"fusiondiff_audit/policy/built_in/quick.toml", "fusiondiff_audit/page/templates/report.html"} < {*sources}
    lines = "".join(f"{name} {hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}\n" for name in sources)
    assert check_origin().digest == hashlib.sha256(lines.encode()).hexdigest()


def test_an_altered_module_is_found(site: Path) -> None:
    with (site / "signing" / "trust.py").open("a") as file:
        file.write("\n")
    assert ask(site) == "code-altered signing/trust.py is not as it was installed"


def test_an_easier_policy_is_found(site: Path) -> None:
    name = "fusiondiff_audit/policy/built_in/quick.toml"
    with (site / name).open("a") as file:
        file.write("\n")
    assert ask(site) == f"code-altered {name} is not as it was installed"
    (site / name).unlink()
    assert ask(site) == f"code-altered {name} was installed, and is missing"


def test_an_added_module_is_found(site: Path) -> None:
    (site / "signing" / "more.py").write_text("")
    assert ask(site) == "code-altered signing/more.py is not as it was installed"


def test_a_missing_module_is_found(site: Path) -> None:
    (site / "signing" / "names.py").unlink()
    assert ask(site) == "code-altered signing/names.py was installed, and is missing"


def test_a_release_without_a_record_is_refused(site: Path) -> None:
    (site / f"fusiondiff_audit-{__version__}.dist-info" / "RECORD").unlink()
    assert ask(site).endswith(" is not as it was installed")


def test_records_that_leave_a_doubt_are_refused(site: Path) -> None:
    for text in ("[]", "{", '{"dir_info":{"editable":true}}', '{"dir_info":7}'):
        (site / f"fusiondiff_audit-{__version__}.dist-info" / "direct_url.json").write_text(text)
        assert ask(site).startswith("code-altered "), text
    (site / f"fusiondiff_audit-{__version__}.dist-info" / "direct_url.json").unlink()
    (site / "fusiondiff_audit-0.0.9.dist-info").mkdir()
    assert ask(site).endswith(" holds the records of 2 installations")


def false_record(folder: Path, root: Path) -> Path:
    """Return a folder with a record of version 9.9 that calls a root its own."""
    record = folder / "fusiondiff_audit-9.9.dist-info"
    record.mkdir(parents=True)
    (record / "direct_url.json").write_text(json.dumps({"url": root.as_uri(), "dir_info": {"editable": True}}))
    return folder


def test_a_record_that_comes_first_on_the_path_is_not_ours(site: Path, tmp_path: Path) -> None:
    """The first record on the path was taken for the running code's."""
    before = ask(site)
    assert before.startswith("True ")
    assert ask(false_record(tmp_path / "elsewhere", ROOT), site) == before
    assert ask(false_record(tmp_path / "here", site), site) == before
    with (site / "signing" / "trust.py").open("a") as file:
        file.write("\n")
    assert ask(tmp_path / "here", site) == "code-altered signing/trust.py is not as it was installed"


def test_a_checkout_that_two_records_call_their_own_is_refused(tmp_path: Path) -> None:
    one, two = (false_record(tmp_path / name, ROOT) for name in ("one", "two"))
    assert ask(one, ROOT) == f"False {check_origin().digest}"
    assert ask(one, two, ROOT) == f"code-altered 2 installations claim {ROOT}"
    assert ask(false_record(tmp_path / "three", tmp_path), ROOT).startswith("code-altered package 'fusiondiff_audit' ")


def test_a_record_of_another_version_is_refused(site: Path) -> None:
    info = site / f"fusiondiff_audit-{__version__}.dist-info"
    info.rename(site / "fusiondiff_audit-9.9.dist-info")
    assert ask(site).endswith(f"is a record of version 9.9, but {__version__} is running")


def test_files_that_could_shadow_a_module_are_refused(site: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name in ("strict", f"strict{EXTENSION_SUFFIXES[0]}", "strict.so"):
        path = site / "signing" / name
        if name == "strict":
            path.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
        else:
            path.write_bytes(b"")
        assert ask(site).startswith("code-altered "), name
        path.unlink()
    assert ask(site).startswith("True ")


def test_a_package_from_elsewhere_is_refused(site: Path, tmp_path: Path) -> None:
    shutil.copytree(site / "signing", tmp_path / "evidence" / "signing")
    assert ask(tmp_path / "evidence", site).startswith("code-altered package 'signing' comes from ")


def test_code_that_is_not_installed_is_found(site: Path) -> None:
    shutil.rmtree(site / f"fusiondiff_audit-{__version__}.dist-info")
    assert ask(site).startswith("not-installed ")


def test_a_folder_on_the_path_cannot_shadow_a_package(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "signing", tmp_path / "signing")
    code = "import sys; from fusiondiff_audit.cli import main; sys.argv = sys.argv[:1] + sys.argv[2:]; main()"
    for verb, words in {"inspect": ["x", "--trust", "y"], "doctor": []}.items():
        command = [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}",
            "-",
            verb,
            *words,
        ]
        done = subprocess.run([*command, "--json"], capture_output=True, text=True, cwd=ROOT / "docs")
        answer = json.loads(done.stdout)
        assert (done.returncode, answer["outcome"], answer["reason"]) == (3, "REFUSED", "code-altered"), (verb, done)
        assert "comes from" in answer["sentence"]

"""The package hands on what it lists, each from its home, and nothing before it is asked for."""

import subprocess
import sys

import signing


def test_every_listed_name_has_one_home_and_is_there() -> None:
    assert sorted(signing._HOME) == sorted(signing.__all__)
    for name in signing.__all__:
        assert getattr(signing, name) is not None
    assert not hasattr(signing, "nothing_of_the_kind")


def test_importing_the_package_loads_none_of_its_modules() -> None:
    code = "import sys, signing; print(sorted(m for m in sys.modules if m.startswith('signing.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

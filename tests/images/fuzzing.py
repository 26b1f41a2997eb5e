"""The fuzzer's target: `python -m tests.images.fuzzing .tif -max_total_time=120 FOLDER`."""

import sys

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["fusiondiff_audit.images"]):
    from tests.images.test_fuzz import walk_and_decode


def main() -> None:
    """Run until the time is up; anything but a refusal of ours stops it."""
    suffix = sys.argv.pop(1)
    atheris.Setup(sys.argv, lambda data: walk_and_decode(data, f"x{suffix}"))
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""A stress test as tests: `pytest --fusiondiff-policy audit.toml` has one for each attack, check and gate.

The run is the verb's own, in a process of its own, so that no other test's state, patches or threads reach it; what the
tests say is read from the result that it signed. A doubt is a failure, as it is an exit code elsewhere: only what does
not apply, or is not asked of a first result, is skipped.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from reports.robustness import Robustness

_OPTIONS = {  # by option: the verb's own, and what it is for
    "policy": ("POLICY", "stress-test a model by this policy: quick, full, exhaustive or an audit.toml"),
    "model": ("MODEL", "the model bundle to attack"),
    "data": ("DIR", "labelled pictures that the model did not learn from"),
    "labels": ("CSV", "their labels; default: labels.csv among the pictures"),
    "trust": ("TRUST", "the trust store"),
    "root": ("DIGEST", "the trust store's root"),
    "key": ("KEY", "the auditor's private key, which signs the result"),
    "passphrase-file": ("FILE", "a file with the passphrase of that key"),
    "baseline": ("RESULT", "an earlier signed result to compare with; without one, gates that compare are skipped"),
    "out": ("DIR", "where the signed result and its page are kept: a new folder"),
}
_NEEDED = ("model", "data", "trust", "key")
_NAME = "fusiondiff-audit"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer what the verb `stress` takes."""
    group = parser.getgroup(_NAME, "stress tests of models that judge micrographs")
    for name, (metavar, words) in _OPTIONS.items():
        group.addoption(f"--fusiondiff-{name}", dest=_dest(name), metavar=metavar, help=words)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what cannot be run."""
    if config.getoption(_dest("policy")) is None:
        return
    missing = [name for name in _NEEDED if config.getoption(_dest(name)) is None]
    if missing:
        words = ", ".join(f"--fusiondiff-{name}" for name in missing)
        raise pytest.UsageError(f"--fusiondiff-policy needs {words}, too")
    if getattr(config.option, "dist", "no") != "no":  # of the plugin that spreads tests over processes
        raise pytest.UsageError("a stress test is one run: leave -n out, or run it apart from other tests")


@pytest.hookimpl(tryfirst=True)  # before tests are picked by name
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each thing that the policy asks for."""
    if config.getoption(_dest("policy")) is None:
        return
    report = config.hook.pytest_make_collect_report(collector=Stressed.from_parent(session, name=_NAME))
    config.hook.pytest_collectreport(report=report)  # so that they are counted
    items.extend(report.result)


class Stressed(pytest.Collector):
    """A model under one policy; it is attacked when the first test asks for what came of it."""

    _found: "Robustness | str | None" = None

    def collect(self) -> list[pytest.Item]:
        """Return the tests that a policy makes."""
        from fusiondiff_audit.stress.plans import poisons_of, suite_of
        from fusiondiff_audit.stress.policies import stress_policy
        from signing import SigningError

        said = self.config.getoption(_dest("policy"))
        try:
            policy = stress_policy(said)
            suite, poisons = suite_of(policy, said), poisons_of(policy, said)
        except SigningError as e:
            raise self.CollectError(f"--fusiondiff-policy: {e}") from e
        parts = {
            "attack": [plan.name for plan in suite.plans],
            "poison": [plan.name for plan in poisons],
            "check": sorted(suite.checks),
            "gate": [gate.name for gate in suite.gates],
            "result": [policy.name],
        }
        return [Part.from_parent(self, name=f"{kind} {name}") for kind, names in parts.items() for name in names]

    def result(self) -> "Robustness":
        """Return what came of the run, which happens once."""
        if self._found is None:
            self._found = self._run()
        if isinstance(self._found, str):
            raise Doubt(self._found)
        return self._found

    def _run(self) -> "Robustness | str":
        import signing
        from fusiondiff_audit.cli.exits import Exit
        from reports.robustness import RESULT, open_robustness

        out = self._asked("out") or self.config._tmp_path_factory.mktemp(_NAME) / "stressed"  # type: ignore[attr-defined]
        words = ["--labels", self._asked("labels") or str(Path(str(self._asked("data")), "labels.csv"))]
        words += [] if self._asked("baseline") else ["--first"]
        for name in _OPTIONS:
            if name not in ("labels", "out") and self._asked(name) is not None:
                words += [f"--{name}", str(self._asked(name))]
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():  # it takes minutes, and says how far it is
            command = [sys.executable, "-P", "-m", "fusiondiff_audit", "stress", *words, "--out", str(out)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603, our own
        if done.returncode not in (
            Exit.DONE,
            Exit.GATE,
            Exit.INCONCLUSIVE,
        ):  # an old result may lie there
            return f"the stress test did not end, exit code {done.returncode}; what it said stands above"
        path = Path(out, RESULT)
        trust = signing.load_trust(Path(str(self._asked("trust"))), at=signing.now())
        return open_robustness(path.read_bytes(), str(path), trust=trust)[0]

    def _asked(self, name: str) -> str | None:
        found: str | None = self.config.getoption(_dest(name))
        return found


class Part(pytest.Item):
    """One attack, poison, check or gate, or what all of them come to."""

    parent: Stressed

    def runtest(self) -> None:
        """Fail with what the result says of it."""
        kind, _, name = self.name.partition(" ")
        _refuse(self.parent.result(), kind, name)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """Return a sentence in place of a traceback of ours."""
        return str(excinfo.value) if isinstance(excinfo.value, Doubt) else str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return how the test is called."""
        return self.config.rootpath, None, f"{_NAME}: {self.name}"


class Doubt(Exception):  # noqa: N818, it is none of the tool's errors
    """What a test fails with."""


def _refuse(result: "Robustness", kind: str, name: str) -> None:
    """Raise what keeps a part of a result from passing, or skip what does not apply."""
    from reports.robustness import Checked, Gated, Harmed, Robustness, Tried
    from reports.stress_rules import Gate, Held, Severity, Word

    known: dict[str, Mapping[str, object]] = {
        "attack": {one.name: one for one in result.attacks},
        "poison": {one.name: one for one in result.poisons},
        "check": {one.id: one for one in result.checks},
        "gate": {one.name: one for one in result.gates},
        "result": {result.policy: result},
    }
    match known[kind].get(name):
        case None:
            raise Doubt("the result does not speak of it")
        case Robustness(word=word, why=why) if word is not Word.PASSED:
            raise Doubt(f"{word}: {'; '.join(why)}")
        case Tried(problem=problem, unfinished=unfinished) if problem or unfinished:
            raise Doubt(problem or f"did not end on {len(unfinished)} pictures")
        case Harmed(problem=problem, broken=broken, certified=certified) if problem or broken:
            raise Doubt(problem or f"turned {broken} of {certified} certified labels")
        case Checked(held=Held.FAILED, title=title, evidence=evidence):
            raise Doubt(f"{title}: {evidence}")
        case Checked(held=Held.NOT_APPLICABLE, evidence=evidence):
            pytest.skip(evidence)
        case Gated(passed=Gate.WAIVED | Gate.UNASKED, said=said):
            pytest.skip(said)
        case Gated(passed=Gate.UNDECIDED, said=said) | Gated(passed=Gate.FAILED, severity=Severity.ERROR, said=said):
            raise Doubt(said)


def _dest(name: str) -> str:
    return f"fusiondiff_{name.replace('-', '_')}"

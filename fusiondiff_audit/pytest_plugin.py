"""A stress test as tests: `pytest --fusiondiff-policy stress.toml` has one for each attack, check and gate.

The run is the verb's own, in a process that starts where pytest did and with the variables that were set then, so that
no other test's patches reach it. What the tests say is read from the result that this run signed. A doubt is a failure,
as it is an exit code elsewhere; what does not apply, or fails without failing the run, is skipped and said.
Installing the tool is enough: pytest finds this by itself.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from reports.stress.result import StressResult

_OPTIONS = {  # by the verb's own
    "policy": ("POLICY", "stress-test a model by this policy: quick, full, exhaustive or a stress.toml"),
    "model": ("MODEL", "the model bundle to attack"),
    "data": ("DIR", "labelled pictures that the model did not learn from"),
    "labels": ("CSV", "their labels; default: labels.csv among the pictures"),
    "trust": ("TRUST", "the trust store"),
    "root": ("DIGEST", "the trust store's root"),
    "key": ("KEY", "the auditor's private key, which signs the result"),
    "passphrase-file": ("FILE", "a file with the passphrase of that key"),
    "baseline": ("RESULT", "an earlier signed result to compare with; without one, gates that compare are skipped"),
    "device": ("DEVICE", "cpu, cuda or cuda:N"),
    "out": ("DIR", "where the signed result and its page are kept: a new folder"),
}
_NEEDED = ("policy", "model", "data", "trust", "key")
_NAME = "fusiondiff-audit"
_VERB = "from fusiondiff_audit.cli import main; main()"  # by -P and -c: no module of the current folder is imported
_VARIABLES = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer what the verb `stress` takes."""
    group = parser.getgroup(_NAME, "stress tests of models that judge micrographs")
    for name, (metavar, words) in _OPTIONS.items():
        group.addoption(f"--fusiondiff-{name}", dest=_dest(name), metavar=metavar, help=words)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what cannot be run, before any test has."""
    if not any(_asked(config, name) for name in _OPTIONS):
        return
    config.stash[_VARIABLES] = dict(os.environ)
    missing = [f"--fusiondiff-{name}" for name in _NEEDED if not _asked(config, name)]
    if missing:
        raise pytest.UsageError(f"a stress test needs {', '.join(missing)}, too")
    if getattr(config.option, "dist", "no") != "no":  # of the plugin that spreads tests over processes
        raise pytest.UsageError("a stress test is one run: leave -n out, or run it apart from other tests")
    if (out := _asked(config, "out")) and os.path.lexists(config.invocation_params.dir / out):
        raise pytest.UsageError(f"--fusiondiff-out: {out} exists already; name a new folder")


@pytest.hookimpl(tryfirst=True)  # before tests are picked by name
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each thing that the policy asks for."""
    if _asked(config, "policy") is None:
        return
    report = config.hook.pytest_make_collect_report(collector=StressCollector.from_parent(session, name=_NAME))
    config.hook.pytest_collectreport(report=report)  # so that they are counted
    items.extend(report.result)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse a run that was asked for, and of which no test is left."""
    asked = _asked(session.config, "policy") is not None
    if asked and not session.testsfailed and not any(isinstance(item, StressItem) for item in session.items):
        raise pytest.UsageError("a stress test was asked for, and all its tests were left out by -k or -m")


class StressCollector(pytest.Collector):
    """A model under one policy; it is attacked when the first test asks for what came of it."""

    _digest = ""
    _found: "StressResult | str | None" = None

    def collect(self) -> list[pytest.Item]:
        """Return the tests that a policy makes."""
        said = str(_asked(self.config, "policy"))
        try:
            from fusiondiff_audit.errors import AuditError
            from fusiondiff_audit.extras import require
            from signing import SigningError
        except ImportError as e:
            raise self.CollectError(f"{e}: another module of that name stands in the way of {_NAME}'s") from e
        try:
            require("audit", "a stress test")
            from fusiondiff_audit.policy.stress import read_stress_policy
            from fusiondiff_audit.stress.suite import poisons_of, suite_of
            from reports.verdict.embedded import STRESS_POLICIES

            place = said if said in STRESS_POLICIES else str(self._place(said))
            policy = read_stress_policy(place)
            suite, poisons = suite_of(policy, said), poisons_of(policy, said)
        except (AuditError, SigningError) as e:
            raise self.CollectError(f"--fusiondiff-policy: {e}") from e
        self._digest = policy.digest
        parts = {
            "attack": [plan.name for plan in suite.plans],
            "poison": [plan.name for plan in poisons],
            "check": sorted(suite.checks),
            "gate": [gate.name for gate in suite.gates],
            "result": [policy.name],
        }
        return [StressItem.from_parent(self, name=f"{kind} {name}") for kind, names in parts.items() for name in names]

    def result(self) -> "StressResult":
        """Return what came of the run, which happens once."""
        if self._found is None:
            self._found = "the stress test was interrupted"
            self._found = self._run()
        if isinstance(self._found, str):
            raise StressFailure(self._found)
        return self._found

    def _run(self) -> "StressResult | str":
        import signing
        from reports.stress.result import MAX_FILE, RESULT, open_stress_result

        out = self._place(_asked(self.config, "out") or str(Path(tempfile.mkdtemp(prefix=f"{_NAME}-"), "stressed")))
        words = ["--labels", _asked(self.config, "labels") or str(Path(str(_asked(self.config, "data")), "labels.csv"))]
        words += [] if _asked(self.config, "baseline") else ["--first"]
        for name in _OPTIONS:
            if name not in ("labels", "out") and (value := _asked(self.config, name)) is not None:
                words += [f"--{name}", value]
        capture: Any = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():  # it says how far it is
            done = subprocess.run(  # noqa: S603, our own
                [sys.executable, "-P", "-c", _VERB, "stress", *words, "--out", str(out), "--json"],
                stdout=subprocess.PIPE,
                text=True,
                check=False,
                cwd=self.config.invocation_params.dir,
                env=self.config.stash[_VARIABLES],
            )
        try:
            answer = json.loads(done.stdout)
            said = answer["digest"]
        except (ValueError, KeyError, TypeError):
            return f"the stress test did not end, exit code {done.returncode}; what it said stands above"
        path, root = out / RESULT, (_asked(self.config, "root") or "").removeprefix("sha256:") or None
        trust = signing.load_trust(self._place(str(_asked(self.config, "trust"))), at=signing.now(), root=root)
        result, _ = open_stress_result(signing.read_capped(path, limit=MAX_FILE), str(path), trust=trust)
        if (result.outcome, result.policy_digest) != (said, self._digest):
            return f"{path} is not the result of this run by this policy"
        return result

    def _place(self, said: str) -> Path:
        """Return where a path lies, whatever folder a test went to."""
        return self.config.invocation_params.dir / said


class StressItem(pytest.Item):
    """One attack, poison, check or gate, or what all of them come to."""

    parent: StressCollector

    def runtest(self) -> None:
        """Fail with what the result says of it."""
        kind, _, name = self.name.partition(" ")
        _refuse(self.parent.result(), kind, name)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """Return a sentence in place of a traceback of ours."""
        return str(excinfo.value) if isinstance(excinfo.value, StressFailure) else str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return how the test is called."""
        return self.config.rootpath, None, f"{_NAME}: {self.name}"


class StressFailure(Exception):  # noqa: N818, it is none of the tool's errors
    """What a test fails with."""


def _refuse(result: "StressResult", kind: str, name: str) -> None:
    """Raise what keeps a part of a result from passing, or skip what does not apply."""
    from reports.stress.gates import GateOutcome, GateResult, Severity
    from reports.stress.outcome import Outcome
    from reports.stress.records import AttackResult, CheckResult, CheckState, PoisonResult
    from reports.stress.result import StressResult

    known: dict[str, Mapping[str, object]] = {
        "attack": {one.name: one for one in result.attacks},
        "poison": {one.name: one for one in result.poisons},
        "check": {one.id: one for one in result.checks},
        "gate": {one.name: one for one in result.gates},
        "result": {result.policy: result},
    }
    match known[kind].get(name):
        case None:
            raise StressFailure("the result does not speak of it")
        case StressResult(word=word, why=why) if word is not Outcome.PASSED:
            raise StressFailure(f"{word}: {'; '.join(why)}")
        case AttackResult(problem=problem, unfinished=unfinished) if problem or unfinished:
            raise StressFailure(problem or f"did not end on {len(unfinished)} pictures")
        case PoisonResult(problem=problem, broken=broken, certified=certified) if problem or broken:
            raise StressFailure(problem or f"turned {broken} of {certified} certified labels")
        case CheckResult(held=CheckState.FAILED, title=title, evidence=evidence):
            raise StressFailure(f"{title}: {evidence}")
        case CheckResult(held=CheckState.NOT_APPLICABLE, evidence=evidence):
            pytest.skip(evidence)
        case GateResult(passed=GateOutcome.WAIVED | GateOutcome.UNASKED, said=said):
            pytest.skip(said)
        case (
            GateResult(passed=GateOutcome.UNDECIDED, said=said)
            | GateResult(passed=GateOutcome.FAILED, severity=Severity.ERROR, said=said)
        ):
            raise StressFailure(said)
        case GateResult(passed=GateOutcome.FAILED, severity=severity, said=said):
            pytest.skip(f"{severity}: {said}")


def _dest(name: str) -> str:
    return f"fusiondiff_{name.replace('-', '_')}"


def _asked(config: pytest.Config, name: str) -> str | None:
    found: str | None = config.getoption(_dest(name))
    return found

"""A stress test as pytest tests: `pytest --fusiondiff-policy stress.toml` adds one for each attack, check and gate.

The verb `stress` runs in a process of its own, in the folder and with the environment variables with which pytest
started, so that other tests' patches do not reach it. The tests read the result that this run signed. A test fails if
its part failed or is undecided; it is skipped, with the reason, if its part does not apply or cannot fail the run.
pytest finds this plugin as soon as the tool is installed.
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

_OPTIONS = {  # by the name of the option of the verb `stress`
    "policy": ("POLICY", "stress-test a model by this policy: quick, full, exhaustive or a stress.toml"),
    "model": ("MODEL", "the model bundle to attack"),
    "data": ("DIR", "labelled images of specimens that the model was not enrolled with"),
    "labels": ("CSV", "their labels; default: labels.csv in that folder"),
    "trust": ("TRUST", "the trust store"),
    "root": ("DIGEST", "the trust store's root"),
    "key": ("KEY", "the auditor's private key, which signs the result"),
    "passphrase-file": ("FILE", "a file with the passphrase of that key"),
    "baseline": ("RESULT", "an earlier signed result to compare with; without one, gates that compare are skipped"),
    "device": ("DEVICE", "cpu, cuda or cuda:N"),
    "out": ("DIR", "where the signed result and its page go: a new folder"),
}
_NEEDED = ("policy", "model", "data", "trust", "key")
_NAME = "fusiondiff-audit"
_VERB = "from fusiondiff_audit.cli import main; main()"  # by -P and -c: no module of the current folder is imported
_VARIABLES = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the verb `stress`."""
    group = parser.getgroup(_NAME, "stress tests of models that judge micrographs")
    for name, (metavar, words) in _OPTIONS.items():
        group.addoption(f"--fusiondiff-{name}", dest=_dest(name), metavar=metavar, help=words)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that make no run, before the first test."""
    if not any(_option(config, name) for name in _OPTIONS):
        return
    config.stash[_VARIABLES] = dict(os.environ)
    missing = [f"--fusiondiff-{name}" for name in _NEEDED if not _option(config, name)]
    if missing:
        raise pytest.UsageError(f"a stress test needs {', '.join(missing)}")
    if getattr(config.option, "dist", "no") != "no":  # an option of pytest-xdist
        raise pytest.UsageError("a stress test is one run: leave -n out, or run it apart from other tests")
    if (out := _option(config, "out")) and os.path.lexists(config.invocation_params.dir / out):
        raise pytest.UsageError(f"--fusiondiff-out: {out} exists already; name a new folder")


@pytest.hookimpl(tryfirst=True)  # before pytest selects tests by name
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each attack, poison, check and gate of the policy."""
    if _option(config, "policy") is None:
        return
    report = config.hook.pytest_make_collect_report(collector=StressCollector.from_parent(session, name=_NAME))
    config.hook.pytest_collectreport(report=report)  # pytest counts what it is told of here
    items.extend(report.result)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse a stress test of which no test was selected."""
    wanted = _option(session.config, "policy") is not None
    if wanted and not session.testsfailed and not any(isinstance(item, StressItem) for item in session.items):
        raise pytest.UsageError("--fusiondiff-policy asks for a stress test, but -k or -m deselected all its tests")


class StressCollector(pytest.Collector):
    """The tests of one model under one policy; the model is attacked when the first of them runs."""

    _digest = ""
    _result: "StressResult | str | None" = None  # or why there is none

    def collect(self) -> list[pytest.Item]:
        """Return the tests of a policy."""
        name = str(_option(self.config, "policy"))
        try:
            from fusiondiff_audit.errors import AuditError
            from fusiondiff_audit.extras import require
            from signing import SigningError
        except ImportError as e:
            raise self.CollectError(f"{e}: another module of that name hides {_NAME}'s") from e
        try:
            require("audit", "a stress test")
            from fusiondiff_audit.policy.stress import read_stress_policy
            from reports.verdict.embedded import STRESS_POLICIES

            policy = read_stress_policy(name if name in STRESS_POLICIES else str(self._path(name)))
            from fusiondiff_audit.stress.suite import poisons_of, suite_of

            suite, poisons = suite_of(policy, name), poisons_of(policy, name)
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
        """Return the result of the run, which happens once; raise StressFailure if it has none."""
        if self._result is None:
            self._result = "the stress test was interrupted"
            self._result = self._run()
        if isinstance(self._result, str):
            raise StressFailure(self._result)
        return self._result

    def _run(self) -> "StressResult | str":
        import signing
        from reports.stress.result import MAX_RESULT_FILE, RESULT, open_stress_result

        out = self._path(_option(self.config, "out") or str(Path(tempfile.mkdtemp(prefix=f"{_NAME}-"), "stressed")))
        labels = _option(self.config, "labels") or str(Path(str(_option(self.config, "data")), "labels.csv"))
        words = ["--labels", labels]
        words += [] if _option(self.config, "baseline") else ["--first"]
        for name in _OPTIONS:
            if name not in ("labels", "out") and (value := _option(self.config, name)) is not None:
                words += [f"--{name}", value]
        capture: Any = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():  # its progress is shown
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
            digest = answer["digest"]
        except (ValueError, KeyError, TypeError):
            return f"the stress test gave no result, exit code {done.returncode}; its messages are above"
        path, root = out / RESULT, (_option(self.config, "root") or "").removeprefix("sha256:") or None
        trust = signing.load_trust(self._path(str(_option(self.config, "trust"))), at=signing.now(), root=root)
        result, _ = open_stress_result(signing.read_capped(path, limit=MAX_RESULT_FILE), str(path), trust=trust)
        if (result.outcome, result.policy_digest) != (digest, self._digest):
            return f"{path} is not the result of this run by this policy"
        return result

    def _path(self, text: str) -> Path:
        """Return a path relative to the folder where pytest started, whatever the current folder is."""
        return self.config.invocation_params.dir / text


class StressItem(pytest.Item):
    """The test of one attack, poison, check or gate, or of the outcome of all."""

    parent: StressCollector

    def runtest(self) -> None:
        """Fail or skip as the result says of this part."""
        kind, _, name = self.name.partition(" ")
        _require_passed(self.parent.result(), kind, name)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """Return a sentence instead of a traceback."""
        return str(excinfo.value) if isinstance(excinfo.value, StressFailure) else str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the name of the test."""
        return self.config.rootpath, None, f"{_NAME}: {self.name}"


class StressFailure(Exception):  # noqa: N818, not an error of the tool
    """A part of a stress test did not pass."""


def _require_passed(result: "StressResult", kind: str, name: str) -> None:
    """Raise StressFailure if a part of a result did not pass; skip the test if the part does not apply."""
    from reports.stress.gates import GateOutcome, GateResult, Severity
    from reports.stress.outcome import Outcome
    from reports.stress.records import AttackResult, CheckResult, CheckState, PoisonResult
    from reports.stress.result import StressResult

    parts: dict[str, Mapping[str, object]] = {
        "attack": {attack.name: attack for attack in result.attacks},
        "poison": {poison.name: poison for poison in result.poisons},
        "check": {check.id: check for check in result.checks},
        "gate": {gate.name: gate for gate in result.gates},
        "result": {result.policy: result},
    }
    match parts[kind].get(name):
        case None:
            raise StressFailure("the result has no such part")
        case StressResult(word=word, why=why) if word is not Outcome.PASSED:
            raise StressFailure(f"{word}: {'; '.join(why)}")
        case AttackResult(problem=problem, unfinished=unfinished) if problem or unfinished:
            raise StressFailure(problem or f"did not finish on {len(unfinished)} images")
        case PoisonResult(problem=problem, broken=broken, certified=certified) if problem or broken:
            raise StressFailure(problem or f"turned {broken} of {certified} certified labels")
        case CheckResult(held=CheckState.FAILED, title=title, evidence=evidence):
            raise StressFailure(f"{title}: {evidence}")
        case CheckResult(held=CheckState.NOT_APPLICABLE, evidence=evidence):
            pytest.skip(evidence)
        case GateResult(passed=GateOutcome.WAIVED | GateOutcome.UNASKED, said=evidence):
            pytest.skip(evidence)
        case (
            GateResult(passed=GateOutcome.UNDECIDED, said=evidence)
            | GateResult(passed=GateOutcome.FAILED, severity=Severity.ERROR, said=evidence)
        ):
            raise StressFailure(evidence)
        case GateResult(passed=GateOutcome.FAILED, severity=severity, said=evidence):
            pytest.skip(f"{severity}: {evidence}")


def _dest(name: str) -> str:
    return f"fusiondiff_{name.replace('-', '_')}"


def _option(config: pytest.Config, name: str) -> str | None:
    value: str | None = config.getoption(_dest(name))
    return value

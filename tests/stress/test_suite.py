"""What a policy asks for is run, or refused before anything is attacked."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from attacks.catalogue import CATALOGUE
from attacks.checks import CHECKS
from attacks.trials import Knowledge
from fusiondiff_audit.policy.stress import read_stress_policy
from fusiondiff_audit.stress.suite import policy_place, suite_of
from reports.stress.gates import Bound, Severity, Slice
from reports.verdict.embedded import STRESS_POLICIES
from signing import Reason, SigningError

HEAD = 'name = "ours"\n'
PGD = '{ attack = "pgd", norm = "linf", size = "8/255" }'


def written(folder: Path, text: str) -> str:
    path = folder / "stress.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", STRESS_POLICIES)
def test_policies_that_come_with_the_tool_are_whole(name: str) -> None:
    suite = suite_of(read_stress_policy(name), name)
    assert suite.name == name
    assert {plan.knowledge for plan in suite.plans} >= {Knowledge.WHITE, Knowledge.BLACK}
    assert "S38" in suite.checks
    assert suite.gates


def test_exhaustive_leaves_nothing_out() -> None:
    asked = read_stress_policy("exhaustive")
    assert {(one.attack, one.norm) for one in asked.attacks} == {
        (name, norm) for name, entry in CATALOGUE.items() for norm in entry.norms
    }
    assert set(asked.checks) == {check.id for check in CHECKS}


def test_texts_become_numbers(tmp_path: Path) -> None:
    gate = """
[[gates]]
metric = "held"
value = "0.5"
attack = "pgd-linf-8/255"
bound = "point"
least = 4
slice = "counterfeit"
severity = "warning"
waiver = { until = "2027-01-31", reason = "known" }
"""
    where = written(tmp_path, HEAD + f"minutes = 2\nseed = 9\nattacks = [{PGD}]\n" + gate)
    suite = suite_of(read_stress_policy(where), where)
    (plan,), (asked,) = suite.plans, suite.gates
    assert plan.name == "pgd-linf-8/255"
    assert plan.attack.budget.size == pytest.approx(8 / 255)
    assert (suite.seconds, suite.seed, asked.value) == (120, 9, 0.5)
    assert (asked.bound, asked.slice, asked.severity) == (Bound.POINT, Slice.COUNTERFEIT, Severity.WARNING)
    assert asked.waiver is not None
    assert asked.waiver.until == datetime(2027, 1, 31, tzinfo=UTC)


def test_gates_are_found_in_their_file(tmp_path: Path) -> None:
    gates = "".join(
        f'\n[[gates]]\nmetric = "held"\nvalue = "0.5"\nleast = 4\nslice = "{s}"\n' for s in ("all", "authentic")
    )
    where = written(tmp_path, HEAD + f"attacks = [{PGD}]\n" + gates)
    place, lines = policy_place(where, read_stress_policy(where))
    assert not place.startswith("/")
    assert lines == {"held/worst/all": 4, "held/worst/authentic": 10}
    place, lines = policy_place("quick", read_stress_policy("quick"))
    assert place == "fusiondiff_audit/policy/built_in/quick.toml"
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "asks for no attack"),
        ('attacks = [{ attack = "pgdd", norm = "linf", size = "0.1" }]', "no attack pgdd; there are"),
        ('attacks = [{ attack = "deep-fool", norm = "linf", size = "0.1" }]', "has no budget in linf"),
        ('attacks = [{ attack = "pgd", norm = "linf", size = "0" }]', "a budget of 0 changes nothing"),
        ('attacks = [{ attack = "pgd", norm = "linf", size = "-1" }]', "size"),
        ('attacks = [{ attack = "pgd", norm = "linf", size = "8/0" }]', "size"),
        ('attacks = [{ attack = "pgd", norm = "linf", size = "1", steps = 0 }]', "steps"),
        (f"attacks = [{PGD}, {PGD}]", "two attacks of one name"),
        (f'attacks = [{PGD}]\nchecks = ["S77"]', "no check S77"),
        (f'attacks = [{PGD}]\ngates = [{{ metric = "held", value = "2" }}]', "value"),
        (f'attacks = [{PGD}]\ngates = [{{ metric = "held", value = "0.5", attack = "pgd-l2-1" }}]', "are not run"),
        (
            f'attacks = [{PGD}]\ngates = [{{ metric = "held", value = "1", waiver = {{ until = "2026-02-31", '
            'reason = "x" } }]',
            "which is no day",
        ),
        ("images = 0", "images"),
        ("floor = 0.5", "floor"),
        ("attack = 1", "attack"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(tmp_path: Path, text: str, message: str) -> None:
    where = written(tmp_path, HEAD + text)
    with pytest.raises(SigningError, match=message) as caught:
        suite_of(read_stress_policy(where), where)
    assert caught.value.reason is Reason.MALFORMED

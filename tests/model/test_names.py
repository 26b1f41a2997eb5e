"""Names of bundles: readable, and never like that of the bundle that comes with the tool."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest

from fusiondiff_audit.auditing.judge import ModelJudge
from fusiondiff_audit.cli.evaluate import _title
from fusiondiff_audit.model.enrolment import ForestSettings
from fusiondiff_audit.model.names import MAX_BUNDLE_NAME, refuse_bad_name
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.weights.pins import PINNED
from reports.verdict.enrolment import EnrolledSet
from reports.verdict.model_names import display_name, name_fault
from signing import Reason, SigningError
from signing.fields import read_json
from signing.records import LONGEST
from tests.model.tiny import SETTINGS, enrolled_model, examples, tiny_model

CERAMIC, PIN = next(iter(PINNED.items()))
FEW = ForestSettings(trees=2)


@pytest.mark.parametrize("name", ["birch", "Kiln Alder, lot 7", "\u8305", "x" * MAX_BUNDLE_NAME, "v2", "another"])
def test_names_that_people_can_read_are_taken(name: str) -> None:
    refuse_bad_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " birch",
        "x" * (MAX_BUNDLE_NAME + 1),
        "bi\nrch",
        "bi\u202erch",
        "\u3164",
        "\u2800",
        "...",
        CERAMIC,
        CERAMIC.upper(),
        "fusion diff v1 ceramic",
        "fusion\u2011diff\u2011v1\u2011ceramic",
        "\uff46usion-diff-v1-ceramic",
        f"{CERAMIC}-2",
        f"my {CERAMIC}",
        "birch, enrolled on oak",
        "birch, Enrolled  On oak",
        "birch, enrolled-on oak",
    ],
)
def test_names_that_nobody_sees_or_that_stand_for_another_bundle_are_refused(name: str) -> None:
    with pytest.raises(SigningError) as caught:
        refuse_bad_name(name)
    assert caught.value.reason is Reason.BAD_REQUEST
    assert caught.value.__notes__


def test_a_bundle_that_took_the_name_of_the_tool_s_own_is_called_another() -> None:
    """All bundles that older versions enrolled on it have its name."""
    assert display_name(CERAMIC, PIN.digest) == CERAMIC
    assert display_name(CERAMIC, "0" * 64) == display_name(CERAMIC, "") == f"another {CERAMIC}"
    model = tiny_model(name=CERAMIC)
    assert model.title == f"another {CERAMIC}"
    derived = model.enrol(examples(1), reference="alder", name="birch", learning=FEW)
    assert derived.title == f"birch, enrolled on another {CERAMIC}"
    assert _title(derived) == f"birch, enrolled on another {CERAMIC}, forests on its embeddings, UNVERIFIED"
    again = derived.enrol(examples(1), reference="alder", name="oak", learning=FEW)
    assert again.title == f"oak, enrolled on another {CERAMIC}"  # whose encoder it has
    assert derived.enrol(examples(1), reference="alder", learning=FEW).settings.name == "birch"


TAKEN = [CERAMIC.upper(), "Fusion-Diff-V1-ceramic", "fusion diff v1 ceramic", f"my {CERAMIC}", f"another {CERAMIC}"]


@pytest.mark.parametrize("name", TAKEN)
def test_a_name_like_that_of_the_tool_s_own_bundle_is_called_another_whatever_its_letters(name: str) -> None:
    """A hand-written bundle.json may state any name."""
    model = tiny_model(name=name)
    assert model.title == display_name(name, PIN.digest) == f"another {CERAMIC}"
    derived = model.enrol(examples(1), reference="alder", name="birch", learning=FEW)
    assert derived.settings.base == f"another {CERAMIC}"
    judge = ModelJudge(tiny_model(base=name).enrol(examples(1), reference="alder"), Fraction("0.05"))
    head = judge.identity.model
    assert (head.title, name_fault(replace(head, digest="0" * 64))) == (f"tiny, enrolled on another {CERAMIC}", None)


@pytest.mark.parametrize("place", ["name", "base"])
def test_a_bundle_whose_name_says_what_its_base_is_is_refused(place: str) -> None:
    record = json.loads(SETTINGS.to_bytes()) | {place: f"birch, enrolled on {CERAMIC}"}
    with pytest.raises(SigningError, match="which says what the base is") as caught:
        Settings.from_bytes(json.dumps(record).encode(), "it")
    assert caught.value.reason is Reason.MALFORMED


def test_a_base_that_is_not_named_is_left_out_and_read_as_absent() -> None:
    """Bundles of older versions, which have no such field, keep their bytes."""
    data = (PIN.folder / "bundle.json").read_bytes()
    settings = Settings.from_bytes(data, "it")
    assert (settings.base, settings.to_bytes()) == (None, data)
    named = replace(SETTINGS, base="oak")
    assert Settings.from_bytes(named.to_bytes(), "it") == named
    record = json.loads(SETTINGS.to_bytes())
    assert "base" not in record
    for bad in (None, "", " oak", 5):
        with pytest.raises(SigningError) as caught:
            Settings.from_bytes(json.dumps(record | {"base": bad}).encode(), "it")
        assert caught.value.reason is Reason.MALFORMED


def test_what_was_enrolled_is_read_alike_by_maker_and_checker() -> None:
    settings = replace(enrolled_model(2).settings, seen=("0" * 64,))
    known = settings.enrolled_set
    assert known.specimens == {"alder 0", "birch 0", "alder 1", "birch 1"}
    assert len(known.images) == 5
    read = read_json(settings.to_bytes(), "it", limit=10**6, tokens=10**5)
    assert EnrolledSet.from_settings(read, most=LONGEST) == known


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("intensity", "clahe", 8),
        ("intensity", "clahe", False),
        ("intensity", "clip", 3.0),
        ("intensity", "flat_field", True),
        ("architecture", "fusion", "mean"),
    ],
)
def test_bundles_with_a_retired_setting_are_unsupported(section: str, name: str, value: object) -> None:
    settings = json.loads(SETTINGS.to_bytes())
    settings[section][name] = value
    with pytest.raises(SigningError, match=f"it: {section}: {name}.*no longer supported") as error:
        Settings.from_bytes(json.dumps(settings).encode(), "it")
    assert error.value.reason is Reason.UNSUPPORTED
    del settings[section][name]
    with pytest.raises(SigningError, match=f"{name}' is missing"):
        Settings.from_bytes(json.dumps(settings).encode(), "it")

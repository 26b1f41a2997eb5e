"""`verify --model`: whatever a report says of its model otherwise than the bundle's own settings is refused."""

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fusiondiff_audit.audit.judge import ModelJudge, enrolled_set
from fusiondiff_audit.model import settings as core
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.weights.pins import PINNED
from reports.verdict import bundle_settings
from reports.verdict.bundle_settings import BundleSettings
from reports.verdict.header import ERROR_RATES
from reports.verdict.model_check import SETTINGS, compare_model
from reports.verdict.report import Report
from reports.verdict.verification import Verification, verify_report
from reports.verdict.versions import V1, V2
from signing import PrivateKey, Reason, SigningError, TrustStore, sign_model
from signing.fields import read_json
from tests.model.tiny import SETTINGS as TINY
from tests.model.tiny import examples, tiny_model
from tests.reports.verdict.made import changed, digest
from tests.reports.verdict.test_forged import TRUST, genuine, put

CERAMIC, PIN = next(iter(PINNED.items()))
Said = dict[str, Any]
WIDEST = 90  # characters that a screen shows of a sentence, at least


def uses(authentic: bool, calibrates: bool, number: int) -> list[Said]:
    """Return examples of so many specimens, the first of which has two pictures."""
    kind = f"{'authentic' if authentic else 'counterfeit'} {'calibrates' if calibrates else 'learnt'}"
    names = [f"{kind} {at}" for at in (0, *range(number))]
    return [
        dataclasses.asdict(LabelledExample(digest(f"{at} {name}"), name, authentic, calibrates))
        for at, name in enumerate(names[: number + 1 if number else 0])
    ]


def settings() -> Said:
    """Return the settings of a bundle that the report of `made.report` is true of."""
    said: Said = json.loads(replace(TINY, name="alder").to_bytes())
    kinds = ((True, False, 25), (False, False, 25), (True, True, 20), (False, True, 20))
    listed = [example for kind in kinds for example in uses(*kind)]
    learning = dataclasses.asdict(ForestSettings()) | {"partitions": 8}
    return said | {"reference": genuine().header.reference, "examples": listed, "learning": learning}


def bundle(folder: Path, key: PrivateKey, said: Said | None) -> str:
    """Write a signed folder with these settings, and return its digest."""
    folder.mkdir()
    (folder / "head.safetensors").write_bytes(b"numbers")
    if said is not None:
        (folder / SETTINGS).write_text(json.dumps(said))
    return sign_model(folder, key=key).listing


def of_bundle(found: str, **changes: Any) -> Report:
    said = genuine()
    return changed(said, header=replace(said.header, model=replace(said.header.model, digest=found), **changes))


def calibrated(said: Said, keep: Callable[[Said], bool]) -> Said:
    return said | {"examples": [e for e in said["examples"] if not e["calibrates"] or keep(e)]}


def learnt(said: Said, least: int) -> Said:
    names = {f"authentic learnt {at}" for at in range(least)}
    return said | {"examples": [e for e in said["examples"] if e["specimen"] not in names]}


def test_a_report_that_agrees_with_its_bundle_passes(keys: dict[str, PrivateKey], tmp_path: Path) -> None:
    found = bundle(tmp_path / "model", keys["model"], settings())
    (tmp_path / "report").mkdir()
    known = Verification()
    verify_report(put(of_bundle(found), tmp_path / "report"), trust=TRUST, model=tmp_path / "model", verification=known)
    (sentence,) = (check.found for check in known.checks if check.title == "model")
    assert sentence.startswith("2 files judged, were enrolled with those images alone that are marked")
    assert " and are as the header says: " in sentence[: WIDEST + 30]


FALSE: dict[str, tuple[Callable[[Said], Said], str]] = {
    "demonstration": (lambda s: s | {"demonstration": False}, "demonstration is true, and false by the bundle's"),
    "reference": (lambda s: s | {"reference": "made-up"}, "the reference is 'Kiln Alder"),
    "name": (lambda s: s | {"name": "birch"}, "the model's name is 'alder', and 'birch' by"),
    "a name like the tool's": (
        lambda s: s | {"name": CERAMIC.upper()},
        f"the model's name is 'alder', and 'another {CERAMIC}' by",
    ),
    "base": (lambda s: s | {"base": "oak"}, "the model's base is not stated, and 'oak' by"),
    "partitions": (
        lambda s: s | {"learning": s["learning"] | {"partitions": 9}},
        "the number of partitions is 8, and 9 by",
    ),
    "enrolled": (lambda s: learnt(s, 2), "enrolled_authentic is 25, and 23 by"),
    "calibrated": (
        lambda s: calibrated(s, lambda e: e["specimen"] != "counterfeit calibrates 3"),
        "calibrated_counterfeit is 20, and 19 by",
    ),
    "nothing calibrated": (lambda s: calibrated(s, lambda e: False), "calibrated_authentic is 20, and 0 by"),
    "error rates of specimens that the encoder has seen": (
        lambda s: s | {"seen": [e["pixel_digest"] for e in s["examples"] if e["specimen"] == "authentic calibrates 5"]},
        f"of the error rate `{ERROR_RATES[1]}` is 20, and 19 by",
    ),
    "all calibration specimens of a class seen": (
        lambda s: s | {"seen": [e["pixel_digest"] for e in s["examples"] if e["specimen"].startswith("counterfeit c")]},
        f"of the error rate `{ERROR_RATES[0]}` is 20, and not stated by",
    ),
    "made up and not calibrated": (
        lambda s: calibrated(s, lambda e: False) | {"demonstration": False, "reference": "made-up"},
        "the reference is",
    ),
}


@pytest.mark.parametrize("what", FALSE)
def test_a_report_that_differs_from_its_bundle_is_refused(
    what: str, keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    change, message = FALSE[what]
    found = bundle(tmp_path / "model", keys["model"], change(settings()))
    (tmp_path / "report").mkdir()
    put(of_bundle(found), tmp_path / "report")
    verify_report(tmp_path / "report", trust=TRUST)  # by itself it is whole
    with pytest.raises(SigningError) as caught:
        verify_report(tmp_path / "report", trust=TRUST, model=tmp_path / "model")
    assert caught.value.reason is Reason.CONTRADICTION
    assert message in str(caught.value)


def test_a_specimen_with_one_of_two_images_in_the_encoder_s_training_is_counted(
    keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    said = settings()
    first = next(e for e in said["examples"] if e["specimen"] == "authentic calibrates 0")
    found = bundle(tmp_path / "model", keys["model"], said | {"seen": [first["pixel_digest"]]})
    compare_model(of_bundle(found), tmp_path / "model")


@pytest.mark.parametrize(
    "harm",
    [
        lambda s: s | {"also": 1},
        lambda s: {name: value for name, value in s.items() if name != "seen"},
        lambda s: s | {"reference": None, "learning": None, "examples": []},
        lambda s: s | {"base": None},
        lambda s: s | {"examples": [s["examples"][0] | {"also": 1}]},
        lambda s: s | {"examples": []},
    ],
    ids=["unknown field", "missing field", "not enrolled", "base null", "unknown field of an example", "no examples"],
)
def test_settings_that_the_tool_would_not_read_are_refused(
    harm: Callable[[Said], Said], keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    found = bundle(tmp_path / "model", keys["model"], harm(settings()))
    with pytest.raises(SigningError) as caught:
        compare_model(of_bundle(found), tmp_path / "model")
    assert caught.value.reason is Reason.MALFORMED


def test_a_folder_without_settings_is_refused_and_only_remarked_for_older_reports(
    keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    said = of_bundle(bundle(tmp_path / "model", keys["model"], None))
    with pytest.raises(SigningError, match=r"lists no bundle\.json") as caught:
        compare_model(said, tmp_path / "model")
    assert caught.value.reason is Reason.MISSING_FILE
    older = changed(said, header=replace(said.header, format=V2))
    assert compare_model(older, tmp_path / "model").startswith("NOTHING BUT FILES COMPARED")


def older(said: Report, version: str, **changes: Any) -> Report:
    """Return a report as it is read of an older version."""
    changes |= {"partitions": 0} if version == V1 else {}
    model = replace(said.header.model, **changes)
    return changed(said, header=replace(said.header, format=version, model=model))


@pytest.mark.parametrize("version", [V1, V2])
def test_older_reports_are_compared_in_what_they_state(
    version: str, keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    said = settings() | {"name": CERAMIC, "base": "oak"}  # they state no base
    found = bundle(tmp_path / "model", keys["model"], said)
    for name in (CERAMIC, f"another {CERAMIC}"):  # the first is how they were written before names were compared
        sentence = compare_model(older(of_bundle(found), version, name=name), tmp_path / "model")
        assert sentence.startswith("no image was among those enrolled; 2 files judged, and are as the header says: ")
    for changes in ({"name": "alder"}, {"name": CERAMIC, "enrolled_authentic": 26}):
        with pytest.raises(SigningError) as caught:
            compare_model(older(of_bundle(found), version, **changes), tmp_path / "model")
        assert caught.value.reason is Reason.CONTRADICTION
    rated = older(of_bundle(found), version, name=CERAMIC, error_rates=())
    if version == V2:
        with pytest.raises(SigningError, match="of the error rate"):
            compare_model(rated, tmp_path / "model")
    else:
        compare_model(rated, tmp_path / "model")  # its error rates have other names


@pytest.mark.parametrize("version", [V1, V2])
def test_enrolled_images_of_an_older_report_are_counted_in_the_answer(
    version: str, keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    row = next(row for row in genuine().images if row.pixels is not None)
    said = settings()
    said["examples"][0]["pixel_digest"] = row.pixels
    found = bundle(tmp_path / "model", keys["model"], said)
    sentence = compare_model(older(of_bundle(found), version), tmp_path / "model")
    assert re.match("[0-9]+ IMAGES OF ENROLLED SPECIMENS, whose verdicts are no evidence", sentence)
    assert f"(version {version[-1]} has no marks)" in sentence[:WIDEST]
    with pytest.raises(SigningError, match="was among what the bundle was enrolled with"):
        compare_model(of_bundle(found), tmp_path / "model")


def agree(model: DiffusionModel, folder: Path) -> BundleSettings:
    """Hold what the tool writes into reports against what a report's reader finds in the bundle."""
    data = (folder / SETTINGS).read_bytes()
    own = Settings.from_bytes(data, "it")
    assert own == model.settings
    said = read_json(data, "it", limit=core.MAX_SETTINGS, tokens=2_000_000)
    read = BundleSettings.from_fields(said)
    identity = ModelJudge(model).identity
    assert (read.name, read.base, read.reference) == (own.name, own.base, own.reference)
    assert (read.demonstration, read.seen) == (own.demonstration, frozenset(own.seen))
    assert [dataclasses.asdict(e) for e in read.examples] == [dataclasses.asdict(e) for e in own.examples]
    assert read.enrolled == enrolled_set(own)
    assert read.rated() == {rate.what: rate.of for rate in identity.model.error_rates}
    header = replace(
        genuine().header, model=identity.model, reference=identity.reference, demonstration=identity.demonstration
    )
    assert "are as the header says" in compare_model(changed(genuine(), header=header), folder)
    return read


def test_both_readers_agree_on_the_bundle_that_comes_with_the_tool() -> None:
    read = agree(DiffusionModel.from_pretrained(CERAMIC), PIN.folder)
    assert min(read.rated().values()) > 0


@pytest.mark.parametrize("seen", [0, 1, 3], ids=["nothing seen", "one seen", "a class seen"])
def test_both_readers_agree_on_an_enrolled_bundle(
    seen: int, keys: dict[str, PrivateKey], trust: TrustStore, tmp_path: Path
) -> None:
    known = [e.pixel_digest for _, e in examples(1, calibrate=3) if e.authentic and e.calibrates][:seen]
    model = tiny_model(seen=tuple(known)).enrol(
        examples(1, calibrate=3), reference="alder", learning=ForestSettings(trees=5), name="Kiln Alder, lot 7"
    )
    model.save(tmp_path / "alder")
    sign_model(tmp_path / "alder", key=keys["model"])
    read = agree(DiffusionModel.from_pretrained(tmp_path / "alder", trust=trust), tmp_path / "alder")
    assert read.base == "tiny"
    assert read.rated() == {ERROR_RATES[0]: 3} | ({ERROR_RATES[1]: 3 - seen} if seen < 3 else {})


def test_the_reader_s_fields_are_those_of_the_tool() -> None:
    def fields(kind: Any) -> set[str]:
        return {field.name for field in dataclasses.fields(kind)}

    assert set(bundle_settings.FIELDS) | set(bundle_settings.OPTIONAL) == fields(Settings)
    assert bundle_settings.OPTIONAL == (core.OPTIONAL_BASE,)
    assert fields(bundle_settings.EnrolledExample) == fields(LabelledExample)
    assert fields(ForestSettings) == {"partitions", "seed", "trees"}
    assert bundle_settings.BUNDLE_FORMAT == core.FORMAT

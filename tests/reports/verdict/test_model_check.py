"""`verify --model`: whatever a report says of its model otherwise than the bundle's own settings is refused."""

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from fusiondiff_audit.auditing.judge import ModelJudge
from fusiondiff_audit.model import settings as core
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.weights.pins import PINNED
from reports.arithmetic import Rank
from reports.verdict import bundle_settings
from reports.verdict.bundle_settings import FORMER_BUNDLE_FORMAT, BundleSettings
from reports.verdict.confounding import (
    ConfoundingCheck,
    FactAssociation,
    ImagingClaim,
    PermutationUnit,
    RobustnessIndex,
)
from reports.verdict.enrolment_ranks import RankPair
from reports.verdict.former_header import FORMER_ERROR_RATES
from reports.verdict.likelihood_ratio import CalibrationQuality
from reports.verdict.model_check import SETTINGS, compare_model
from reports.verdict.report import Report
from reports.verdict.rows import EnrolmentMark
from reports.verdict.verification import Verification, verify_report
from reports.verdict.versions import V1, V2
from signing import PrivateKey, Reason, SigningError, TrustStore, sign_model
from signing.fields import read_json
from signing.records import optional_fields, write_record
from tests.model.tiny import SETTINGS as TINY
from tests.model.tiny import examples, tiny_model
from tests.reports.verdict.made import ALPHA, CALIBRATORS, changed, digest, redecided
from tests.reports.verdict.made_former import former_report
from tests.reports.verdict.test_forged import AUDITOR, TRUST, genuine, put

CERAMIC, PIN = next(iter(PINNED.items()))
Said = dict[str, Any]
WIDEST = 90  # characters that a screen shows of a sentence, at least


def listed(kind: str, number: int, **more: Any) -> list[Said]:
    """Return examples of so many specimens, the first of which has two pictures."""
    names = [f"{kind} {at}" for at in (0, *range(number))]
    return [
        {"pixel_digest": digest(f"{at} {name}"), "specimen": name, "authentic": kind.startswith("authentic"), **more}
        for at, name in enumerate(names[: number + 1 if number else 0])
    ]


def imaged(maker: str | None, device: str | None) -> Said:
    return {"maker": maker, "session": None, "device": device}


def pairs(accepted: int, of: int, authentic: int, counterfeit: int) -> list[Said]:
    """Return the ranks of so many specimens among so many of each class, and how many of them are AUTHENTIC."""
    yes = RankPair(Rank(authentic // 2, authentic), Rank(0, counterfeit))
    no = RankPair(Rank(0, authentic), Rank(counterfeit // 2, counterfeit))
    return [write_record(yes if at < accepted else no) for at in range(of)]


def settings() -> Said:
    """Return the settings of a bundle that the report of `made.report` is true of."""
    said: Said = json.loads(replace(TINY, name="alder").to_bytes())
    copies = listed("counterfeit Oak", 5, **imaged("Oak", "sem-1"))
    copies += [*listed("counterfeit Elm", 5, **imaged("Elm", None)), *listed("counterfeit", 10, **imaged(None, None))]
    device = FactAssociation("device", Rank(5000, 9999), "'sem-1'", authentic=9, counterfeit=8)
    check = ConfoundingCheck(Decimal("0.05"), (20, 20), (2, 1), PermutationUnit.SPECIMEN, 9999, (device,), left_out=())
    ranks = {"own": pairs(19, 20, 19, 20), "copies": pairs(1, 20, 20, 19)}
    ranks["left_out"] = [
        {"maker": "Elm", "specimens": pairs(0, 5, 20, 19)},
        {"maker": "Oak", "specimens": pairs(2, 5, 20, 19)},
    ]
    quality = CalibrationQuality(Decimal("0.5"), Decimal("0.4"), 20, 20, 1, 1)
    return said | {
        "reference": genuine().header.reference,
        "examples": [*listed("authentic", 20, **imaged("the reference", "sem-2")), *copies],
        "learning": dataclasses.asdict(ForestSettings()) | {"partitions": 8},
        "ranks": ranks,
        "ratios": list(map(write_record, CALIBRATORS)),
        "ratio_quality": [write_record(quality)] * 2,
        "confounding": write_record(ImagingClaim(check, RobustnessIndex("one device", 5, 40))),
    }


def former_settings() -> Said:
    """Return the settings of a bundle of the first format that the report of `made_former.former_report` is true of."""
    said = settings()
    for name in ("ranks", "ratios", "ratio_quality", "confounding"):
        del said[name]
    uses = (("authentic learnt", False), ("counterfeit learnt", False), ("authentic calibrates", True))
    kinds = (*uses, ("counterfeit calibrates", True))
    examples = [each for kind, calibrates in kinds for each in listed(kind, 20, calibrates=calibrates)]
    return said | {"format": FORMER_BUNDLE_FORMAT, "unfamiliarity": "distance", "examples": examples}


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


def without(said: Said, *names: str) -> Said:
    """Return settings without the examples of some specimens."""
    return said | {"examples": [e for e in said["examples"] if e["specimen"] not in names]}


def ranked(said: Said, **changes: Any) -> Said:
    return said | {"ranks": said["ranks"] | changes}


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
    "enrolled": (lambda s: without(s, "authentic 3", "authentic 4"), "enrolled_authentic is 20, and 18 by"),
    "enrolled copies": (lambda s: without(s, "counterfeit 3"), "enrolled_counterfeit is 20, and 19 by"),
    "devices": (
        lambda s: s | {"examples": [e | {"device": "sem-9"} for e in s["examples"]]},
        "the enrolled devices is ('sem-1', 'sem-2'), and ('sem-9',) by",
    ),
    "devices that nobody stated": (
        lambda s: s | {"examples": [e | {"device": None} for e in s["examples"]]},
        "the enrolled devices is ('sem-1', 'sem-2'), and () by",
    ),
    "imaging that predicts the label": (
        lambda s: s | {"confounding": json.loads(json.dumps(s["confounding"]).replace("5000", "0"))},
        "confounded is false, and true by",
    ),
    "imaging that nobody checked": (lambda s: s | {"confounding": None}, "confounded is false, and not stated by"),
    "copies accepted": (
        lambda s: ranked(s, copies=pairs(2, 20, 20, 19)),
        "the error rate `known copies accepted` is '1 of 20', and '2 of 20' by",
    ),
    "fewer copies judged": (
        lambda s: ranked(s, copies=pairs(1, 19, 20, 19)),
        "the error rate `known copies accepted` is '1 of 20', and '1 of 19' by",
    ),
    "own specimens rejected": (
        lambda s: ranked(s, own=pairs(18, 20, 19, 20)),
        "the error rate `own specimens rejected` is '1 of 20', and '2 of 20' by",
    ),
    "a maker accepted more often": (
        lambda s: ranked(s, left_out=[s["ranks"]["left_out"][0], {"maker": "Oak", "specimens": pairs(5, 5, 20, 19)}]),
        "the error rate `maker never enrolled accepted: Oak` is '2 of 5', and '5 of 5' by",
    ),
    "a maker that is not named": (
        lambda s: ranked(s, left_out=[*s["ranks"]["left_out"], {"maker": "Ash", "specimens": pairs(5, 5, 20, 19)}]),
        "the error rate `maker never enrolled accepted: Ash` is not stated, and '5 of 5' by",
    ),
    "no ranks": (lambda s: s | {"ranks": None}, "the error rate `known copies accepted` is '1 of 20', and not stated"),
    "other likelihood ratios": (
        lambda s: s | {"ratios": [s["ratios"][0] | {"slope": "8"}, s["ratios"][1]]},
        "its likelihood ratios is",
    ),
    "no likelihood ratios": (lambda s: s | {"ratios": []}, "its likelihood ratios is"),
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


def test_a_near_duplicate_is_the_auditor_s_claim_where_the_bundle_lists_no_image(
    keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    said, near, listed_mark = settings(), EnrolmentMark.NEAR_DUPLICATE, EnrolmentMark.SPECIMEN
    row = genuine().images[0]
    found = bundle(tmp_path / "model", keys["model"], said)

    def marked(report: Report, mark: EnrolmentMark) -> Report:
        own = [image.name for image in report.images if image.specimen == row.specimen]
        marks = dict.fromkeys(own, listed_mark) | {row.name: mark}
        return redecided(report, (replace(image, enrolled=marks.get(image.name)) for image in report.images))

    assert "marked" in compare_model(marked(of_bundle(found), near), tmp_path / "model")
    for mark in (EnrolmentMark.IMAGE, listed_mark):
        with pytest.raises(SigningError, match="was not among what the bundle was enrolled with"):
            compare_model(marked(of_bundle(found), mark), tmp_path / "model")
    said["examples"][0]["pixel_digest"] = row.pixels
    listing = bundle(tmp_path / "listing", keys["model"], said)
    with pytest.raises(SigningError, match="was among what the bundle was enrolled with"):
        compare_model(marked(of_bundle(listing), near), tmp_path / "listing")


@pytest.mark.parametrize(
    "harm",
    [
        lambda s: s | {"also": 1},
        lambda s: {name: value for name, value in s.items() if name != "seen"},
        lambda s: s | {"reference": None, "learning": None, "examples": []},
        lambda s: s | {"base": None},
        lambda s: s | {"examples": [s["examples"][0] | {"also": 1}]},
        lambda s: s | {"examples": []},
        lambda s: s | {"format": "fusiondiff-audit/bundle/v3"},
        lambda s: s | {"unfamiliarity": "distance"},
    ],
    ids=[
        "unknown field",
        "missing field",
        "not enrolled",
        "base null",
        "unknown field of an example",
        "no examples",
        "newer",
        "a former field",
    ],
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
    former = older(said.header.model.digest, V2)
    assert compare_model(former, tmp_path / "model").startswith("NOTHING BUT FILES COMPARED")


def older(found: str, version: str, **changes: Any) -> Report:
    """Return a report as it is read of an older version, of the bundle with this digest."""
    changes |= {"digest": found} | ({"partitions": 0} if version == V1 else {})
    said = former_report(AUDITOR.public)
    return replace(said, header=replace(said.header, format=version, model=replace(said.header.model, **changes)))


@pytest.mark.parametrize("version", [V1, V2])
def test_older_reports_are_compared_in_what_they_state(
    version: str, keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    said = former_settings() | {"name": CERAMIC, "base": "oak"}  # they state no base
    found = bundle(tmp_path / "model", keys["model"], said)
    for name in (CERAMIC, f"another {CERAMIC}"):  # the first is how they were written before names were compared
        sentence = compare_model(older(found, version, name=name), tmp_path / "model")
        assert sentence.startswith("no image was among those enrolled; 2 files judged, and are as the header says: ")
    for changes in ({"name": "alder"}, {"name": CERAMIC, "enrolled_authentic": 26}):
        with pytest.raises(SigningError) as caught:
            compare_model(older(found, version, **changes), tmp_path / "model")
        assert caught.value.reason is Reason.CONTRADICTION
    rated = older(found, version, name=CERAMIC, error_rates=())
    if version == V2:
        with pytest.raises(SigningError, match="of the error rate"):
            compare_model(rated, tmp_path / "model")
    else:
        compare_model(rated, tmp_path / "model")  # its error rates have other names


@pytest.mark.parametrize("version", [V1, V2])
def test_enrolled_images_of_an_older_report_are_counted_in_the_answer(
    version: str, keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    row = next(row for row in former_report(AUDITOR.public).images if row.pixels is not None)
    said = former_settings()
    said["examples"][0]["pixel_digest"] = row.pixels
    found = bundle(tmp_path / "model", keys["model"], said)
    sentence = compare_model(older(found, version), tmp_path / "model")
    assert re.match("[0-9]+ IMAGES OF ENROLLED SPECIMENS, whose verdicts are no evidence", sentence)
    assert f"(version {version[-1]} has no marks)" in sentence[:WIDEST]


FALSE_OF_FORMER: dict[str, tuple[Callable[[Said], Said], str]] = {
    "calibrated": (lambda s: without(s, "counterfeit calibrates 3"), "calibrated_counterfeit is 20, and 19 by"),
    "error rates of specimens that the encoder has seen": (
        lambda s: s | {"seen": [e["pixel_digest"] for e in s["examples"] if e["specimen"] == "authentic calibrates 5"]},
        f"of the error rate `{FORMER_ERROR_RATES[1]}` is 20, and 19 by",
    ),
    "all calibration specimens of a class seen": (
        lambda s: s | {"seen": [e["pixel_digest"] for e in s["examples"] if e["specimen"].startswith("counterfeit c")]},
        f"of the error rate `{FORMER_ERROR_RATES[0]}` is 20, and not stated by",
    ),
}


@pytest.mark.parametrize("what", FALSE_OF_FORMER)
def test_a_report_of_version_2_that_differs_from_its_bundle_is_refused(
    what: str, keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    change, message = FALSE_OF_FORMER[what]
    found = bundle(tmp_path / "model", keys["model"], change(former_settings()))
    with pytest.raises(SigningError) as caught:
        compare_model(older(found, V2), tmp_path / "model")
    assert caught.value.reason is Reason.CONTRADICTION
    assert message in str(caught.value)


def test_one_of_two_images_in_the_encoder_s_training_leaves_a_calibration_specimen_counted(
    keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    said = former_settings()
    first = next(e for e in said["examples"] if e["specimen"] == "authentic calibrates 0")
    found = bundle(tmp_path / "model", keys["model"], said | {"seen": [first["pixel_digest"]]})
    assert "are as the header says" in compare_model(older(found, V2), tmp_path / "model")


def test_an_image_without_the_mark_that_the_bundle_gives_it_is_refused(
    keys: dict[str, PrivateKey], tmp_path: Path
) -> None:
    said = settings()
    said["examples"][0]["pixel_digest"] = genuine().images[0].pixels
    found = bundle(tmp_path / "model", keys["model"], said)
    with pytest.raises(SigningError, match="was among what the bundle was enrolled with"):
        compare_model(of_bundle(found), tmp_path / "model")


def agree(model: DiffusionModel, folder: Path) -> BundleSettings:
    """Hold what the tool writes into reports against what a report's reader finds in the bundle."""
    data = (folder / SETTINGS).read_bytes()
    own = Settings.from_bytes(data, "it")
    assert own == model.settings
    said = read_json(data, "it", limit=core.MAX_SETTINGS, tokens=2_000_000)
    read = BundleSettings.from_fields(said)
    identity = ModelJudge(model, ALPHA).identity
    assert (read.name, read.base, read.reference) == (own.name, own.base, own.reference)
    assert (read.demonstration, read.seen) == (own.demonstration, frozenset(own.seen))
    assert (read.ranks, read.ratios, read.confounding) == (own.ranks, own.ratios, own.confounding)
    for read_example, example in zip(read.examples, own.examples, strict=True):
        assert dataclasses.asdict(read_example) == dataclasses.asdict(example) | {"calibrates": False}
    assert read.enrolled == own.enrolled_set
    assert read.error_rates(ALPHA) == identity.model.error_rates
    header = replace(
        genuine().header, model=identity.model, reference=identity.reference, demonstration=identity.demonstration
    )
    assert "are as the header says" in compare_model(changed(genuine(), header=header), folder)
    return read


def test_both_readers_agree_on_the_bundle_that_comes_with_the_tool() -> None:
    assert agree(DiffusionModel.from_pretrained(CERAMIC), PIN.folder).error_rates(ALPHA)


def test_both_readers_agree_on_an_enrolled_bundle(
    keys: dict[str, PrivateKey], trust: TrustStore, tmp_path: Path
) -> None:
    samples = (
        (sample, replace(example, device="sem-1" if example.authentic else "sem-2", maker="Oak"))
        for sample, example in examples(4)
    )
    learning = ForestSettings(trees=5)
    model = tiny_model().enrol(samples, reference="alder", learning=learning, name="Kiln Alder, lot 7")
    model.save(tmp_path / "alder")
    sign_model(tmp_path / "alder", key=keys["model"])
    read = agree(DiffusionModel.from_pretrained(tmp_path / "alder", trust=trust), tmp_path / "alder")
    assert read.base == "tiny"
    assert read.devices == ("sem-1", "sem-2")
    assert read.error_rates(ALPHA) == ()  # of four specimens a class none could be ruled out at 5 %
    assert [rate.of for rate in read.error_rates(Fraction(1, 4))] == [4, 4]


def test_the_reader_s_fields_are_those_of_the_tool() -> None:
    def fields(kind: Any) -> set[str]:
        return {field.name for field in dataclasses.fields(kind)}

    assert set(bundle_settings.FIELDS) | set(bundle_settings.OPTIONAL) == fields(Settings)
    assert set(bundle_settings.OPTIONAL) == optional_fields(Settings)
    assert fields(bundle_settings.EnrolledExample) == fields(LabelledExample) | {"calibrates"}
    assert fields(ForestSettings) == {"partitions", "seed", "trees"}
    assert bundle_settings.BUNDLE_FORMAT == core.FORMAT

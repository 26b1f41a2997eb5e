"""`enrol --check`: what there is to say of labelled images before anything is learnt from them."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer
from fusiondiff_audit.cli.class_folders import ClassOptions
from fusiondiff_audit.cli.enrol_answer import say_unlisted
from fusiondiff_audit.cli.exits import worst
from fusiondiff_audit.cli.failure import exit_code
from fusiondiff_audit.cli.options import TrustContext
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.extras import require

if TYPE_CHECKING:
    from fusiondiff_audit.images.guard import Guard
    from fusiondiff_audit.training.data_check import DataCheck
    from fusiondiff_audit.training.images_to_enrol import ImageToEnrol
    from reports.verdict.confounding import ConfoundingCheck, FactAssociation

_ROWS = 12  # of a table of images
_VALUES = 3  # of a fact
_BASE = "fusion-diff-v1-ceramic"
_LABELS = ("authentic", "counterfeit")


def check_answer(folders: Sequence[Path], classes: ClassOptions | None, trust: TrustContext | None) -> Answer:
    """Check signed batches, a folder with a labels.csv, or folders of classes."""
    require("audit", "checking the data of an enrolment")
    from fusiondiff_audit.images.guard import Guard

    with Guard() as guard:
        number, images = _images(folders, classes, trust, guard)
        from fusiondiff_audit.training.data_check import check_data

        check = check_data(with_progress(images, activity="decoding", total=number))
    text = "\n\n".join(f"{title}\n{body}" for title, body in _sections(check))
    following = _next(folders, classes, trust)
    specimens = count(len({example.specimen for example in check.examples}), "specimen")
    data = _data(check) | {"next": following}
    if check.unusable:
        counts = Counter(image.reason for image in check.unusable)
        reasons = ", ".join(f"{many} {reason}" for reason, many in counts.most_common())
        sentence = f"{count(len(check.unusable), 'image')} of {number} that no enrolment takes: {reasons}"
        data |= {"reason": counts.most_common(1)[0][0], "reasons": dict(counts)}
        return Answer("REFUSED", sentence, text, data, worst(map(exit_code, counts)))
    warning = "; IMAGING PREDICTS THE LABEL" if check.imaging.predictors else ""
    sentence = f"{count(number, 'image')} of {specimens} can be enrolled{warning}; nothing was learnt or written"
    return Answer("PASSED", sentence, f"{text}\n\nnext\n  {following}\n", data)


def _images(
    folders: Sequence[Path], classes: ClassOptions | None, trust: TrustContext | None, guard: "Guard"
) -> "tuple[int, Iterator[ImageToEnrol]]":
    """Return the number of images to be enrolled, and the images; labels are read before any is decoded."""
    from fusiondiff_audit.inputs.labelled_files import LabelledFiles
    from fusiondiff_audit.inputs.labels import Use
    from fusiondiff_audit.training.labelled_batches import read_labelled

    if classes is None and trust is not None:
        batches = read_labelled(
            signing.open_batch(folder, trust=trust.store, roles=(signing.Role.LABELLER,)) for folder in folders
        )
        for each in batches:
            say_unlisted(each.batch.folder, each.unlisted)
        from fusiondiff_audit.training.images_to_enrol import images_of_batches

        return sum(len(batch.enrolled) for batch in batches), images_of_batches(batches, guard)
    if classes is None and len(folders) > 1:
        raise click.UsageError("without --trust one folder is checked, whose labels.csv nobody signed")
    files = LabelledFiles.of_table(folders[0]) if classes is None else classes.read()
    if classes is None:
        say_unlisted(folders[0], files.unlisted)
    from fusiondiff_audit.training.images_to_enrol import images_of_files

    number = sum(label.use is Use.ENROL for label in files.labels.values())
    device, side = (None, None) if classes is None else (classes.device, classes.pixel_size)
    return number, images_of_files(files, guard, device=device, pixel_size=side)


def _sections(check: "DataCheck") -> Iterator[tuple[str, str]]:
    yield "Specimens", table([("label", "maker", "specimens", "images", "of each", "sessions"), *_makers(check)])
    if check.unusable:
        rows = [(image.path, image.reason, image.message) for image in check.unusable]
        yield "Images that no enrolment takes", _cut([("image", "reason", "detail"), *rows])
    stated = [(fact, _values(own), _values(copies)) for fact, (own, copies) in check.stated.items()]
    yield "What files, labels and manifest state, by images", table([("fact", *_LABELS), *stated])
    if check.similar:
        pairs = [
            (pair.first, pair.second, f"{pair.similarity:.2f}", "same" if pair.same_label else "different")
            for pair in check.similar
        ]
        head = ("image", "image", "correlation", "labels")
        yield "Images of different specimens that show nearly the same", _cut([head, *pairs])
    from fusiondiff_audit.training.data_check import CHANCE_PAIRS

    chance = check.pairs / CHANCE_PAIRS
    alike = f"{len(check.similar)} of {check.pairs:,} pairs of images of different specimens are alike"
    yield "Near-duplicates", f"  {alike}; about {chance:.1f} by chance"
    yield "Whether imaging predicts the label", _lines(check.imaging.sentences())
    yield "What one statistic of the greys tells of the label", "\n".join(_greys(check.greys))
    yield "What the bundle will be able to say", _lines(check.forecast.sentences())


def _makers(check: "DataCheck") -> Iterator[tuple[str, ...]]:
    by_maker: dict[tuple[bool, str], Counter[str]] = {}
    sessions: dict[tuple[bool, str], set[str]] = {}
    for example in check.examples:
        key = (not example.authentic, example.maker or "")
        by_maker.setdefault(key, Counter())[example.specimen] += 1
        sessions.setdefault(key, set()).update([example.session] if example.session else [])
    for key, images in sorted(by_maker.items()):
        fewest, most = min(images.values()), max(images.values())
        each = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        stated = f"{len(sessions[key]):,}" if sessions[key] else "not stated"
        yield _LABELS[key[0]], key[1] or "not named", f"{len(images):,}", f"{images.total():,}", each, stated


def _values(counts: Counter[str]) -> str:
    shown = [f"{value}: {number}" for value, number in counts.most_common(_VALUES)]
    more = len(counts) - len(shown)
    return ", ".join([*shown, *([f"{more} more values"] if more else [])]) or "-"


def _greys(check: "ConfoundingCheck") -> Iterator[str]:
    if not check.associations:
        yield "  not tested: too few specimens differ in one, or not both labels are present"
        return
    counterfeit, authentic = check.specimens
    head = ("statistic", "authentic if", "authentic", "counterfeit", "right", "p")
    rows = [
        (
            each.fact,
            each.rule or "-",
            f"{each.authentic} of {authentic}",
            f"{each.counterfeit} of {counterfeit}",
            f"{100 * _balanced(each, check):.0f} %",
            f"{float(each.p):.4f}",
        )
        for each in check.associations
    ]
    yield table([head, *rows])
    yield "  `right` is the mean of both classes by that rule, which was chosen on these specimens; 50 % is chance"
    if check.predictors:
        yield "  such a statistic is of the ware or of the settings of the microscope; equal settings tell which"


def _balanced(each: "FactAssociation", check: "ConfoundingCheck") -> float:
    counterfeit, authentic = check.specimens
    return (each.authentic / authentic + (counterfeit - each.counterfeit) / counterfeit) / 2


def _lines(sentences: Iterable[str]) -> str:
    return "\n".join(f"  {sentence}" for sentence in sentences)


def _cut(rows: Sequence[tuple[str, ...]]) -> str:
    """Return a table of the first rows, and how many more there are."""
    more = len(rows) - 1 - _ROWS
    return table(rows[: _ROWS + 1]) + (f"\n  and {more:,} more; --json has all" if more > 0 else "")


def _next(folders: Sequence[Path], classes: ClassOptions | None, trust: TrustContext | None) -> str:
    """Return the command that comes next; what the user has to choose is in capitals."""
    if classes is None and trust is None:
        return f"fusiondiff-audit sign {shlex.quote(str(folders[0]))} --key LABELLER.pem --device NAME"
    named = [str(folder) for folder in folders] if classes is None else [*classes.words()]
    signing_key = "" if classes is None else " --labeller-key LABELLER.pem"
    rest = f"--reference 'WHAT' --model {_BASE} --trust TRUST.json{signing_key} --key MODEL.pem --out NAME"
    return f"fusiondiff-audit enrol {shlex.join(named)} {rest}"


def _data(check: "DataCheck") -> dict[str, Any]:
    from signing.records import write_record

    return {
        "images": len(check.examples),
        "specimens": {
            label: len({each.specimen for each in check.examples if each.authentic is authentic})
            for label, authentic in zip(_LABELS, (True, False), strict=True)
        },
        "unusable": [{"image": i.path, "reason": i.reason, "message": i.message} for i in check.unusable],
        "nearDuplicates": [
            {"images": [p.first, p.second], "similarity": p.similarity, "sameLabel": p.same_label}
            for p in check.similar
        ],
        "stated": {fact: dict(zip(_LABELS, map(dict, counts), strict=True)) for fact, counts in check.stated.items()},
        "imaging": write_record(check.imaging),
        "greys": write_record(check.greys),
        "canSay": check.forecast.data(),
    }

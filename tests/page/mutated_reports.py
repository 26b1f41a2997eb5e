"""Seeded changes of a report's signed content, each with a tree and a signature that fit the changed rows."""

import copy
import hashlib
import hmac
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fusiondiff_audit.policy.audit import AuditPolicy, Certify, Decide, Intake, RobustnessRequirement
from fusiondiff_audit.policy.laboratory import Case
from reports.arithmetic import Rank, error_bounds
from reports.verdict.claims import ScaleClaim
from reports.verdict.evidence_check import is_comparable
from reports.verdict.header import ErrorRate, Header
from reports.verdict.report import BATCH, Report, leaf_bytes
from reports.verdict.rows import EnrolmentMark, ImageRow, SpecimenEvidence
from reports.verdict.specimens import SpecimenKey, by_specimen, decide_rows
from reports.verdict.verdicts import Verdict
from signing import MerkleTree, leaf_hash
from signing.strict import read_base64, write_base64, write_json
from tests.reports.verdict.made import following, image

_INTEGERS = (-1, 0, 1, 2, 3, 19, 20, 21, 255, 2**53, 2**53 + 1, 2**64, True)
_TEXTS = (
    *("", "x", " x", "x ", "\u00e9", "\u200b", "e\u0301", "\ud800", "a\\b", '"', "\x7f", "0.05", "1.0", "-1.5", "0"),
    *("AUTHENTIC", "REFUSED", "authentic", "specimen", "INCONCLUSIVE", "PASSED", "2026-11-21T12:00:00Z", 64 * "a"),
)


def payload_of_parts(predicate: dict[str, Any]) -> bytes:
    """Return the payload of a predicate whose rows, tree and subjects fit each other, whatever the rows are."""
    header, images, specimens = predicate["header"], predicate["images"], predicate["specimens"]
    key = read_base64(predicate["saltKey"], "salt key")
    kinds = ["header", *["specimen"] * len(specimens), *["image"] * len(images)]
    leaves = []
    for number, (kind, leaf) in enumerate(zip(kinds, (header, *specimens, *images), strict=True)):
        salt = write_base64(hmac.digest(key, number.to_bytes(8, "big"), hashlib.sha256))
        leaves.append(leaf_hash(leaf_bytes(number, salt, kind, write_json(leaf))))
    tree = MerkleTree(leaves)
    origin = f"fusiondiff-audit/report/{header.get('id')}"
    head = {"origin": origin, "root": write_base64(tree.root()), "size": len(tree)}
    judged = [row for row in images if row.get("judged") is not None and row.get("sha256")]
    names = [(BATCH, header["batch"].get("payload")), *((row.get("name"), row["sha256"]) for row in judged)]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "predicate": predicate | {"tree": head},
        "predicateType": "https://fusiondiff-audit/authenticity-report/v3",
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in names],
    }
    return write_json(statement)


def mutations(predicate: dict[str, Any], count: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a name of the change and the changed predicate: one to three fields are altered, dropped or added."""
    chance = random.Random(seed)
    while count:
        changed = copy.deepcopy(predicate)
        paths = [_mutate(changed, chance) for _ in range(chance.choice((1, 1, 1, 2, 3)))]
        if changed != predicate:
            count -= 1
            yield "; ".join(paths), changed


def _mutate(predicate: dict[str, Any], chance: random.Random) -> str:
    """Change one place at random, and return what was done."""
    part = chance.choice(("header", "images", "specimens"))
    holder: Any = predicate[part] if part == "header" else chance.choice(predicate[part])
    path = part
    while True:
        place = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
        path += f".{place}"
        inner = holder[place]
        if not (isinstance(inner, dict | list) and inner) or chance.random() < 0.1:
            break
        holder = inner
    if isinstance(holder, dict) and chance.random() < 0.05:
        if chance.random() < 0.5:
            del holder[place]
            return f"{path} dropped"
        holder["added"] = 1
        return f"{path} beside it"
    holder[place] = _other(holder[place], chance)
    return f"{path} = {holder[place]!a}"[:200]


def _other(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.1:
        return chance.choice((None, True, 1, 1.5, "x", [], {}))
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return chance.choice((value - 1, value + 1, *_INTEGERS))
    if isinstance(value, str):
        digits = [place for place, c in enumerate(value) if c.isdigit()]
        if digits and chance.random() < 0.5:
            place = chance.choice(digits)
            return value[:place] + chance.choice("0123456789") + value[place + 1 :]
        return chance.choice((value.upper(), value.lower(), value + "0", value[1:], *_TEXTS))
    if isinstance(value, list):
        return chance.choice((value[::-1], value[1:], [*value, *value[:1]], []))
    return None if value is not None else {"at_least": 3, "of": 20}


def random_report(said: Report, seed: int) -> Report:
    """Return a report of other images, evidence and rules, in which everything follows."""
    chance = random.Random(seed)
    alpha = chance.choice(("0.05", "0.05", "0.1", "0.25", "0.04"))
    enrolled = tuple(chance.choice((20, 20, 30, 57, 12)) for _ in range(2))
    header = _header(said.header, chance, alpha, enrolled)
    images = [_image(row, chance) for row in map(image, range(chance.choice((1, 4, 12, 40))))]
    images = [row for row in images if row.verdict is not Verdict.REFUSED or chance.random() < 0.6] or images
    marked = {row.specimen for row in images if row.enrolled is not None and row.specimen is not None}
    images = [_marked(row) if row.specimen in marked else row for row in images]
    evidence: dict[SpecimenKey, SpecimenEvidence] = {}
    for key, rows in by_specimen(images).items():
        if is_comparable(rows) and header.model.enrolled_tiles:
            evidence[key] = _evidence(rows, header, chance)
    return following(header, decide_rows(images, evidence, header.rules), said.salt_key)


def _header(header: Header, chance: random.Random, alpha: str, enrolled: tuple[int, ...]) -> Header:
    certify = Certify(poisoning="on", tolerance=chance.choice((0, 0, 1, 3)))
    policy = AuditPolicy(
        name="ours",
        case=Case(text=("Sale 12",)),
        intake=Intake(
            scale=chance.choice(("required", "optional")), instrument=chance.choice(("required", "remark", "remark"))
        ),
        certify=certify,
        robustness=RobustnessRequirement(result="optional"),
        decide=Decide(error_rate=alpha),
    )
    rules = policy.rules
    ranks = chance.random() < 0.9
    of, wrong = min(enrolled), chance.randrange(min(enrolled) + 1)
    rates = (ErrorRate("own specimens rejected", wrong, of, error_bounds(wrong, of)),)
    model = replace(
        header.model,
        enrolled_authentic=enrolled[0],
        enrolled_counterfeit=enrolled[1],
        error_rates=rates if ranks else (),
        ratios=(),
        enrolled_tiles=chance.choice(((16,), (64, 16), (200,))) if ranks else (),
        devices=chance.choice((("sem-1",), ("sem-1", "sem-2"), ("sem-2",))),
        confounded=chance.choice((None, False, False, True)),
    )
    quoted = replace(
        header.policy,
        name="ours",
        text=policy.text,
        digest=policy.digest,
        alpha=alpha,
        needs_scale=rules.needs_scale,
        needs_instrument=rules.needs_instrument,
        tolerance=rules.tolerance,
    )
    return replace(header, model=model, policy=quoted)


def _image(row: ImageRow, chance: random.Random) -> ImageRow:
    if row.verdict is Verdict.REFUSED:
        return row
    scale = chance.choice((row.scale, row.scale, ScaleClaim("12.5", "manifest"), None))
    judged = row.judged if row.judged is None else replace(row.judged, tiles=chance.choice((1, 4, 16, 16, 20)))
    enrolled = chance.choice((*(None,) * 12, EnrolmentMark.IMAGE, EnrolmentMark.NEAR_DUPLICATE))
    return replace(row, scale=scale, judged=judged, enrolled=enrolled)


def _marked(row: ImageRow) -> ImageRow:
    return row if row.verdict is Verdict.REFUSED or row.enrolled else replace(row, enrolled=EnrolmentMark.SPECIMEN)


def _evidence(rows: tuple[ImageRow, ...], header: Header, chance: random.Random) -> SpecimenEvidence:
    tiles = tuple(sorted((row.judged.tiles for row in rows if row.judged is not None), reverse=True))
    used = tiles if chance.random() < 0.7 else tiles[: chance.randrange(1, len(tiles) + 1)]
    model = header.model
    authentic = counterfeit = weakest = spread = None
    least = -(-1 // header.policy.rate) - 1
    if min(model.enrolled_authentic, model.enrolled_counterfeit) >= least:
        high = (model.enrolled_authentic, model.enrolled_counterfeit)
        authentic, counterfeit = (Rank(chance.choice((0, 0, 1, 2, of // 2, of)), of) for of in high)
        if len(used) < len(tiles):
            weakest = Rank(chance.randrange(authentic.at_least + 1), authentic.of)
        if len(used) > 1 and chance.random() < 0.7:
            spread = Rank(chance.choice((0, 3)), int(least) + chance.randrange(3))
            spread = spread if spread.of <= sum(high) and spread.at_least <= spread.of else None
    return SpecimenEvidence(
        authentic, counterfeit, spread, used, used != tiles, chance.random() < 0.3, "-0.250000", weakest
    )

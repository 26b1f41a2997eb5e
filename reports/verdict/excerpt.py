"""One image of a report, shown alone: header, row, and the proof that both are leaves of the tree that was signed.

An object is judged by its worst picture, so its row goes with a picture of it: nobody shows the good one alone.
No other row is in it, nor the key of the salts: what the others say cannot be guessed from the hashes on the way.
"""

import json
from dataclasses import dataclass

from reports.verdict.consistency import contradiction, refuse_inconsistent_header, refuse_inconsistent_row
from reports.verdict.header import Header
from reports.verdict.report import Report, leaf_bytes, origin_of
from reports.verdict.rows import ImageRow, SpecimenRow
from reports.verdict.specimen_check import count_fault, specimen_fault
from reports.verdict.trust_check import TrustComparison, compare_trust
from reports.verdict.verdicts import Verdict, VerdictReason
from reports.verdict.versions import refuse_late, rules_of, stated_version, upgraded
from signing import Reason, Role, Signer, SigningError, TrustStore, open_proof, write_proof
from signing.fields import Fields, read_json
from signing.records import read_record
from signing.strict import malformed, write_json

EXCERPT_FORMAT = "fusiondiff-audit/excerpt/v1"
MAX_EXCERPT = 4 * 1024 * 1024  # bytes
_MAX_NOTE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What was proven of one image."""

    header: Header
    row: ImageRow
    specimen: SpecimenRow | None  # the object that it is a picture of, by its worst picture
    signer: Signer
    comparison: TrustComparison  # of the header with the trust store


def make_excerpt(report: Report, checkpoint: bytes, name: str) -> bytes:
    """Return the file that shows one image of a report; it takes no key."""
    first = 1 + len(report.specimens)
    number = next((first + place for place, row in enumerate(report.images) if row.name == name), None)
    if number is None:
        raise SigningError(Reason.BAD_REQUEST, f"{name!a}: no image of this report")
    of = report.images[number - first].specimen
    objects = [1 + place for place, row in enumerate(report.specimens) if row.specimen == of]
    parts = {}
    for what, at in (("header", 0), ("image", number), *(("specimen", at) for at in objects)):
        parts[what] = {
            "salt": report.salt(at),
            "said": json.loads(report.texts[at]),
            "proof": write_proof(at, report.tree.inclusion(at), checkpoint).decode(),
        }
    return write_json({"format": EXCERPT_FORMAT, **parts})


def verify_excerpt(data: bytes, where: str, *, trust: TrustStore) -> Excerpt:
    """Return what an excerpt proves, or refuse it."""
    fields = read_json(data, where, limit=MAX_EXCERPT, tokens=100_000)
    fields.closed("format", "header", "image", optional=("specimen",)).constant("format", EXCERPT_FORMAT)
    kinds = ("header", "image", *(("specimen",) if fields.has("specimen") else ()))
    said = {kind: _part(fields, kind).fields("said") for kind in kinds}
    version = stated_version(said["header"].value)
    header = read_record(Header, Fields(upgraded(said["header"].value, "header", version, where), f"{where}: header"))
    entry = trust.signer(header.auditor.keyid, (Role.AUDITOR,), where)
    signer, key = trust.judge(entry, header.time, where), entry.public_key()
    refuse_late(header.format, header.time, where, proven=False)
    comparison = compare_trust(header, trust, where)
    row = read_record(ImageRow, Fields(upgraded(said["image"].value, "image", version, where), f"{where}: image"))
    sizes = set()
    for kind, text in said.items():
        part = _part(fields, kind)
        proof = part.raw("proof", limit=_MAX_NOTE).encode()
        index = _index(proof, where)
        shown = leaf_bytes(index, part.text("salt"), kind, write_json(text.value))
        proven = open_proof(proof, f"{where}: {kind}", entry=shown, origin=origin_of(header), key=key)
        sizes.add((proven.checkpoint.size, proven.checkpoint.root))
        if (proven.index == 0) != (kind == "header"):
            raise malformed(where, "the header is leaf 0, and an image is not")
    if len(sizes) > 1:
        raise SigningError(Reason.BAD_PROOF, f"{where}: its parts are of two trees")
    refuse_inconsistent_header(header, where)
    refuse_inconsistent_row(row, header, where)
    specimen = _object(said.get("specimen"), row, header, where)
    if fault := count_fault(specimen, row, header):
        raise contradiction(where, fault)
    return Excerpt(header, row, specimen, signer, comparison)


def _object(said: Fields | None, row: ImageRow, header: Header, where: str) -> SpecimenRow | None:
    """Return the row of the object that a picture shows, or None if there is none to show."""
    version = header.format
    if said is None and (row.specimen is None or not rules_of(version).excerpts_hold_specimens):
        return None
    if said is None or row.specimen is None:
        raise malformed(where, "a picture's object is in it where the report names one, and nowhere else")
    found = read_record(SpecimenRow, Fields(upgraded(said.value, "specimen", version, where), f"{where}: specimen"))
    if found.specimen != row.specimen:
        raise malformed(where, f"{row.name!a} is a picture of {row.specimen!a}, not of {found.specimen!a}")
    if row.verdict is not Verdict.REFUSED and (row.enrolled is not None) is not (
        VerdictReason.WAS_ENROLLED in found.reasons
    ):
        raise contradiction(where, f"{row.name!a} and its specimen do not agree on whether they were enrolled")
    if fault := specimen_fault(found, row, header):
        raise contradiction(where, fault)
    return found


def _part(fields: Fields, kind: str) -> Fields:
    return fields.fields(kind).closed("salt", "said", "proof")


def _index(proof: bytes, where: str) -> int:
    """Return the leaf's number as the proof claims it; the proof is judged with it."""
    lines = proof.split(b"\n", 2)
    digits = lines[1].removeprefix(b"index ") if len(lines) > 1 else b""
    if not digits.isdigit() or len(digits) > 19:
        raise malformed(where, "a proof without an index")
    return int(digits)

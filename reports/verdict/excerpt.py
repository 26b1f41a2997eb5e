"""An excerpt: the header, the row of one image, and the proof that both are leaves of the tree that was signed.

A specimen is judged by all its images, so its row is in the excerpt of each of them: nobody shows one alone. An
excerpt holds no other row, and no key of the salts, so nobody can guess other rows from the hashes in it.
"""

import json
from dataclasses import dataclass
from difflib import get_close_matches

from reports.verdict.consistency import contradiction, refuse_inconsistent_header, refuse_inconsistent_row
from reports.verdict.header import Header
from reports.verdict.leaves import read_header, read_image, read_specimen
from reports.verdict.report import Report, leaf_bytes, origin_of
from reports.verdict.rows import ImageRow, SpecimenRow
from reports.verdict.specimen_check import count_fault, specimen_fault
from reports.verdict.trust_check import TrustComparison, compare_trust
from reports.verdict.versions import refuse_late, rules_of, stated_version
from signing import Reason, Role, Signer, SigningError, TrustStore, open_proof, write_proof
from signing.fields import Fields, read_json
from signing.notes import MAX_NOTE
from signing.strict import malformed, write_json

EXCERPT_FORMAT = "fusiondiff-audit/excerpt/v1"
MAX_EXCERPT = 4 * 1024 * 1024  # bytes
_SIMILAR = 3  # names in advice


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What an excerpt proves of one image."""

    header: Header
    row: ImageRow
    specimen: SpecimenRow | None  # None: the row names none, or version 1 left it out
    signer: Signer
    comparison: TrustComparison  # of the header with the trust store


def _advice(report: Report, name: str) -> str | None:
    """Return the images of the specimen of that name, or the names that are most like it."""
    own = [row.name for row in report.images if row.specimen == name]
    similar = own or get_close_matches(name, [row.name for row in report.images], n=_SIMILAR, cutoff=0.5)
    named = ", ".join(ascii(each) for each in similar[:_SIMILAR])
    if own:
        return f"that is a specimen, name one of its images: {named}"
    return f"similar names are {named}" if similar else None


def make_excerpt(report: Report, checkpoint: bytes, name: str) -> bytes:
    """Return the excerpt of one image of a report; it takes no key."""
    first = 1 + len(report.specimens)
    number = next((first + place for place, row in enumerate(report.images) if row.name == name), None)
    if number is None:
        raise SigningError(Reason.BAD_REQUEST, f"{name!a}: no image of this report", hint=_advice(report, name))
    specimen = report.images[number - first].specimen
    specimens = [1 + place for place, row in enumerate(report.specimens) if row.specimen == specimen]
    parts = {}
    for kind, leaf in (("header", 0), ("image", number), *(("specimen", leaf) for leaf in specimens)):
        parts[kind] = {
            "salt": report.salt(leaf),
            "said": json.loads(report.texts[leaf]),
            "proof": write_proof(leaf, report.tree.inclusion(leaf), checkpoint).decode(),
        }
    return write_json({"format": EXCERPT_FORMAT, **parts})


def verify_excerpt(data: bytes, where: str, *, trust: TrustStore) -> Excerpt:
    """Return what an excerpt proves, or refuse it."""
    fields = read_json(data, where, limit=MAX_EXCERPT, tokens=100_000)
    fields.closed("format", "header", "image", optional=("specimen",)).constant("format", EXCERPT_FORMAT)
    kinds = ("header", "image", *(("specimen",) if fields.has("specimen") else ()))
    leaves = {kind: _part(fields, kind).fields("said") for kind in kinds}
    version = stated_version(leaves["header"].value)
    header = read_header(leaves["header"].value, version, f"{where}: header")
    entry = trust.signer(header.auditor.keyid, (Role.AUDITOR,), where)
    signer, key = trust.judge(entry, header.time, where), entry.public_key()
    refuse_late(header.format, header.time, where, proven=False)
    comparison = compare_trust(header, trust, where)
    row = read_image(leaves["image"].value, version, f"{where}: image")
    sizes = set()
    for kind, stated in leaves.items():
        part = _part(fields, kind)
        proof = part.raw("proof", limit=MAX_NOTE).encode()
        index = _index(proof, where)
        shown = leaf_bytes(index, part.text("salt"), kind, write_json(stated.value))
        proven = open_proof(proof, f"{where}: {kind}", entry=shown, origin=origin_of(header), key=key)
        sizes.add((proven.checkpoint.size, proven.checkpoint.root))
        if (proven.index == 0) != (kind == "header"):
            raise malformed(where, "the header is leaf 0, and an image is not")
    if len(sizes) > 1:
        raise SigningError(Reason.BAD_PROOF, f"{where}: its parts are of two trees")
    refuse_inconsistent_header(header, where)
    refuse_inconsistent_row(row, header, where)
    specimen = _specimen(leaves.get("specimen"), row, header, where)
    if fault := count_fault(specimen, row, header):
        raise contradiction(where, fault)
    return Excerpt(header, row, specimen, signer, comparison)


def _specimen(leaf: Fields | None, row: ImageRow, header: Header, where: str) -> SpecimenRow | None:
    """Return the row of the specimen that an image shows, or None where the excerpt need not have one."""
    version = header.format
    if leaf is None and (row.specimen is None or not rules_of(version).excerpts_hold_specimens):
        return None
    if leaf is None or row.specimen is None:
        raise malformed(where, "the specimen of an image is in it where the report names one, and nowhere else")
    specimen = read_specimen(leaf.value, version, f"{where}: specimen")
    if specimen.specimen != row.specimen:
        raise malformed(where, f"{row.name!a} is an image of {row.specimen!a}, not of {specimen.specimen!a}")
    if fault := specimen_fault(specimen, row, header):
        raise contradiction(where, fault)
    return specimen


def _part(fields: Fields, kind: str) -> Fields:
    return fields.fields(kind).closed("salt", "said", "proof")


def _index(proof: bytes, where: str) -> int:
    """Return the leaf's number as the proof claims it; the proof is judged with it."""
    lines = proof.split(b"\n", 2)
    digits = lines[1].removeprefix(b"index ") if len(lines) > 1 else b""
    if not digits.isdigit() or len(digits) > 19:
        raise malformed(where, "a proof without an index")
    return int(digits)

"""From the evidence of specimens to the verdicts of all rows: one function for makers and for verifiers.

An image without a specimen's name is a specimen of its own, and its row holds its evidence. The images of a named
specimen have its verdict and reasons, but for files that were refused, which keep their own, and for images that could
not be judged, which are INCONCLUSIVE.

    >>> from fractions import Fraction
    >>> from reports.arithmetic import Rank
    >>> from reports.verdict.rows import Judgement
    >>> from reports.verdict.verdicts import Label
    >>> digest, judged = 64 * "0", Judgement(Label.COUNTERFEIT, 0, 1, "0.4", "0.6", 16, None, None)
    >>> row = ImageRow("a.tif", digest, digest, "sherd 1", Verdict.INCONCLUSIVE, (), judged)
    >>> ranks = SpecimenEvidence(Rank(12, 25), Rank(0, 25), None, (16,), reduced=False, conservative=False, score="0.5")
    >>> decided = decide_rows((row,), {key_of(row): ranks}, VerdictRules(alpha=Fraction("0.05")))
    >>> decided.images[0].verdict, decided.specimens[0].verdict
    (<Verdict.AUTHENTIC: 'AUTHENTIC'>, <Verdict.AUTHENTIC: 'AUTHENTIC'>)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from reports.verdict.batch_statement import BatchStatement, batch_statement
from reports.verdict.rows import ImageRow, SpecimenEvidence, SpecimenRow, least_tolerance
from reports.verdict.verdicts import Evidence, Verdict, VerdictReason, VerdictRules, verdict

SpecimenKey = tuple[str | None, str]  # the specimen's name and nothing; or None and the name of an image without one
ALL_REFUSED = "all-refused"  # the reason of a specimen whose every image was refused


@dataclass(frozen=True, slots=True)
class DecidedRows:
    """All rows of a report, each with the verdict that follows."""

    specimens: tuple[SpecimenRow, ...]
    images: tuple[ImageRow, ...]

    @property
    def evidence(self) -> dict[SpecimenKey, SpecimenEvidence]:
        """Return the evidence of each specimen that has some."""
        named = ((specimen_key(row.specimen), row.evidence) for row in self.specimens)
        nameless = ((key_of(row), row.evidence) for row in self.images if row.specimen is None)
        return {key: evidence for key, evidence in (*named, *nameless) if evidence is not None}

    @property
    def verdicts(self) -> list[Verdict]:
        """Return the verdict of each specimen, an image without a specimen's name being one."""
        nameless = [row.verdict for row in self.images if row.specimen is None]
        return [*(row.verdict for row in self.specimens), *nameless]

    def statement(self, alpha: Fraction) -> BatchStatement | None:
        """Return what follows for the batch as a whole; None if no specimen was ranked."""
        ranks = [each.authentic for each in self.evidence.values() if each.authentic is not None]
        return batch_statement(ranks, alpha, approximate=True) if ranks else None


def key_of(row: ImageRow) -> SpecimenKey:
    """Return the key of the specimen that an image shows."""
    return (None, row.name) if row.specimen is None else specimen_key(row.specimen)


def specimen_key(name: str) -> SpecimenKey:
    """Return the key of a named specimen."""
    return name, ""


def by_specimen(images: Iterable[ImageRow]) -> dict[SpecimenKey, tuple[ImageRow, ...]]:
    """Return the images of each specimen, in their order."""
    grouped: dict[SpecimenKey, list[ImageRow]] = {}
    for row in images:
        grouped.setdefault(key_of(row), []).append(row)
    return {key: tuple(rows) for key, rows in grouped.items()}


def decide_rows(
    images: Iterable[ImageRow], evidence: Mapping[SpecimenKey, SpecimenEvidence | None], rules: VerdictRules
) -> DecidedRows:
    """Return all rows with the verdicts that follow; verdicts that rows had, but REFUSED, do not matter."""
    specimens, decided = [], []
    for key, rows in by_specimen(images).items():
        own, name = evidence.get(key), key[0]
        result, reasons = specimen_verdict(rows, own, rules)
        if name is not None:
            specimens.append(SpecimenRow(name, len(rows), result, reasons, own, least_tolerance(rows)))
        shown = own if name is None else None
        for row in rows:
            verdict_of_image, why = image_verdict(row, result, reasons)
            decided.append(
                row
                if row.verdict is Verdict.REFUSED
                else replace(row, verdict=verdict_of_image, reasons=why, evidence=shown)
            )
    return DecidedRows(
        tuple(sorted(specimens, key=lambda row: row.specimen)), tuple(sorted(decided, key=lambda row: row.name))
    )


def image_verdict(row: ImageRow, verdict: Verdict, reasons: tuple[str, ...]) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict that the row of an image shows, given that of its specimen.

    An image that could not be judged is no part of the evidence, so no answer stands beside it.
    """
    if row.judged is None and row.enrolled is None:
        return Verdict.INCONCLUSIVE, (VerdictReason.NOT_ASSESSABLE,)
    return verdict, reasons


def specimen_verdict(
    images: tuple[ImageRow, ...], evidence: SpecimenEvidence | None, rules: VerdictRules
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict on a specimen with these images, and the reasons if it is no answer."""
    reached = [image for image in images if image.verdict is not Verdict.REFUSED]
    if not reached:
        return Verdict.REFUSED, (ALL_REFUSED,)
    judged = [image for image in reached if image.judged is not None]
    facts = Evidence(
        tuple(image.judged.label for image in judged if image.judged is not None),
        *((None, None, None) if evidence is None else evidence.ranks),
        enrolled=any(image.enrolled is not None for image in images),
        scale_missing=any(image.scale is None for image in judged),
        refused=len(reached) < len(images),
        tolerance=least_tolerance(judged),
        weakest=None if evidence is None else evidence.weakest,
        tiles=0 if evidence is None else sum(evidence.tiles),
    )
    return verdict(facts, rules)

"""Whether a specimen can have the evidence that its row states, given its images and the header."""

from reports.arithmetic import least_specimens
from reports.verdict.coverage import ranks_fault
from reports.verdict.header import Header
from reports.verdict.rows import ImageRow, SpecimenEvidence
from reports.verdict.verdicts import Verdict


def numbers_fault(evidence: SpecimenEvidence, header: Header) -> str | None:
    """Return why a header excludes evidence, whatever its images are; None if it does not."""
    if (fault := ranks_fault((evidence.authentic, evidence.counterfeit), header)) is not None:
        return fault
    enrolled = header.model.enrolled_authentic + header.model.enrolled_counterfeit
    least, spread = least_specimens(header.policy.rate), evidence.spread
    if spread is not None and not least <= spread.of <= enrolled:
        return f"has a spread among {spread.of:,} specimens; {least:,} are needed, and {enrolled:,} enrolled"
    return None


def is_ranked(header: Header) -> bool:
    """Say whether the model ranks specimens: then every comparable one has evidence, and else none has."""
    return bool(header.model.enrolled_tiles)


def evidence_fault(evidence: SpecimenEvidence | None, images: tuple[ImageRow, ...], header: Header) -> str | None:
    """Return why a specimen with these images cannot have this evidence; None if it can."""
    expected = is_ranked(header) and is_comparable(images)
    if evidence is None:
        return "was not compared with the enrolled specimens, and can be" if expected else None
    if not expected:
        return "was enrolled, is not assessable or has a model that ranks nobody, and has evidence"
    counts = [image.judged.tiles for image in images if image.judged is not None]
    tiles = tuple(sorted(counts, reverse=True))
    pairs = zip(evidence.tiles, tiles, strict=False)
    if len(evidence.tiles) > len(tiles) or any(used > available for used, available in pairs):
        return "was compared by more tiles than it has"
    if evidence.reduced is not (evidence.tiles != tiles):
        return f"{'lacks no' if evidence.reduced else 'lacks'} tiles, and states something else"
    is_grouped, weakest = len(evidence.tiles) < len(tiles), evidence.weakest
    if (weakest is not None) is not (is_grouped and evidence.authentic is not None):
        return "has more images than were compared, and no rank of groups, or the other way round"
    drawn = evidence.authentic
    if weakest is not None and drawn is not None and (weakest.of != drawn.of or weakest.at_least > drawn.at_least):
        return "has a rank of groups of its images above that of those drawn, or among other specimens"
    return numbers_fault(evidence, header)


def is_comparable(images: tuple[ImageRow, ...]) -> bool:
    """Say whether a specimen can be ranked: an image of it is assessable, and the model was enrolled with none."""
    judged = any(image.judged is not None for image in images)
    return judged and all(image.enrolled is None for image in images if image.verdict is not Verdict.REFUSED)

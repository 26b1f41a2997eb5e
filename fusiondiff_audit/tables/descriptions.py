"""What each column of a report's tables means, in one sentence."""

_PARTS = {
    "report": "Number of the report.",
    "specimen": "Name of the specimen; empty: the image has none, and is a specimen of its own.",
    "images": "Images of the specimen, with those that were refused or left out.",
    "name": "Name of the file in the batch.",
    "sha256": "SHA-256 of the file as its device signed it; empty: nobody signed it.",
    "pixels": "Digest of the decoded pixels; empty: the file was never decoded.",
    "verdict": "AUTHENTIC, COUNTERFEIT, INCONCLUSIVE, UNFAMILIAR or REFUSED; of an image, that of its specimen.",
    "reasons": "Why there is no answer, and remarks beside one: codes, separated by semicolons.",
    "quality": "Measurements by which the image is assessable or not; empty: nothing was measured.",
    "steps": "What was done to the image before it was judged, separated by semicolons.",
    "remarks": "Remarks on the file, separated by semicolons.",
    "enrolled": "What it shares with the model's enrolment: picture, specimen or near-duplicate; empty: nothing.",
    "tolerance": "Partitions of the enrolment that may be altered without another label of the forests.",
    "scale.nm": "Side of a pixel in nanometres; empty: nobody states it.",
    "scale.source": "Who states the side of a pixel.",
    "judged.label": "Label of the forests; no verdict depends on it, unless the policy has a least tolerance.",
    "judged.votes_authentic": "Forests that vote authentic.",
    "judged.votes_counterfeit": "Forests that vote counterfeit.",
    "judged.score": "Mean share of trees that vote authentic.",
    "judged.gate": "Weight of the local path: 1, it decides alone; 0, the global path does.",
    "judged.tiles": "Tiles that were judged.",
    "judged.map": "Scores of the tiles in per cent as they lie: lines by semicolons, - where none was judged.",
    "judged.tolerance": "Partitions of the enrolment that may be altered without another label of this image.",
    "judged.unfamiliarity": "Distance from everything enrolled, in format versions 1 and 2.",
    "evidence.tiles": "Tiles by which each image of the specimen was compared, largest number first.",
    "evidence.reduced": "Whether images or tiles beyond those of enrolled specimens were left out.",
    "evidence.conservative": "Whether an enrolled specimen has fewer tiles, so that p is too large, never too small.",
    "evidence.score": "What likelihood ratios are computed from; larger is more like the reference.",
    "likelihood_ratio.enrolled-makers": "How many times more probable the findings are if the specimen is of the "
    "reference than if an enrolled counterfeiter made it; computed, rounded towards 1.",
    "likelihood_ratio.another-maker": "The same against a maker that was not enrolled.",
}
_RANKED = {
    "authentic": "fit the reference no better",
    "counterfeit": "fit the enrolled counterfeits no better",
    "spread": "have images that lie as far apart",
    "weakest": "fit the reference no better than the least of its groups of images",
    "familiar": "are as unfamiliar (format versions 1 and 2)",
}
_RANK_FIELDS = {
    "at_least": "How many of the enrolled specimens in the column `of` {what}.",
    "of": "Enrolled specimens of which the column `at_least` counts those that {what}.",
    "p": "(1 + at_least) / (1 + of) of those that {what}; computed, rounded up.",
}


def column_description(column: str) -> str:
    """Return the sentence of a column; a column without one raises KeyError."""
    if column in _PARTS:
        return _PARTS[column]
    kind, _, field = column.removeprefix("evidence.").removeprefix("judged.").rpartition(".")
    return _RANK_FIELDS[field].format(what=_RANKED[kind])

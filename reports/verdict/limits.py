"""What no report proves, in the sentences that every report of version 3 states."""

STANDARD_LIMITS = (
    "AUTHENTIC means `authentic as` the reference above, compared with the enrolled specimens, and nothing else.",
    "A verdict says nothing of age, provenance or value, and nothing of parts of an object that no image shows.",
    "That images show the named specimens, and that their labels are right, is a claim of whoever signed them.",
)
SAME_OBJECT = "Images without a specimen's name may show the same object."


def limit_notice(limit: int | None) -> tuple[str, ...]:
    """Return the sentence that a report of a part of its batch must have among its limits."""
    return () if limit is None else (f"Only the first {limit:,} images of the batch were asked for.",)

"""Verdict reports: header and rows under one signed tree, and the rules that every verifier applies again.

Goals: a report in one form, which verifies for ever by the rules of its version; each verdict, set, count and interval
follows from the report's own numbers by code that makers and verifiers share; one row can be shown alone; whatever only
the auditor claims is told apart from what was checked. The standard library and `signing` suffice.
Not-goals: judging images, policies, pages, and stress results, which are in `reports.stress`.

    >>> from fractions import Fraction
    >>> from reports.arithmetic import Rank
    >>> from reports.verdict.rows import ImageRow, Judgement, image_verdict
    >>> from reports.verdict.verdicts import Label, Verdict, VerdictRules
    >>> digest, likely, unlikely = 64 * "0", Rank(12, 19), Rank(0, 19)
    >>> judged = Judgement(Label.AUTHENTIC, 7, 1, "0.8", "0.6", "1.2", 1, "80", likely, unlikely, Rank(9, 38), None)
    >>> row = ImageRow("a.tif", digest, digest, None, Verdict.AUTHENTIC, (), judged, None, (), None, ())
    >>> image_verdict(row, VerdictRules(alpha=Fraction("0.05")))
    (<Verdict.AUTHENTIC: 'AUTHENTIC'>, ())
    >>> image_verdict(row, VerdictRules(alpha=Fraction("0.05"), needs_scale=True))
    (<Verdict.UNFAMILIAR: 'UNFAMILIAR'>, (<VerdictReason.SCALE_UNKNOWN: 'scale-unknown'>,))
"""

__all__ = [
    "batch_statement",
    "claims",
    "coverage",
    "embedded",
    "enrolment",
    "excerpt",
    "header",
    "issue",
    "likelihood_ratio",
    "model_names",
    "report",
    "rows",
    "trust_check",
    "verdicts",
    "verification",
    "versions",
    "wording",
]

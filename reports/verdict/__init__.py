"""Verdict reports: header and rows under one signed tree, and the rules that every verifier applies again.

Goals: a report in one form, which verifies for ever by the rules of its version; each verdict, count and interval
follows from the report's own numbers by code that makers and verifiers share; one row can be shown alone; whatever only
the auditor claims is told apart from what was checked. The standard library and `signing` suffice.
Not-goals: judging images, policies, pages, and stress results, which are in `reports.stress`.

    >>> from fractions import Fraction
    >>> from reports.arithmetic import Rank
    >>> from reports.verdict.rows import ImageRow, Judgement, SpecimenEvidence
    >>> from reports.verdict.specimens import decide_rows, key_of
    >>> from reports.verdict.verdicts import Label, Verdict, VerdictRules
    >>> digest, likely, unlikely = 64 * "0", Rank(12, 25), Rank(0, 25)
    >>> judged = Judgement(Label.AUTHENTIC, 7, 1, "0.8", "0.6", 1, "80", None)
    >>> row = ImageRow("a.tif", digest, digest, None, Verdict.INCONCLUSIVE, (), judged)
    >>> ranks = SpecimenEvidence(likely, unlikely, None, (1,), reduced=False, conservative=False, score="0.5")
    >>> evidence = {key_of(row): ranks}
    >>> decide_rows((row,), evidence, VerdictRules(alpha=Fraction("0.05"))).verdicts
    [<Verdict.AUTHENTIC: 'AUTHENTIC'>]
    >>> rules = VerdictRules(alpha=Fraction("0.05"), needs_scale=True)
    >>> decide_rows((row,), evidence, rules).images[0].reasons
    (<VerdictReason.SCALE_UNKNOWN: 'scale-unknown'>,)
"""

__all__ = [
    "batch_statement",
    "claims",
    "coverage",
    "embedded",
    "enrolment",
    "enrolment_ranks",
    "error_rates",
    "evidence_check",
    "excerpt",
    "former_coverage",
    "former_header",
    "former_rows",
    "header",
    "issue",
    "likelihood_ratio",
    "model_names",
    "report",
    "rows",
    "specimens",
    "trust_check",
    "verdicts",
    "verification",
    "versions",
    "wording",
]

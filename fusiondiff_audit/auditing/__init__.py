"""An audit: a signed batch in, a signed report out.

Goals: one run from admission to report, which can be resumed after a kill and repeated from its report; the requirement
that a model was stress-tested; rows whose verdicts follow from findings and policy by `reports.verdict.verdicts`.
Not-goals: decoding (`images`), judging (`model`), the rule of verdicts and the report's format (`reports`), and pages.
"""

__all__ = ["compose", "journal", "judge", "order", "repeat", "requirement", "rows", "run"]

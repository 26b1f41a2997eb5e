"""What `import fusiondiff_audit` offers beside the model: audits as one call, and reports as rows.

Goals: functions that do what the verbs of the same names do, by the same code, and return what they found.
Not-goals: verbs that nobody calls from a program, and anything that the verbs do not do.
"""

__all__ = ["audits", "signed_report"]

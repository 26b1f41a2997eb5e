"""What was found, as rows that can be signed, and the arithmetic that anyone can repeat.

Goals: a stranger checks a report with the standard library and one library of cryptography; each formula of a
certificate, and the rule by which numbers become a verdict, has one implementation, for makers and checkers.
Not-goals: arrays and models.
"""

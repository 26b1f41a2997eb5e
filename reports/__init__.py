"""What was found, as rows that can be signed, and the arithmetic that anyone can repeat.

Goals: a stranger checks a report with the standard library alone; each formula of a certificate has one implementation.
Not-goals: arrays, models, and verdicts, which are made elsewhere.
"""

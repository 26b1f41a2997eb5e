"""The one place where the Adversarial Robustness Toolbox is used, one file for each family of attacks.

Goals: ART's attacks on our target, each in the way in which it works with two classes, a forest and today's numpy.
Not-goals: believing what they return; the harness asks again.

What works, and what it takes, was measured with version 1.20.1; `docs/decisions/attacks.md` has the table.
"""

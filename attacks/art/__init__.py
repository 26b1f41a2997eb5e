"""The one package that uses the Adversarial Robustness Toolbox (ART), with a module for each family of attacks.

Goals: ART's attacks on our target, each with the settings that work with two classes, forests and the pinned numpy.
Not-goals: believing their results; the harness judges again.

The settings were measured with version 1.20.1; `docs/decisions/attacks.md` has the table.
"""

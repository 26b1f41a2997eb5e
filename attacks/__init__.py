"""Attacks on a classifier of micrographs, and checks of their results.

Goals: attacks of the Adversarial Robustness Toolbox and our own on any `attacks.target.Target`; every success judged by
the full pipeline from a saved file; checks that say whether a result can be believed.
Not-goals: knowing a classifier, policy or signature of ours; numbers without controls.

    >>> from attacks.gradient import Apgd
    >>> from attacks.harness import AttackPlan, run_attack
    >>> from attacks.trials import Knowledge
    >>> from attacks.images import Budget, Norm
    >>> from tests.attacks.toys import Linear, toy_images
    >>> plan = AttackPlan("apgd", "gradient", Knowledge.WHITE, Apgd(Budget(Norm.LINF, 2 / 255)))
    >>> sorted(run_attack(plan, Linear(), toy_images(2), seed=1).result.fooled)
    ['toy-0', 'toy-1']
"""

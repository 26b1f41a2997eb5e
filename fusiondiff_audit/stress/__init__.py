"""Stress tests of a model: attacks and poisons by a policy, and a signed result.

Goals: the whole pipeline as a target; its surrogate, with exact gradients up to the forests; the choice of images; from
a policy to a suite, and from a suite's outcome to a signed result.
Not-goals: the attacks themselves (`attacks`), gates and outcomes (`reports.stress`), certificates (`certify`).
"""

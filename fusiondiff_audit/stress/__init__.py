"""Attacking a model of ours before it is believed.

Goals: the whole pipeline as a target, and a differentiable twin of it with exact gradients through autoencoder, UNet,
paths and gate; the policy's gates; a signed result.
Not-goals: attacks themselves (`attacks`), and certificates.
"""

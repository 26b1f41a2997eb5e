"""Certificates: how far a finding can be trusted, each with the conditions under which it holds.

Goals: a certificate whose conditions fail is "not available", never a guess.
Not-goals: verdicts, which the audit makes of findings and certificates.
"""

"""How far a finding can be trusted: certificates, each with the conditions under which it holds.

Goals: no certificate where its conditions fail; then it is "not available", never a guess.
Not-goals: verdicts, which `decide` makes of findings and certificates.
"""

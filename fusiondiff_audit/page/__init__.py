"""HTML pages of reports and stress results: one file each, without scripts or addresses, reproducible byte for byte.

Goals: an auditor can hand the page over and a client understands it; it states nothing that the signed file does not.
Not-goals: proof. A page can be forged; `verify` reads the signed file. So does the page of `verifier/`, which has a
script, is the same for everybody, and is written by no report.
"""

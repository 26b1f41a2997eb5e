"""The report as a page: one file, no script, nothing loaded from anywhere, the same bytes every time.

Goals: an auditor hands it over and a client understands it; whatever is on it stands in the signed report.
Not-goals: proving anything. A page can be forged; `verify` reads the signed file.
"""

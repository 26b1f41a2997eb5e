"""Tables of a report's rows, as CSV and as a workbook for spreadsheet programs.

Goals: every field of every signed row in a column that is described; no text of a report is taken for a formula; the
same report gives the same bytes.
Not-goals: proof. A table can be edited; `verify` reads the signed file.
"""

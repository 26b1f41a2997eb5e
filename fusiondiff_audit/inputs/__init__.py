"""Files that users write and folders that they name: tables, labels, output folders.

Goals: strict columns with errors that name the line; output folders that are whole or not there.
Not-goals: signatures (`signing`) and images (`images`).
"""

__all__ = ["folders", "labels", "tables"]

"""Folders and tables that users hand in: labels, entries, image folders."""

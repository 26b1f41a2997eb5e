"""Poisoning attacks on an enrolment.

A poison alters a few enrolled specimens in place: their images, and their labels if it may. The harness refuses more
alterations than are allowed, writes every image to a file and reads it back, enrols the model again, and counts the
labels that changed. A changed label that a certificate had ruled out is counted apart: there must be none.
"""

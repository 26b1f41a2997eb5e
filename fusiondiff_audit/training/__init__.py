"""How a model comes to know: few-shot enrolment of a frozen encoder.

Goals: what was learnt from is signed, listed in the bundle by its pixels, and can be taken out again.
Not-goals: verdicts; labels that nobody vouches for.
"""

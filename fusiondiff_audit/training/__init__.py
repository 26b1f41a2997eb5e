"""How a model comes to know: pretraining without labels, fine-tuning for research, few-shot enrolment.

Goals: what was enrolled is signed, listed in the bundle by its pixels, and can be taken out again; a training goes on
where it was stopped.
Not-goals: verdicts; an enrolment by labels that nobody vouches for.
"""

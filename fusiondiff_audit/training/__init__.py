"""Training: pretraining without labels, fine-tuning with labels (for research), and enrolment from few labels.

Goals: the bundle lists the pixel digests of all enrolled images, so that specimens can be removed again; an interrupted
training resumes where it stopped.
Not-goals: verdicts; enrolment from labels that nobody signed.
"""

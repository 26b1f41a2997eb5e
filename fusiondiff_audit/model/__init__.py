"""The classifier: frozen diffusion features, two paths, a gate and a forest.

Goals: a finding is a function of the pixels and the bundle alone, in whatever company, and every part of it can be
repeated on another machine; nothing is computed with that was not hashed.
Not-goals: training (which has its own room), and any opinion on what a finding is worth.

    >>> from tests.model.tiny import enrolled_model, pictures
    >>> model = enrolled_model(4)  # learnt to tell two kilns apart, by random features
    >>> [finding.votes for finding in model.judge(pictures(2))]
    [Votes(counterfeit=0, authentic=1), Votes(counterfeit=0, authentic=1)]
"""

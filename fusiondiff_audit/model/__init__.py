"""The classifier: frozen diffusion features, a local and a global path, a fusion gate, and Random Forests.

Goals: a finding is a function of the pixels and the bundle alone, whichever images are judged with it; it can be
repeated on another machine; only bytes that were hashed are computed with. Not-goals: training (see `training/`), and
verdicts (see `audit/`).

    >>> from tests.model.tiny import enrolled_model, pictures
    >>> model = enrolled_model(4)  # enrolled on two kilns, with random features
    >>> [finding.votes for finding in model.judge(pictures(2))]
    [Votes(counterfeit=0, authentic=1), Votes(counterfeit=0, authentic=1)]
"""

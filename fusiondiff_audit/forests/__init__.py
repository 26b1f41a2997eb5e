"""Random forests as arrays: trained with scikit-learn, kept without pickles, evaluated by code that can be read.

Goals: the very bits of scikit-learn's `predict_proba`; nothing evaluated before it was found to be a forest.
Not-goals: other trees, regression, and missing values.
"""

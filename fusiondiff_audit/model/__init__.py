"""The classifier: frozen diffusion features, two paths, a gate and a forest.

Goals: a verdict is a function of the pixels and the bundle alone; every part of it can be repeated on another machine.
Not-goals: training (which has its own room), and any opinion on what a verdict is worth.
"""

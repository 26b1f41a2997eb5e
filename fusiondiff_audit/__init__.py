"""Decides whether ceramic micrographs are authentic, and proves what it says.

Goals: one documented import, light until used: nothing here imports torch, numpy or cryptography by itself.
Not-goals: the rooms beside this one (`signing` and its peers) are shipped with it, but are not an interface.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]

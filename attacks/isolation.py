"""Isolation of an attack: toolboxes draw from global random states, print, warn, and leave files behind."""

import contextlib
import io
import os
import random
import tempfile
import warnings
from collections.abc import Iterator
from hashlib import sha256

import numpy as np
import torch


def derived_seed(seed: int, name: str, digest: str) -> int:
    """Return a seed that no other attack and no other image of the run has."""
    return int.from_bytes(sha256(f"{seed}\n{name}\n{digest}".encode()).digest()[:4])


@contextlib.contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Give an attack seeded random states and an empty working folder, discard its output, and restore everything."""
    states = (random.getstate(), np.random.get_state(), torch.get_rng_state())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    home = os.getcwd()
    try:
        output = io.StringIO()
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(output),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # the pinned ART is older than the libraries that it calls
            os.chdir(folder)
            try:
                yield
            finally:
                os.chdir(home)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])

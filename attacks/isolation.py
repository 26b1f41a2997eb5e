"""A random state and a working folder of one's own: toolboxes draw from global states, and leave files behind."""

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
    """Return a seed that no other attack of the run shares, and no other picture."""
    return int.from_bytes(sha256(f"{seed}\n{name}\n{digest}".encode()).digest()[:4])


@contextlib.contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Give an attack its own random state and folder, catch what it prints and its bars, and put everything back."""
    states = (random.getstate(), np.random.get_state(), torch.get_rng_state())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    home = os.getcwd()
    try:
        said = io.StringIO()
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # a toolbox that is frozen warns of all that came after it
            os.chdir(folder)
            try:
                yield
            finally:
                os.chdir(home)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])

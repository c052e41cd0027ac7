"""Seeds, from what scikit-learn calls a random state."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from isthmus.errors import require


def seed_of(random_state: Any) -> int:
    """Return a seed from what scikit-learn calls a random state; None draws one from the system."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    return int(random_state)


def check_seed(random_state: Any) -> None:
    """Raise `InvalidPart` for what is no random state."""
    is_whole = isinstance(random_state, numbers.Integral) and not isinstance(random_state, bool)
    is_seed = is_whole and 0 <= random_state < 2**32
    is_generator = isinstance(random_state, np.random.RandomState | np.random.Generator)
    is_allowed = random_state is None or is_seed or is_generator
    require(is_allowed, "random_state", "None, a generator of NumPy, or a whole number in [0, 2**32)", random_state)

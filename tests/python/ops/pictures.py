"""Strategies for pictures and the sizes that they are resized to."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

# Lines of every kind: single pixels, shorter and longer than a vector, and a few that are long.
sides = st.integers(1, 24) | st.integers(1, 90) | st.sampled_from([1, 2, 3, 4, 16, 17, 180])
channels = st.sampled_from([1, 3, 4])
datatypes = st.sampled_from(["uint8", "float32"])


@st.composite
def pictures(draw: st.DrawFn, dtypes: st.SearchStrategy[str] = datatypes) -> np.ndarray:
    """Noise; of floats, some below 0."""
    shape = draw(st.tuples(sides, sides, channels))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if draw(dtypes) == "uint8":
        return random.integers(0, 256, shape, dtype=np.uint8)
    return (random.random(shape) * 4 - 1).astype(np.float32)


@st.composite
def sizes(draw: st.DrawFn) -> list[float]:
    """[height, width]."""
    return [float(draw(sides)), float(draw(sides))]

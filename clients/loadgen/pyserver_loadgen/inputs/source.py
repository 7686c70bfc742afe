"""Where the tensors of one input come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from pyserver.tensors import Array


@dataclass(frozen=True)
class Wanted:
    """One tensor. `shape` is whole, and empty where the source brings its own; `rows` are of the batch dimension."""

    index: int
    shape: tuple[int, ...]
    rows: int
    rng: np.random.Generator


class TensorSource(ABC):
    """Deterministic: the same index, shape and state of the random generator give the same tensor."""

    # How many different tensors there are; None: any number.
    count: int | None = None
    # Whether tensors have the shape that is wanted; else they have one of their own.
    sized: bool = True

    @abstractmethod
    def tensor(self, wanted: Wanted) -> Array:
        """Raises RequestError."""

    @abstractmethod
    def describe(self) -> str:
        """In a few words, for the report."""

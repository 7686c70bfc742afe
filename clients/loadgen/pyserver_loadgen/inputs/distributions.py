"""Distributions of sizes, as they are written: "128", "uniform(8,128)", "normal(64,16)", "choice(1,2,4)",
"zipf(1.2,512)". What is drawn is a whole number from 1.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

import numpy as np

from pyserver_loadgen.protocols.errors import RequestError

KINDS = "a whole number, uniform(LOW,HIGH), normal(MEAN,DEVIATION), choice(SIZE,…) or zipf(EXPONENT,HIGHEST)"
_LARGEST = 2**31 - 1
_CALL = re.compile(r"\s*([a-z]+)\s*\(([^()]*)\)\s*")


class Distribution(ABC):
    """Of whole numbers from 1."""

    varies = True

    def __init__(self, text: str) -> None:
        self.text = text

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> int:
        """One number."""


class Fixed(Distribution):
    """Always the same."""

    varies = False

    def __init__(self, size: int) -> None:
        super().__init__(str(size))
        self._size = size

    def draw(self, rng: np.random.Generator) -> int:  # noqa: ARG002
        """See Distribution."""
        return self._size


class Uniform(Distribution):
    """Both ends included."""

    def __init__(self, text: str, low: int, high: int) -> None:
        super().__init__(text)
        self._low, self._high = low, high

    def draw(self, rng: np.random.Generator) -> int:
        """See Distribution."""
        return int(rng.integers(self._low, self._high, endpoint=True))


class Normal(Distribution):
    """Rounded; what is less than 1 becomes 1."""

    def __init__(self, text: str, mean: float, deviation: float) -> None:
        super().__init__(text)
        self._mean, self._deviation = mean, deviation

    def draw(self, rng: np.random.Generator) -> int:
        """See Distribution."""
        return min(max(1, round(rng.normal(self._mean, self._deviation))), _LARGEST)


class Choice(Distribution):
    """One of several, each as likely as the others; one that is named twice is twice as likely."""

    def __init__(self, text: str, sizes: list[int]) -> None:
        super().__init__(text)
        self._sizes = sizes

    def draw(self, rng: np.random.Generator) -> int:
        """See Distribution."""
        return self._sizes[int(rng.integers(len(self._sizes)))]


class Zipf(Distribution):
    """From 1 to `highest`; k has the weight k ** -exponent."""

    def __init__(self, text: str, exponent: float, highest: int) -> None:
        super().__init__(text)
        weights = np.arange(1, highest + 1, dtype=np.float64) ** -exponent
        self._cumulated = np.cumsum(weights / weights.sum())

    def draw(self, rng: np.random.Generator) -> int:
        """See Distribution."""
        place = int(np.searchsorted(self._cumulated, rng.random(), side="right"))
        return min(place, len(self._cumulated) - 1) + 1


def parse_distribution(text: str, where: str) -> Distribution:
    """`where` is how the error names the option. Raises RequestError."""
    if (size := _size(text)) is not None:
        return Fixed(size)
    call = _CALL.fullmatch(text)
    wrong = RequestError(f"{where}: expected {KINDS}, got {text.strip()!r}")
    if call is None:
        raise wrong
    kind, words = call[1], [word.strip() for word in call[2].split(",")]
    sizes = [size for word in words if (size := _size(word)) is not None]
    numbers = [number for word in words if (number := _number(word)) is not None]
    told = text.strip()
    if kind == "uniform" and len(words) == len(sizes) == 2 and sizes[0] <= sizes[1]:
        return Uniform(told, *sizes)
    if kind == "normal" and len(words) == len(numbers) == 2 and numbers[0] >= 1 and numbers[1] >= 0:
        return Normal(told, *numbers)
    if kind == "choice" and len(words) == len(sizes):
        return Choice(told, sizes)
    if kind == "zipf" and len(words) == len(numbers) == 2 and numbers[0] >= 0:
        highest = _size(words[1])
        if highest is not None and highest <= 2**24:
            return Zipf(told, numbers[0], highest)
    raise wrong


def _size(text: str) -> int | None:
    text = text.strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > 10:
        return None
    return int(text) if 1 <= int(text) <= _LARGEST else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) and abs(number) <= _LARGEST else None

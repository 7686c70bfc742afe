"""Sentences that read like ones, for models that take text: tokenizers and compressors see what they see in service."""

from __future__ import annotations

import numpy as np

from pyserver.tensors import Array
from pyserver_loadgen.inputs.source import TensorSource, Wanted
from pyserver_loadgen.inputs.words import ADJECTIVES, ADVERBS, CONNECTIVES, NOUNS, PLACES, VERBS
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import TensorSpec

DEFAULT_WORDS = (6, 24)
_SENTENCE_WORDS = 18
# "the" noun verb "the" noun; two adjectives and an adverb may be added, and a place.
_CLAUSE = 5
_EXTRAS = 3


class TextSource(TensorSource):
    """Every element is a text of `low` to `high` words, both included."""

    def __init__(self, spec: TensorSpec, low: int = DEFAULT_WORDS[0], high: int = DEFAULT_WORDS[1]) -> None:
        if spec.datatype != "BYTES":
            raise RequestError(f"input {spec.name!r} is {spec.datatype}: text is BYTES")
        if not 1 <= low <= high:
            raise RequestError(f"input {spec.name!r}: {low} to {high} is no range of words")
        self._low, self._high = low, high

    def tensor(self, wanted: Wanted) -> Array:
        """See TensorSource."""
        array = np.empty(wanted.shape, object)
        for place in range(array.size):
            words = int(wanted.rng.integers(self._low, self._high, endpoint=True))
            array.flat[place] = text(words, wanted.rng).encode()
        return array

    def describe(self) -> str:
        """See TensorSource."""
        return f"text of {self._low} to {self._high} words"


def text(words: int, rng: np.random.Generator) -> str:
    """Exactly so many words, in sentences."""
    sentences = []
    while words > 0:
        # Nothing is left over at the end that is too short for a sentence.
        length = words if words < _SENTENCE_WORDS + _CLAUSE else int(rng.integers(_CLAUSE, _SENTENCE_WORDS + 1))
        sentences.append(" ".join(_sentence(length, rng)) + ".")
        words -= length
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)


def _sentence(length: int, rng: np.random.Generator) -> list[str]:
    """Clauses, of together so many words."""
    if length < _CLAUSE:
        return [*["the", _one(ADJECTIVES, rng), _one(ADJECTIVES, rng)][: length - 1], _one(NOUNS, rng)]
    longest = _CLAUSE + _EXTRAS + max(len(place.split()) for place in PLACES)
    words: list[str] = []
    while length > longest:
        first = int(rng.integers(_CLAUSE, min(longest, length - 1 - _CLAUSE) + 1))
        words += [*_clause(first, rng), _one(CONNECTIVES, rng)]
        length -= first + 1
    return words + _clause(length, rng)


def _clause(length: int, rng: np.random.Generator) -> list[str]:
    extra = length - _CLAUSE
    fitting = [place.split() for place in PLACES if extra - _EXTRAS <= len(place.split()) <= extra]
    place: list[str] = []
    if fitting and (extra > _EXTRAS or rng.random() < 0.5):
        place = fitting[int(rng.integers(len(fitting)))]
    chosen = rng.permutation(_EXTRAS)[: extra - len(place)]
    return [
        "the",
        *([_one(ADJECTIVES, rng)] if 0 in chosen else []),
        _one(NOUNS, rng),
        *([_one(ADVERBS, rng)] if 1 in chosen else []),
        _one(VERBS, rng),
        "the",
        *([_one(ADJECTIVES, rng)] if 2 in chosen else []),
        _one(NOUNS, rng),
        *place,
    ]


def _one(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]

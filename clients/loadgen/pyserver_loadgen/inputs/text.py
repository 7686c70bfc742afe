"""Sentences that read like ones, for models that take text: tokenizers and compressors see what they see in service."""

from __future__ import annotations

import numpy as np

from pyserver.tensors import Array
from pyserver_loadgen.inputs.source import TensorSource, Wanted
from pyserver_loadgen.inputs.words import ADJECTIVES, ADVERBS, CONNECTIVES, NOUNS, PLACES, VERBS
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import TensorSpec

DEFAULT_WORDS = (6, 24)
_SENTENCE_WORDS = 16


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
        # No sentence of one or two words is left over at the end.
        length = words if words < _SENTENCE_WORDS + 3 else int(rng.integers(5, _SENTENCE_WORDS + 1))
        sentences.append(_sentence(length, rng))
        words -= length
    return " ".join(sentences)


def _sentence(length: int, rng: np.random.Generator) -> str:
    def one(of: tuple[str, ...]) -> str:
        return of[int(rng.integers(len(of)))]

    words: list[str] = []
    while len(words) < length:
        if words:
            words.append(one(CONNECTIVES))
        words += ["the"]
        if rng.random() < 0.6:
            words.append(one(ADJECTIVES))
        words.append(one(NOUNS))
        if rng.random() < 0.3:
            words.append(one(ADVERBS))
        words += [one(VERBS), "the"]
        if rng.random() < 0.4:
            words.append(one(ADJECTIVES))
        words.append(one(NOUNS))
        if rng.random() < 0.5:
            words += one(PLACES).split()
    del words[length:]
    # What was cut off may leave a word that no sentence ends with.
    if words[-1] == "the" or words[-1] in CONNECTIVES or words[-1] in ADJECTIVES:
        words[-1] = one(NOUNS)
    sentence = " ".join(words)
    return sentence[0].upper() + sentence[1:] + "."

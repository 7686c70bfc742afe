"""The inputs of transformers: token ids, attention masks, token types and positions, known by their usual names."""

from __future__ import annotations

import numpy as np

from pyserver.tensors import DTYPES, Array
from pyserver_loadgen.inputs.source import TensorSource, Wanted
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import TensorSpec

TOKEN_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
# What BERT's vocabulary has: ordinary words, and the tokens that begin and end a text.
_WORDS = (1996, 29_611)
_BEGIN, _END = 101, 102


def is_token_input(spec: TensorSpec) -> bool:
    """By name and datatype."""
    return spec.name in TOKEN_INPUTS and spec.datatype in ("INT64", "INT32")


class TokensSource(TensorSource):
    """Ids of ordinary words between BERT's first and last token; all ones for the mask, zeros for types, 0, 1, 2… for
    positions. `low` and `high`, both included, replace the range of ids, for other vocabularies: then without the
    first and the last token.
    """

    def __init__(self, spec: TensorSpec, low: int | None = None, high: int | None = None) -> None:
        if spec.datatype not in ("INT64", "INT32"):
            raise RequestError(f"input {spec.name!r} is {spec.datatype}: tokens are INT64 or INT32")
        self._dtype = DTYPES[spec.datatype]
        self._name = spec.name
        self._framed = low is None or high is None
        self._low, self._high = _WORDS if low is None or high is None else (low, high)
        if not 0 <= self._low <= self._high <= np.iinfo(self._dtype).max:
            raise RequestError(f"input {spec.name!r}: {self._low} to {self._high} is no range of token ids")
        if spec.name in TOKEN_INPUTS[1:]:
            self.count = 1

    def tensor(self, wanted: Wanted) -> Array:
        """See TensorSource."""
        shape = wanted.shape
        if self._name == "attention_mask":
            return np.ones(shape, self._dtype)
        if self._name == "token_type_ids":
            return np.zeros(shape, self._dtype)
        if self._name == "position_ids":
            positions: Array = np.empty(shape, self._dtype)
            positions[...] = np.arange(shape[-1] if shape else 1)
            return positions
        ids: Array = np.asarray(wanted.rng.integers(self._low, self._high, shape, np.int64, endpoint=True)).astype(
            self._dtype
        )
        if self._framed and shape and shape[-1] >= 2:
            ids[..., 0] = _BEGIN
            ids[..., -1] = _END
        return ids

    def describe(self) -> str:
        """See TensorSource."""
        told = {"attention_mask": "ones", "token_type_ids": "zeros", "position_ids": "positions"}
        return told.get(self._name, f"token ids {self._low} to {self._high}")

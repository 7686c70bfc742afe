"""Made-up numbers: random within ranges that models bear, or zeros."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from pyserver.tensors import DTYPES, Array
from pyserver_loadgen.inputs.source import TensorSource, Wanted
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import TensorSpec

_LETTERS = np.frombuffer((string.ascii_letters + string.digits).encode(), np.uint8)
_BYTES_LENGTH = 16


class ZerosSource(TensorSource):
    """Zeros; empty strings for BYTES."""

    count = 1

    def __init__(self, spec: TensorSpec) -> None:
        self._spec = spec

    def tensor(self, wanted: Wanted) -> Array:
        """See TensorSource."""
        if self._spec.datatype == "BYTES":
            return np.full(wanted.shape, b"", object)
        return np.zeros(wanted.shape, DTYPES[self._spec.datatype])

    def describe(self) -> str:
        """See TensorSource."""
        return "zeros"


class RandomSource(TensorSource):
    """Uniform numbers: reals from 0 to 1, whole numbers from 0 to 99, bytes from 0 to 255, 16 letters for BYTES.

    `low` and `high`, both included, replace the range of numbers; for BYTES they are the range of lengths.
    """

    def __init__(self, spec: TensorSpec, low: float | None = None, high: float | None = None) -> None:
        self._spec = spec
        self._real = spec.datatype.startswith("FP") or spec.datatype == "BF16"
        if low is None or high is None:
            default = {"UINT8": (0, 255), "BOOL": (0, 1), "BYTES": (_BYTES_LENGTH, _BYTES_LENGTH)}
            low, high = (0, 1) if self._real else default.get(spec.datatype, (0, 99))
        self._low, self._high = low, high
        self._check()

    def tensor(self, wanted: Wanted) -> Array:
        """See TensorSource."""
        rng, datatype = wanted.rng, self._spec.datatype
        if datatype == "BYTES":
            return self._strings(wanted)
        if not self._real:
            # The dtype holds both ends: checked above.
            whole = rng.integers(int(self._low), int(self._high), wanted.shape, np.int64, endpoint=True)
            return np.asarray(whole).astype(DTYPES[datatype])
        drawn = (rng.random(wanted.shape, np.float32) * (self._high - self._low) + self._low).astype(np.float32)
        if datatype == "BF16":
            # The upper half of an FP32.
            return (np.ascontiguousarray(drawn).view(np.uint32) >> 16).astype(np.uint16)
        return drawn.astype(DTYPES[datatype])

    def describe(self) -> str:
        """See TensorSource."""
        kind = "letters" if self._spec.datatype == "BYTES" else "random"
        return f"{kind} {self._low:g} to {self._high:g}"

    def _strings(self, wanted: Wanted) -> Array:
        array = np.empty(wanted.shape, object)
        for place in range(array.size):
            length = int(wanted.rng.integers(int(self._low), int(self._high), endpoint=True))
            array.flat[place] = _LETTERS[wanted.rng.integers(0, len(_LETTERS), length)].tobytes()
        return array

    def _check(self) -> None:
        spec = self._spec
        fits = self._low <= self._high
        if not self._real and spec.datatype != "BYTES":
            info = (0, 1) if spec.datatype == "BOOL" else _ends(DTYPES[spec.datatype])
            fits = fits and info[0] <= self._low and self._high <= info[1]
        if spec.datatype == "BYTES":
            fits = fits and self._low >= 0
        if not fits or (not self._real and (self._low % 1 or self._high % 1)):
            raise RequestError(f"input {spec.name!r}: {spec.datatype} has no range {self._low:g} to {self._high:g}")


def _ends(dtype: np.dtype[Any]) -> tuple[int, int]:
    info = np.iinfo(dtype)
    # Drawn as INT64.
    return int(info.min), min(int(info.max), 2**63 - 1)

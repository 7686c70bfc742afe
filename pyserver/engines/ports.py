"""What a model's files say of its inputs and outputs, joined with what model.yaml says: an engine's signature.

For engines that are executed by functions. A model batches where the first dimension of every input and output is free
and a few rows, executed together and alone, give the same; where that cannot be tried, it does not batch.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from pyserver import _core
from pyserver.config.schema import ModelConfig, TensorConfig
from pyserver.errors import ModelLoadError

FREE = -1


@dataclass(frozen=True)
class Port:
    """An input or an output as the model's files have it: its shape with the batch dimension, where there is one."""

    name: str
    datatype: str
    shape: tuple[int, ...] | None  # None: the files do not say how many dimensions there are
    most_rows: int | None = None  # that the first dimension admits, where it is free; 0: not even one


@dataclass(frozen=True)
class Signature:
    """What `_core.function_engine` is told."""

    inputs: list[_core.TensorSpec]
    outputs: list[_core.TensorSpec]
    max_batch_size: int


MakeEngine = Callable[[Signature], _core.Engine]


def make_engine(inputs: Sequence[Port], outputs: Sequence[Port], config: ModelConfig, make: MakeEngine) -> _core.Engine:
    """The engine that `make` makes of a signature, which is called twice where a model does not batch after all.

    Raises ModelLoadError.
    """
    pairs = [*_joined(inputs, config.inputs, "input"), *_joined(outputs, config.outputs, "output")]
    wanted = config.max_batch_size
    if wanted == 0:
        return make(_signature(pairs, 0))
    problem = _why_no_batches(pairs)
    if wanted is not None:
        if problem:
            raise ModelLoadError(f"it cannot batch: {problem}")
        limit = _most_rows(pairs)
        if wanted > limit:
            raise ModelLoadError(
                f"it cannot batch: max_batch_size is {wanted}, but the model takes at most {limit} rows"
            )
        return make(_signature(pairs, wanted))
    if not problem:
        engine = make(_signature(pairs, min(_core.DEFAULT_MAX_BATCH_SIZE, _most_rows(pairs))))
        with _failures_untold():
            mixes = _core.mixes_rows(engine)
        if mixes is False:
            return engine
        del engine  # there may be no memory for two
    return make(_signature(pairs, 0))


@contextmanager
def _failures_untold() -> Iterator[None]:
    """Keeps out of the log that a model does not take one of the sizes that are tried, on this thread, one by one."""
    this_thread = threading.get_ident()

    def is_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != this_thread

    log = logging.getLogger("pyserver.engines")
    log.addFilter(is_elsewhere)
    try:
        yield
    finally:
        log.removeFilter(is_elsewhere)


@dataclass(frozen=True)
class _Pair:
    """A port, and what model.yaml says of it."""

    port: Port
    kind: Literal["input", "output"]
    told: TensorConfig | None

    @property
    def title(self) -> str:
        return f"{self.kind} {self.port.name!r}"


def _joined(ports: Sequence[Port], tensors: Sequence[TensorConfig], kind: Literal["input", "output"]) -> list[_Pair]:
    names = [port.name for port in ports]
    for tensor in tensors:
        if tensor.name not in names:
            known = ", ".join(map(repr, names)) or "none"
            raise ModelLoadError(f"the model has no {kind} {tensor.name!r}; its {kind}s are {known}")
    by_name = {tensor.name: tensor for tensor in tensors}
    pairs = [_Pair(port, kind, by_name.get(port.name)) for port in ports]
    for pair in pairs:
        if pair.told is None:
            continue
        if pair.told.optional:
            raise ModelLoadError(f"{pair.title} cannot be optional: the model needs all its inputs")
        if pair.told.datatype != pair.port.datatype:
            raise ModelLoadError(
                f"{pair.title} is {pair.port.datatype} in the model, but configured as {pair.told.datatype}"
            )
    return pairs


def _why_no_batches(pairs: Sequence[_Pair]) -> str:
    """What keeps the model from batching, as far as its shapes tell; empty where nothing does."""
    if not any(pair.kind == "input" for pair in pairs):
        return "it has no inputs"
    for pair in pairs:
        shape = pair.port.shape
        if shape is None:
            if pair.told is None:
                return f"{pair.title} has no known number of dimensions"
        elif not shape:
            return f"{pair.title} is a scalar"
        elif shape[0] != FREE:
            return f"the first dimension of {pair.title} is fixed to {shape[0]}"
        elif pair.port.most_rows == 0:
            return f"the first dimension of {pair.title} does not admit one row"
    return ""


def _most_rows(pairs: Sequence[_Pair]) -> int:
    return min((pair.port.most_rows for pair in pairs if pair.port.most_rows is not None), default=2**31 - 1)


def _signature(pairs: Sequence[_Pair], max_batch_size: int) -> Signature:
    def specs(kind: str) -> list[_core.TensorSpec]:
        return [_spec(pair, max_batch_size > 0) for pair in pairs if pair.kind == kind]

    return Signature(specs("input"), specs("output"), max_batch_size)


def _spec(pair: _Pair, batching: bool) -> _core.TensorSpec:
    port = pair.port
    if batching and port.shape is not None:
        port = replace(port, shape=port.shape[1:])
    if pair.told is None:
        if port.shape is None:
            raise ModelLoadError(f"{pair.title} has no known number of dimensions; configure its shape")
        return _core.TensorSpec(port.name, port.datatype, port.shape)
    wanted = pair.told.shape
    if port.shape is not None and not _narrows(port.shape, wanted):
        left_out = " (the batch dimension left out)" if batching else ""
        hint = "; set max_batch_size to 0 to list complete shapes" if batching else ""
        raise ModelLoadError(
            f"{pair.title} has the shape {list(port.shape)} in the model{left_out}, but is configured as {wanted}{hint}"
        )
    return _core.TensorSpec(port.name, port.datatype, wanted)


def _narrows(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether whatever is of shape `wanted` is of shape `shape`."""
    if len(shape) != len(wanted):
        return False
    return all(own in (FREE, asked) for own, asked in zip(shape, wanted, strict=True))

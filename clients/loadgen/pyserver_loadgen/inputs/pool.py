"""The pool: all requests of a run, encoded before it begins, and which of them is sent when."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyserver.tensors import Array
from pyserver_loadgen.inputs.choose import choose_sources
from pyserver_loadgen.inputs.files import inputs_of_json, read_samples
from pyserver_loadgen.inputs.shapes import ShapePlan
from pyserver_loadgen.inputs.source import TensorSource, Wanted
from pyserver_loadgen.inputs.trace import TraceEntry, read_trace
from pyserver_loadgen.inputs.untold import with_inputs_of_files
from pyserver_loadgen.protocols.base import EncodedRequest, Encoding, RequestProtocol
from pyserver_loadgen.protocols.contents import check_input
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import ModelMetadata
from pyserver_loadgen.protocols.raw import read_bodies

_LONGEST_TRACE_S = 30 * 86400.0
_MOST_ELEMENTS = 2**28  # of one tensor that is made up: 1 GiB of FP32, and no message holds more than 2 GiB


@dataclass(frozen=True)
class RequestOptions:
    """What requests are to be like, as `pyserver bench` is told it. Texts are in the form of its options."""

    version: str = ""
    streaming: bool = False
    # None: only for streams, which need them to tell answers apart.
    ids: bool | None = None
    ledger: bool = False
    priority: int = 0
    # The outputs asked for; none: all.
    outputs: tuple[str, ...] = ()
    # "NAME=SOURCE"
    inputs: tuple[str, ...] = ()
    inputs_path: Path | None = None
    # "NAME=1,3,224,224"
    shapes: tuple[str, ...] = ()
    # "NAME[1]=uniform(8,128)"
    dimensions: tuple[str, ...] = ()
    batch_size: int | None = None
    # How many different requests, and how much memory they may take.
    pool: int = 64
    pool_bytes: int = 256 << 20
    seed: int = 0
    trace: Path | None = None
    # 2.0: a trace is replayed twice as fast.
    trace_speed: float = 1.0
    # The message, or a folder of messages, for a raw method; None: an empty message.
    body: Path | None = None
    # Of pictures from files.
    scale: float = 1.0
    layout: str = ""


@dataclass(frozen=True)
class RequestPool:
    """Requests for the engine's LoadRequests, whose arguments have the same names."""

    model: ModelMetadata
    encoding: Encoding
    path: str
    bodies: tuple[bytes, ...]
    headers: tuple[tuple[str, str], ...]
    id_offset: int | None = None
    # Where answers of a stream come in any order.
    id_reader: str = ""
    # From a trace: when requests are due, and which body each has. None: bodies in turn.
    arrivals_ns: npt.NDArray[np.int64] | None = None
    order: npt.NDArray[np.int32] | None = None
    # "image FP32 [1, 3, 224, 224]: pictures", one an input.
    contents: tuple[str, ...] = ()
    # What was taken on its own account, in sentences for the user.
    notes: tuple[str, ...] = field(default=())

    @property
    def streaming(self) -> bool:
        """Whether requests go over streams."""
        return self.encoding.streaming

    @property
    def mean_bytes(self) -> float:
        """Of a request."""
        return sum(map(len, self.bodies)) / len(self.bodies)


def build_pool(protocol: RequestProtocol, model: ModelMetadata, options: RequestOptions) -> RequestPool:
    """Raises RequestError."""
    if options.pool < 1:
        raise RequestError(f"pool {options.pool}: expected at least one request")
    if options.seed < 0:
        raise RequestError(f"seed {options.seed}: expected a whole number from 0")
    if not options.trace_speed > 0:
        raise RequestError(f"trace speed {options.trace_speed:g}: expected more than 0")
    encoding = _encoding(protocol, options)
    path = protocol.path(model.name, encoding)
    if protocol.name == "raw":
        return _raw_pool(protocol, model, options, encoding, path)
    if options.body is not None:
        raise RequestError(f"a body is only given for a raw method, not for protocol {protocol.name}")
    for name in options.outputs:
        model.output(name)
    if not model.inputs:
        model = with_inputs_of_files(model, options.inputs, options.inputs_path)
    return _Builder(protocol, model, options, encoding).build(path)


def _raw_pool(
    protocol: RequestProtocol, model: ModelMetadata, options: RequestOptions, encoding: Encoding, path: str
) -> RequestPool:
    if options.inputs or options.inputs_path or options.shapes or options.dimensions or options.batch_size:
        raise RequestError(f"method {path} takes no inputs: give its message with --body")
    arrivals_ns = None
    if options.trace is not None:
        entries = read_trace(options.trace)
        if any(entry.inputs or entry.files or entry.shapes for entry in entries):
            raise RequestError(f"{options.trace}: of a trace for method {path} only the times can be replayed")
        arrivals_ns = _due_ns(entries, options)
    bodies = read_bodies(options.body) if options.body is not None else [b""]
    return RequestPool(model, encoding, path, tuple(bodies), protocol.headers(), arrivals_ns=arrivals_ns)


def _due_ns(entries: list[TraceEntry], options: RequestOptions) -> npt.NDArray[np.int64]:
    last_s = entries[-1].time_s / options.trace_speed
    if not last_s <= _LONGEST_TRACE_S:
        raise RequestError(f"{options.trace}: its last request is due after {last_s:.3g} s, expected at most 30 days")
    times = np.array([entry.time_s for entry in entries]) * (1e9 / options.trace_speed)
    return np.rint(times).astype(np.int64)


def _encoding(protocol: RequestProtocol, options: RequestOptions) -> Encoding:
    if options.streaming and not protocol.can_stream:
        raise RequestError(f"protocol {protocol.name} has no streams")
    if options.ledger and not protocol.has_ledger:
        raise RequestError(f"protocol {protocol.name} carries no ledger")
    ids = options.streaming if options.ids is None else options.ids
    if ids and not protocol.has_ids:
        raise RequestError(f"requests of protocol {protocol.name} have no ids")
    return Encoding(options.version, options.streaming, ids, options.outputs, options.priority, options.ledger)


class _Builder:
    """Makes the bodies of one pool."""

    def __init__(
        self, protocol: RequestProtocol, model: ModelMetadata, options: RequestOptions, encoding: Encoding
    ) -> None:
        self._protocol, self._model, self._options, self._encoding = protocol, model, options, encoding
        self._plan = ShapePlan(model, options.shapes, options.dimensions, options.batch_size, options.seed)
        self._sources = choose_sources(
            model,
            options.inputs,
            options.inputs_path,
            batch_size=options.batch_size,
            scale=options.scale,
            layout=options.layout,
        )
        self._encoded: list[EncodedRequest] = []
        self._shapes: dict[str, set[tuple[int, ...]]] = {}
        self._notes: list[str] = []

    def build(self, path: str) -> RequestPool:
        arrivals_ns, order = None, None
        if self._options.trace is not None:
            arrivals_ns, order = self._replay(self._options.trace)
        else:
            self._fill()
        streamed = self._encoding.streaming and self._encoding.ids
        return RequestPool(
            model=self._model,
            encoding=self._encoding,
            path=path,
            bodies=tuple(one.body for one in self._encoded),
            headers=self._protocol.headers(),
            id_offset=self._encoded[0].id_offset,
            id_reader=self._protocol.reader if streamed else "",
            arrivals_ns=arrivals_ns,
            order=order,
            contents=tuple(self._describe(name) for name in self._shapes),
            notes=(*self._plan.notes, *self._notes),
        )

    def _fill(self) -> None:
        wanted, most = self._distinct(), self._options.pool_bytes
        total = 0
        for index in range(wanted):
            self._add({name: self._tensor(name, source, index) for name, source in self._sources.items()})
            total += len(self._encoded[-1].body)
            if total > most and index:
                del self._encoded[-1]
                self._notes.append(
                    f"the pool has {index} requests, not {wanted}: more would take over {most / 2**20:.3g} MiB"
                )
                return

    def _distinct(self) -> int:
        counts = [None if self._plan.varies(name) else source.count for name, source in self._sources.items()]
        known = [count for count in counts if count is not None]
        return self._options.pool if len(known) < len(counts) else min(self._options.pool, max(known, default=1))

    def _tensor(self, name: str, source: TensorSource, index: int, shape: tuple[int, ...] | None = None) -> Array:
        if shape is None and source.sized:
            shape = self._plan.shape(name, index)
        place = next(place for place, spec in enumerate(self._model.inputs) if spec.name == name)
        elements = math.prod(shape or ())
        if elements > _MOST_ELEMENTS:
            raise RequestError(
                f"input {name!r} of shape {list(shape or ())} has {elements:.3g} elements: expected at most "
                f"{_MOST_ELEMENTS:,}"
            )
        rng = np.random.default_rng([self._options.seed, place, index])
        return source.tensor(Wanted(index, shape or (), self._plan.rows(name, index), rng))

    def _add(self, inputs: Mapping[str, Array]) -> None:
        for name, array in inputs.items():
            check_input(array, self._model.input(name))
            self._shapes.setdefault(name, set()).add(array.shape)
        self._encoded.append(self._protocol.encode(self._model, inputs, self._encoding))

    def _describe(self, name: str) -> str:
        shapes = sorted(self._shapes[name])
        told = str(list(shapes[0])) if len(shapes) == 1 else f"{list(shapes[0])} to {list(shapes[-1])}"
        source = self._sources[name].describe() if name in self._sources else "as recorded"
        return f"{name} {self._model.input(name).datatype} {told}: {source}"

    def _replay(self, trace: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        entries = read_trace(trace)
        arrivals_ns = _due_ns(entries, self._options)
        keys = [entry.key() for entry in entries]
        # What is made up differs from one request to the next, as far as the pool has room for that.
        variants = max(1, self._options.pool // len(set(keys)))
        places: dict[tuple[str, int], int] = {}
        seen: Counter[str] = Counter()
        order = np.empty(len(entries), np.int32)
        for number, (key, entry) in enumerate(zip(keys, entries, strict=True)):
            place = (key, seen[key] % variants if self._is_made_up(entry) else 0)
            seen[key] += 1
            if place not in places:
                self._add(self._recorded(entry, trace.parent))
                places[place] = len(self._encoded) - 1
            order[number] = places[place]
        return arrivals_ns, order

    def _is_made_up(self, entry: TraceEntry) -> bool:
        return any(name not in entry.inputs and name not in entry.files for name in self._sources)

    def _recorded(self, entry: TraceEntry, folder: Path) -> dict[str, Array]:
        index = len(self._encoded)
        arrays = inputs_of_json(entry.inputs, self._model, "the trace")
        for name, file in entry.files.items():
            spec, batches = self._model.input(name), self._model.batches()
            samples = read_samples(
                folder / file, spec, batches=batches, scale=self._options.scale, layout=self._options.layout
            )
            arrays[name] = samples[0]
            if batches and spec.shape is not None and samples[0].ndim == len(spec.shape) - 1:
                arrays[name] = samples[0][np.newaxis]
        for name, source in self._sources.items():
            if name in arrays:
                continue
            if name in entry.shapes and not source.sized:
                raise RequestError(f"the trace has a shape for input {name!r}, which comes from files")
            arrays[name] = self._tensor(name, source, index, entry.shapes.get(name))
        for name in entry.shapes:
            if name not in arrays:
                self._model.input(name)
                raise RequestError(f"the trace has a shape for input {name!r}: say with --input what it holds")
        return {spec.name: arrays[spec.name] for spec in self._model.inputs if spec.name in arrays}

"""A deserialized engine → the core's engine: a graph for every lane, batch size and shape, or what goes without."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any

from pyserver import _core
from pyserver.engines.tensorrt.contexts import Context, Contexts, NoProfileError
from pyserver.engines.tensorrt.datatypes import element_bytes
from pyserver.engines.tensorrt.described import DescribedEngine, DeviceTensor
from pyserver.engines.tensorrt.output_allocator import LaneOutput
from pyserver.engines.tensorrt.profiles import FREE, Shape, profile_for
from pyserver.engines.tensorrt.signature import RowShapes, Served
from pyserver.errors import ModelLoadError

_INVALID_ARGUMENT = 3

_log = logging.getLogger("pyserver.tensorrt")

MakeBuilder = Callable[[Mapping[str, Shape]], "_core.CudaGraphEngineBuilder"]


@dataclass
class Recorder:
    """One model on one GPU. record() is called once."""

    module: Any
    described: DescribedEngine
    served: Served
    contexts: Contexts
    strict_graphs: bool
    _dynamic: list[DeviceTensor] = field(init=False)  # outputs whose shapes the core must be told

    def __post_init__(self) -> None:
        self._dynamic = [tensor for tensor in self.served.outputs if FREE in tensor.shape]

    def record(self, make_builder: MakeBuilder) -> _core.Engine:
        """`make_builder` gets the largest shapes of the outputs with free dimensions. Raises ModelLoadError."""
        largest, depends_on_data = self._largest_outputs()
        builder = make_builder(largest)
        why = f"the shape of {', '.join(depends_on_data)} depends on the data" if depends_on_data else ""
        if not why:
            why = self._record_graphs(builder)
            if why:
                # A lane may hold graphs that the others do not get: begin anew, without any. There may be no memory for
                # two builders.
                del builder
                builder = make_builder(largest)
        if why and self.strict_graphs:
            raise ModelLoadError(
                f"options.strict_graphs: the model cannot be captured into graphs: {why}; leave the option out to have "
                "each batch enqueued by TensorRT"
            )
        if why:
            _log.warning("no graphs are captured, and each batch is enqueued by TensorRT: %s", why)
        if why or self._may_miss():
            for lane in builder.lanes:
                builder.run_uncaptured(lane, self._uncaptured(lane, largest, depends_on_data))
        return builder.build()

    def _may_miss(self) -> bool:
        """Whether a request may have shapes that no graph is captured for."""
        return not self.strict_graphs and any(FREE in tensor.shape for tensor in self.served.inputs)

    def _largest_outputs(self) -> tuple[dict[str, Shape], list[str]]:
        """By output with free dimensions, the largest shape (as in a signature); and those that depend on the data."""
        largest: dict[str, Shape] = {}
        depends_on_data: list[str] = []
        probe = self.contexts.to_probe()
        for shapes in self.served.captured:
            # Not the largest batch: a profile with larger shapes may take fewer rows of them.
            rows = self._most_rows(shapes)
            if not rows:
                continue
            complete = probe.set_shapes(self.served.input_shapes(rows, shapes), 0)
            for tensor in self.served.outputs:
                shape = complete[tensor.name]
                if self.served.batches and shape[0] != rows:
                    raise ModelLoadError(
                        f"max_batch_size: the output {tensor.name} has the shape {list(shape)} for {rows} rows, so it "
                        "does not batch: set max_batch_size: 0"
                    )
                if FREE in shape:
                    if tensor.name not in depends_on_data:
                        depends_on_data.append(tensor.name)
                    shape = _filled(
                        shape, -(-probe.largest_output_bytes(tensor.name) // element_bytes(tensor.datatype))
                    )
                row = self.served.row_shape(shape)
                if tensor in self._dynamic:
                    before = largest.get(tensor.name, row)
                    largest[tensor.name] = max(before, row, key=prod)
        return largest, depends_on_data

    def _most_rows(self, shapes: RowShapes) -> int:
        """The most rows of inputs of these shapes that a profile takes, as far as they are served; 0: it takes none."""
        if not self.served.batches:
            ends = {1}
        else:
            limit = self.served.max_batch_size
            ends = {min(limit, *(range_.max[0] for range_ in ranges.values())) for ranges in self.described.profiles}
        taken = (
            rows
            for rows in ends
            if profile_for(self.described.profiles, self.served.input_shapes(rows, shapes)) is not None
        )
        return max(taken, default=0)

    def _record_graphs(self, builder: _core.CudaGraphEngineBuilder) -> str:
        """Why nothing can be captured, or nothing."""
        buckets = builder.buckets if self.served.batches else [1]
        for lane in builder.lanes:
            for number, shapes in enumerate(self.served.captured):
                for rows in buckets:
                    inputs = self.served.input_shapes(rows, shapes)
                    if profile_for(self.described.profiles, inputs) is None:
                        continue
                    context = self.contexts.for_instance(lane.instance)
                    outputs = context.set_shapes(inputs, lane.stream)
                    if not context.can_be_captured(lane.stream):
                        return "TensorRT says so of its engine"
                    context.set_addresses(self._addresses(lane))
                    self._zero_inputs(lane, inputs)
                    # The first execution chooses and sets up what a captured one must find in place.
                    context.enqueue(lane.stream)
                    try:
                        builder.record(
                            lane, rows, number, partial(context.enqueue, lane.stream), self._row_shapes(outputs)
                        )
                    except _core.StatusError as error:
                        return error.message
        return ""

    def _uncaptured(
        self, lane: _core.CudaLane, largest: RowShapes, depends_on_data: Sequence[str]
    ) -> Callable[[int, Mapping[str, Sequence[int]]], Mapping[str, Sequence[int]]]:
        context: Context = self.contexts.for_instance(lane.instance)
        context.set_addresses(self._addresses(lane, without=depends_on_data))
        datatypes = {tensor.name: tensor.datatype for tensor in self.served.outputs}
        allocators = {}
        room = {name: prod(shape) * max(1, self.served.max_batch_size) for name, shape in largest.items()}  # elements
        for name in depends_on_data:
            capacity = room[name] * element_bytes(datatypes[name])
            allocators[name] = LaneOutput(self.module, lane.output_address(name), capacity)
            context.set_output_allocator(name, allocators[name].for_tensorrt)

        def enqueue(rows: int, shapes: Mapping[str, Sequence[int]]) -> Mapping[str, Sequence[int]]:
            try:
                outputs = context.set_shapes(self.served.input_shapes(rows, shapes), lane.stream)
            except NoProfileError as error:
                raise _invalid_argument(error.message) from None
            for name, elements in room.items():
                # TensorRT writes to an address: it does not know where the lane's memory ends.
                if name not in allocators and prod(outputs[name]) > elements:
                    raise _invalid_argument(
                        f"output {name}: the shape {list(outputs[name])} does not fit into the {elements} elements "
                        "that the largest shapes of the profiles give"
                    )
            context.enqueue(lane.stream)
            known = {name: allocator.shape for name, allocator in allocators.items()}
            return self._row_shapes({**outputs, **known})

        return enqueue

    def _zero_inputs(self, lane: _core.CudaLane, shapes: Mapping[str, Shape]) -> None:
        """For the first execution: what lies in new memory may be indices out of all bounds."""
        for tensor in self.served.inputs:
            size = prod(shapes[tensor.name]) * element_bytes(tensor.datatype)
            if size:
                self.contexts.device.zero(lane.input_address(tensor.name), size, lane.stream)

    def _addresses(self, lane: _core.CudaLane, without: Sequence[str] = ()) -> dict[str, int]:
        addresses = {tensor.name: lane.input_address(tensor.name) for tensor in self.served.inputs}
        for tensor in self.served.outputs:
            if tensor.name not in without:
                addresses[tensor.name] = lane.output_address(tensor.name)
        return addresses

    def _row_shapes(self, outputs: Mapping[str, Shape]) -> dict[str, Shape]:
        return {tensor.name: self.served.row_shape(outputs[tensor.name]) for tensor in self._dynamic}


def _invalid_argument(message: str) -> _core.StatusError:
    """For the core: it is the request that is wrong, not the model."""
    error = _core.StatusError(message)
    vars(error).update(code=_INVALID_ARGUMENT, message=message)
    return error


def _filled(shape: Shape, elements: int) -> Shape:
    """`shape` with its first free dimension as large as `elements` allow, and 1 for the others."""
    known = prod(size for size in shape if size != FREE)
    first = shape.index(FREE)
    filled = [1 if size == FREE else size for size in shape]
    filled[first] = -(-elements // known) if known else 0
    return tuple(filled)

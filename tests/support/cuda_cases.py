"""`python cuda_cases.py NAME`: what tests/python/engines/test_cuda_bindings.py promises of the bindings of graphs.

Each case has a process of its own, whose libcuda.so.1 is the double: it ends with a fault where something is left on
the device.
"""

from __future__ import annotations

import gc
import select
import struct
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))  # the servers' Python leaves a program's folder out

from device_kernels import READ, WRITE, Double, Range

from pyserver import _core
from pyserver.v1 import predict_pb2, tensor_pb2

INTERNAL, NOT_FOUND = 13, 5
CASES: dict[str, Callable[[], None]] = {}


def case(function: Callable[[], None]) -> Callable[[], None]:
    """Can be asked for by its name."""
    CASES[function.__name__] = function
    return function


class Scaled:
    """A core with a device, and a model y = 2x on rows of two floats."""

    def __init__(self, lanes: int = 1, **options: Any) -> None:
        self.core = _core.Core(max_pinned_memory_bytes=options.pop("max_pinned_memory_bytes", 1 << 30))
        self.device = _core.CudaDevice(_core.CudaDriver.open(), 0)
        self.core.use_device(self.device)
        self.double = Double()
        self.builder = _core.CudaGraphEngineBuilder(
            self.core,
            self.device,
            engine="scaled",
            inputs=[_core.TensorSpec("x", "FP32", [2])],
            outputs=[_core.TensorSpec("y", "FP32", [2])],
            max_batch_size=2,
            lanes=lanes,
            **options,
        )

    def enqueue(self, lane: _core.CudaLane, rows: int) -> None:
        size = rows * 2 * 4
        ranges = [Range(lane.input_address("x"), size, READ), Range(lane.output_address("y"), size, WRITE)]
        self.double.launch(lane.stream, "scale_f32", struct.pack("<f", 2.0), ranges)

    def serve(self) -> _core.ModelRuntime:
        runtime = _core.ModelRuntime(self.core, "scaled", 1, self.builder.build(), _core.BatchSettings())
        runtime.start()
        self.core.publish("scaled", {1: runtime}, 1)
        return runtime

    def end(self, runtime: _core.ModelRuntime) -> None:
        """As a server does it: withdrawn first. Functions that the engine keeps may know the core, which knows it."""
        self.core.remove("scaled")
        runtime.stop(1)

    def predict(self, *values: float) -> list[float] | str:
        """The row of y, or the sentence of the failure."""
        request = predict_pb2.PredictRequest(model="scaled")
        tensor = request.inputs["x"]
        tensor.datatype = tensor_pb2.DATATYPE_FP32
        tensor.shape.extend([1, 2])
        tensor.raw = struct.pack("<2f", *values)
        self.core.infer(_core.Protocol.PREDICT, request.SerializeToString(), None, None)
        select.select([self.core.fileno()], [], [], 30)
        ((_, completed),) = self.core.completed()
        if completed.response is None:
            return completed.message
        answer = predict_pb2.PredictResponse.FromString(completed.response)
        return list(struct.unpack("<2f", answer.outputs["y"].raw))


def refusal(call: Callable[[], object]) -> _core.StatusError:
    """What the call raises."""
    try:
        call()
    except _core.StatusError as error:
        return error
    raise AssertionError("nothing was raised")


@case
def what_python_raises_while_a_graph_is_recorded_is_told() -> None:
    model = Scaled()
    (lane,) = model.builder.lanes

    def fails() -> None:
        raise ValueError("no such layer")

    error = refusal(lambda: model.builder.record(lane, 1, 0, fails))
    assert (error.code, error.message) == (INTERNAL, "ValueError: no such layer")
    for rows in model.builder.buckets:  # the capture was ended: others follow
        model.builder.record(lane, rows, 0, lambda rows=rows: model.enqueue(lane, rows))
    runtime = model.serve()
    assert model.predict(1, 2) == [2, 4]
    model.end(runtime)


@case
def what_is_garbage_is_not_collected_while_a_graph_is_recorded() -> None:
    class Garbage:
        def __init__(self, device: _core.CudaDevice) -> None:
            self.memory = _core.CudaMemory(device, 64)
            self.itself = self

    model = Scaled()
    (lane,) = model.builder.lanes

    def enqueue(rows: int) -> None:
        enough_to_wake_the_collector = [[] for _ in range(10_000)]
        assert enough_to_wake_the_collector
        model.enqueue(lane, rows)

    for rows in model.builder.buckets:
        gc.collect()
        Garbage(model.device)  # what it holds cannot be given back during a capture
        model.builder.record(lane, rows, 0, lambda rows=rows: enqueue(rows))
    assert gc.isenabled()
    model.end(model.serve())
    gc.collect()


class WordlessError(Exception):
    """Fails where it is asked what it says."""

    def __str__(self) -> str:
        raise ValueError("no words")


@case
def an_exception_that_cannot_say_what_it_is_ends_neither_the_capture_nor_the_process() -> None:
    model = Scaled()
    (lane,) = model.builder.lanes

    def fails(rows: int = 0, shapes: Any = None) -> Any:  # noqa: ARG001
        raise WordlessError

    def says_half_a_character(rows: int, shapes: Any) -> Any:  # noqa: ARG001
        raise OSError("no file '\udcff'")

    error = refusal(lambda: model.builder.record(lane, 1, 0, fails))
    assert (error.code, error.message) == (INTERNAL, "WordlessError")
    for rows in model.builder.buckets:  # the capture was ended: others follow
        model.builder.record(lane, rows, 0, lambda rows=rows: model.enqueue(lane, rows))
    model.end(model.serve())
    for function, told in ((fails, "WordlessError"), (says_half_a_character, "OSError")):
        other = Scaled()
        (lane,) = other.builder.lanes
        other.builder.run_uncaptured(lane, function)
        runtime = other.serve()
        assert other.predict(1, 2) == f"model 'scaled': {told}"
        other.end(runtime)


@case
def a_status_error_keeps_its_code() -> None:
    model = Scaled()
    (lane,) = model.builder.lanes
    error = refusal(lambda: model.builder.record(lane, 1, 0, lambda: lane.input_address("z") and None))
    assert (error.code, error.message) == (3, "the model has no input 'z'")


@case
def batches_without_a_graph_are_executed_by_python_and_counted() -> None:
    model = Scaled()
    (lane,) = model.builder.lanes
    asked: list[tuple[int, Mapping[str, Sequence[int]]]] = []

    def enqueue(rows: int, shapes: Mapping[str, Sequence[int]]) -> Mapping[str, Sequence[int]]:
        asked.append((rows, dict(shapes)))
        model.enqueue(lane, rows)
        return {}

    model.builder.run_uncaptured(lane, enqueue)
    runtime = model.serve()
    assert model.predict(1, 2) == [2, 4]
    assert asked == [(1, {"x": (2,)})]
    counters = runtime.engine_counters()
    assert (counters["uncaptured_batches"], counters["graph_hits"], counters["graph_misses"]) == (1, 0, 1)
    # A request's bytes are Python's own here: not page-locked.
    assert counters["pageable_input_copies"] == 1
    model.end(runtime)


@case
def what_python_raises_fails_its_batch_only() -> None:
    model = Scaled()
    (lane,) = model.builder.lanes
    results: list[Any] = [RuntimeError("once"), None, {"y": (3,)}, {}]

    def enqueue(rows: int, shapes: Mapping[str, Sequence[int]]) -> Any:  # noqa: ARG001
        model.enqueue(lane, rows)
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    model.builder.run_uncaptured(lane, enqueue)
    runtime = model.serve()
    assert model.predict(1, 2) == "model 'scaled': RuntimeError: once"
    assert "a mapping from outputs to their shapes" in str(model.predict(1, 2))
    assert "output 'y': expected a complete shape within [2], got [3]" in str(model.predict(1, 2))
    assert model.predict(1, 2) == [2, 4]
    assert runtime.engine_counters()["failed_batches"] == 3
    model.end(runtime)


@case
def what_a_graph_uses_lives_as_long_as_the_engine_and_no_longer() -> None:
    class Weights:
        pass

    weights = Weights()
    alive = weakref.ref(weights)
    model = Scaled()
    (lane,) = model.builder.lanes

    def enqueue(rows: int, _weights: Weights = weights) -> None:
        model.enqueue(lane, rows)

    for rows in model.builder.buckets:
        model.builder.record(lane, rows, 0, lambda rows=rows, enqueue=enqueue: enqueue(rows))
    del weights, enqueue
    runtime = model.serve()
    gc.collect()
    assert alive() is not None
    assert model.predict(1, 2) == [2, 4]
    model.end(runtime)
    del runtime
    gc.collect()
    assert alive() is None


@case
def a_builder_is_spent_by_its_engine() -> None:
    model = Scaled()
    (lane,) = model.builder.lanes
    for rows in model.builder.buckets:
        model.builder.record(lane, rows, 0, lambda rows=rows: model.enqueue(lane, rows))
    engine = model.builder.build()
    assert (engine.name, engine.device) == ("scaled", "cuda:0")
    try:
        model.builder.build()
    except ValueError as error:
        assert "has built its engine already" in str(error)  # noqa: PT017 (no pytest in here)
    else:
        raise AssertionError("a spent builder built again")


@case
def page_locked_memory_stays_within_its_limit() -> None:
    model = Scaled(max_pinned_memory_bytes=4 << 20)
    (lane,) = model.builder.lanes
    for rows in model.builder.buckets:
        model.builder.record(lane, rows, 0, lambda rows=rows: model.enqueue(lane, rows))
    runtime = model.serve()
    assert model.predict(1, 2) == [2, 4]
    stats = model.core.pinned_stats()
    assert 0 < stats.pinned_bytes <= stats.limit_bytes == 4 << 20
    model.end(runtime)


@case
def without_page_locked_memory_answers_are_right_and_slow_copies_counted() -> None:
    model = Scaled(max_pinned_memory_bytes=0)
    (lane,) = model.builder.lanes
    for rows in model.builder.buckets:
        model.builder.record(lane, rows, 0, lambda rows=rows: model.enqueue(lane, rows))
    runtime = model.serve()
    assert model.predict(1, 2) == [2, 4]
    assert model.core.pinned_stats().pinned_bytes == 0
    counters = runtime.engine_counters()
    assert (counters["pageable_input_copies"], counters["pageable_output_copies"]) == (1, 1)
    model.end(runtime)


@case
def a_device_tells_what_it_is() -> None:
    driver = _core.CudaDriver.open()
    (info,) = driver.devices
    device = _core.CudaDevice(driver, 0)
    free, total = device.memory()
    assert 0 < free <= total == info.memory_bytes
    assert device.info.uuid == info.uuid
    assert len(info.compute_capability) == 2
    assert refusal(lambda: _core.CudaDevice(driver, 1)).code == 3


if __name__ == "__main__":
    CASES[sys.argv[1]]()

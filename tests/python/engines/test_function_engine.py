"""Batches executed by a Python function: what it is given, what it may give, and what becomes of anything else."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from served_engine import ServedEngine
from server_process import SERVER_PYTHON

from pyserver import _core
from pyserver.tensors import Array

INTERNAL, RESOURCE_EXHAUSTED, UNAVAILABLE = 13, 8, 14
Function = Callable[[list[Any]], Any]


def engine(
    *functions: Function,
    inputs: list[_core.TensorSpec] | None = None,
    output: str = "FP32",
    shape: tuple[int, ...] = (2,),
    max_batch_size: int = 8,
) -> _core.Engine:
    """x [2] → y [2], both FP32, where not said otherwise."""
    return _core.function_engine(
        name="test",
        device="CPU",
        inputs=inputs or [_core.TensorSpec("x", "FP32", shape)],
        outputs=[_core.TensorSpec("y", output, shape)],
        max_batch_size=max_batch_size,
        functions=functions,
    )


def rows(*values: float) -> dict[str, Array]:
    return {"x": np.repeat(np.array(values, np.float32)[:, None], 2, axis=1)}


def test_a_function_gets_arrays_and_gives_arrays() -> None:
    with ServedEngine(engine(lambda arrays: [arrays[0] * 2])) as served:
        assert served.answer(rows(1, 5))["y"].tolist() == [[2, 2], [10, 10]]
        assert served.runtime.engine == "test"
        assert served.runtime.engine_counters() == {"gil_batches": 1, "copied_outputs": 0}


def test_what_comes_in_cannot_be_written_to() -> None:
    def write(arrays: list[Array]) -> list[Array]:
        arrays[0][0] = 7
        return arrays

    with ServedEngine(engine(write)) as served:
        assert "read-only" in served.refusal(rows(1)).message
    with ServedEngine(engine(lambda arrays: [arrays[0].setflags(write=True)])) as served:
        assert "WRITEABLE" in served.refusal(rows(1)).message


@pytest.mark.parametrize(
    ("given", "copied"),
    [
        pytest.param(lambda array: np.array(array), 0, id="an array of its own"),
        pytest.param(lambda array: array, 1, id="the input itself"),
        pytest.param(lambda array: array[:], 1, id="a view of the input"),
        pytest.param(lambda array: np.array(array, order="F"), 1, id="not C-contiguous"),
        pytest.param(lambda array: array.astype(">f4"), 1, id="big-endian"),
    ],
)
def test_an_output_lies_as_it_must_or_is_copied_and_counted(given: Callable[[Array], Array], copied: int) -> None:
    with ServedEngine(engine(lambda arrays: [given(arrays[0])])) as served:
        assert served.answer(rows(1, 5))["y"].tolist() == [[1, 1], [5, 5]]
        assert served.runtime.engine_counters()["copied_outputs"] == copied


def test_a_large_output_stays_as_it_was_while_the_next_batch_is_executed() -> None:
    shape = (1 << 20,)
    with ServedEngine(engine(lambda arrays: [arrays[0] + 1], shape=shape)) as served:
        sent = [{"x": np.full((1, *shape), index, np.float32)} for index in range(20)]
        futures = [served.ask(inputs) for inputs in sent]
        for index, future in enumerate(futures):
            answer = future.result(30)["y"]
            assert answer.min() == answer.max() == index + 1


def test_byte_strings_are_object_arrays_both_ways() -> None:
    def shout(arrays: list[Array]) -> list[Array]:
        assert all(isinstance(value, bytes) for value in arrays[0].ravel())
        return [np.array([[value.upper() for value in row] for row in arrays[0]], object)]

    inputs = [_core.TensorSpec("x", "BYTES", (2,))]
    sent = {"x": np.array([[b"a", b""], [b"\xff\x00", "ä".encode()]], object)}
    with ServedEngine(engine(shout, inputs=inputs, output="BYTES")) as served:
        assert served.answer(sent)["y"].tolist() == [[b"A", b""], [b"\xff\x00", "ä".encode()]]
    with ServedEngine(engine(lambda _: [np.array([["π", "b"]])], inputs=inputs, output="BYTES")) as served:
        assert served.answer({"x": sent["x"][:1]})["y"].tolist() == [["π".encode(), b"b"]]


def test_an_optional_input_that_is_absent_is_none() -> None:
    inputs = [_core.TensorSpec("x", "FP32", (2,)), _core.TensorSpec("more", "FP32", (2,), optional=True)]
    with ServedEngine(engine(lambda arrays: [arrays[0] + (arrays[1] is None)], inputs=inputs)) as served:
        assert served.answer(rows(1))["y"].tolist() == [[2, 2]]
        assert served.answer({**rows(1), "more": np.zeros((1, 2), np.float32)})["y"].tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param([], "gave 0 outputs, expected 1", id="too few"),
        pytest.param([np.zeros((1, 2), np.float32)] * 2, "gave 2 outputs, expected 1", id="too many"),
        pytest.param(None, "gave a NoneType, expected a sequence of arrays", id="nothing"),
        pytest.param(np.zeros((1, 2), np.float32), "gave a numpy.ndarray, expected a sequence", id="a bare array"),
        pytest.param([[1.0]], "output 'y' is wrong: expected a NumPy array, got list", id="a list"),
        pytest.param([np.zeros((1, 2))], "output 'y' is wrong: expected FP32, got an array of float64", id="datatype"),
        pytest.param([np.zeros((3, 2), np.float32)], "expected 1 rows, got shape [3, 2]", id="rows"),
        pytest.param([np.zeros((1,) * 17, np.float32)], "it has 17 dimensions; at most 16", id="dimensions"),
    ],
)
def test_a_wrong_output_is_refused_with_a_sentence(given: Any, sentence: str) -> None:
    with ServedEngine(engine(lambda _: given)) as served:
        refused = served.refusal(rows(1))
        assert (refused.code, sentence in refused.message) == (INTERNAL, True), refused.message


def test_an_exception_is_one_line_and_its_traceback_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: list[Array]) -> list[Array]:
        raise ValueError("first\nsecond")

    with caplog.at_level(logging.ERROR, "pyserver.engines"), ServedEngine(engine(fail)) as served:
        refused = served.refusal(rows(1))
    assert (refused.code, refused.message) == (INTERNAL, "model 'model': ValueError: first second")
    (record,) = caplog.records
    assert "in fail" in record.fields["traceback"]


def test_a_lack_of_memory_is_told_as_such() -> None:
    def fail(_: list[Array]) -> list[Array]:
        raise MemoryError

    with ServedEngine(engine(fail)) as served:
        assert served.refusal(rows(1)).code == RESOURCE_EXHAUSTED


def test_a_request_that_makes_the_function_raise_fails_alone() -> None:
    began, go_on = threading.Event(), threading.Event()

    def unlucky(arrays: list[Array]) -> list[Array]:
        began.set()
        assert go_on.wait(30)
        if (arrays[0] == 13).any():
            raise ValueError("thirteen")
        return [arrays[0] + 1]

    with ServedEngine(engine(unlucky)) as served:
        first = served.ask(rows(0))
        assert began.wait(30)
        others = {value: served.ask(rows(value)) for value in (12, 13, 14)}  # gather behind it
        go_on.set()
        assert first.result(30)["y"].tolist() == [[1, 1]]
        assert others[12].result(30)["y"].tolist() == [[13, 13]]
        assert others[14].result(30)["y"].tolist() == [[15, 15]]
        assert "thirteen" in str(others[13].exception(30))
        assert served.runtime.metrics().split_batches == 1
        # One batch, the three together, and each of these alone.
        assert served.runtime.engine_counters()["gil_batches"] == 5


@pytest.mark.parametrize(
    "keep", [lambda array: array, lambda array: [array], memoryview], ids=["it", "a list", "a view"]
)
def test_an_array_that_the_function_keeps_fails_the_batch_and_shows_nothing_any_more(
    keep: Callable[[Array], Any],
) -> None:
    kept: list[Any] = []
    originals: list[Array] = []

    def keeps(arrays: list[Array]) -> list[Array]:
        kept.append(keep(arrays[0]))
        originals.append(arrays[0])
        return [arrays[0] + 1]

    with ServedEngine(engine(keeps)) as served:
        refused = served.refusal(rows(1))
        assert refused.code == INTERNAL
        assert "kept the array of input 'x'" in refused.message
        assert originals[0].size == 0


def test_garbage_that_refers_to_an_array_does_not_keep_it() -> None:
    def litter(arrays: list[Array]) -> list[Array]:
        circle: list[Any] = [arrays[0]]
        circle.append(circle)
        return [arrays[0] + 1]

    with ServedEngine(engine(litter)) as served:
        assert served.answer(rows(1))["y"].tolist() == [[2, 2]]


def test_instances_execute_at_the_same_time() -> None:
    meeting = threading.Barrier(2)

    def meet(arrays: list[Array]) -> list[Array]:
        meeting.wait(30)
        return [arrays[0] + 1]

    with ServedEngine(engine(meet, meet, max_batch_size=1)) as served:
        for future in [served.ask(rows(1)), served.ask(rows(2))]:
            assert future.result(30)


@pytest.mark.parametrize(
    ("function", "mixes"),
    [
        (lambda arrays: [arrays[0] * 2], False),
        (lambda arrays: [arrays[0] - arrays[0].mean()], True),
        (lambda arrays: [arrays[0][:1]], True),
        (lambda arrays: [arrays[0] / 0], None),
    ],
    ids=["rows alone", "the mean of the batch", "one row of all", "nothing is known"],
)
def test_rows_that_influence_one_another_are_found(function: Function, mixes: bool | None) -> None:
    def strict(arrays: list[Array]) -> list[Array]:
        with np.errstate(all="raise"):
            given: list[Array] = function(arrays)
            return given

    assert _core.mixes_rows(engine(strict)) is mixes


def test_an_engine_needs_functions_that_can_be_called() -> None:
    with pytest.raises(_core.StatusError, match="at least 1 function, got 0"):
        engine()
    with pytest.raises(TypeError, match="must be callable"):
        engine(7)  # type: ignore[arg-type]


_FORGOTTEN = """
import threading
import numpy as np
from pyserver import _core
from pyserver.tensors import to_tensor
from pyserver.v1 import predict_pb2

began = threading.Event()
def endless(arrays):
    began.set()
    sum(range(3_000_000))
    return [arrays[0] + 1]

spec = [_core.TensorSpec("x", "FP32", (1,))]
engine = _core.function_engine(name="test", device="CPU", inputs=spec, outputs=spec, max_batch_size=1,
                               functions=[endless] * 2)
core = _core.Core()
runtime = _core.ModelRuntime(core, "model", 1, engine, _core.BatchSettings())
runtime.start()
core.publish("model", {1: runtime}, 1)
tensor = to_tensor(np.zeros((1, 1), np.float32))
request = predict_pb2.PredictRequest(model="model", inputs={"x": tensor}).SerializeToString()
for token in range(50):
    core.infer(_core.Protocol.PREDICT, request, None, token)
assert began.wait(30)
"""


def test_python_may_end_while_batches_are_executed() -> None:
    for _ in range(3):
        ended = subprocess.run([SERVER_PYTHON, "-c", _FORGOTTEN], capture_output=True, text=True, timeout=120)
        assert (ended.returncode, ended.stderr) == (0, "")

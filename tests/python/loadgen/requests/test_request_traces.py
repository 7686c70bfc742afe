"""Traces: what is written is read, and replayed as it came."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from request_models import model

from pyserver.v1 import predict_pb2
from pyserver_loadgen.inputs import RequestOptions, RequestPool, TraceEntry, build_pool, read_trace, write_trace
from pyserver_loadgen.protocols import RequestError, TensorSpec, protocol_named

MODEL = model(TensorSpec("x", "FP32", (-1, -1)), TensorSpec("n", "INT64", (-1, 1)), max_batch_size=8)


def replay(trace: Path, **options: object) -> RequestPool:
    return build_pool(protocol_named("predict"), MODEL, RequestOptions(trace=trace, **options))  # type: ignore[arg-type]


def request(pool: RequestPool, number: int) -> dict[str, np.ndarray]:
    assert pool.order is not None
    told = predict_pb2.PredictRequest.FromString(pool.bodies[pool.order[number]]).inputs
    kinds = {"x": np.float32, "n": np.int64}
    return {name: np.frombuffer(of.raw, kinds[name]).reshape(tuple(of.shape)) for name, of in told.items()}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    entries = [
        TraceEntry(0.0, inputs={"x": [[0.5, 1.0]]}, files={"n": "n.npy"}),
        TraceEntry(0.25, shapes={"x": (2, 3)}),
        TraceEntry(0.25),
    ]
    write_trace(tmp_path / "t", entries, model="m")
    assert read_trace(tmp_path / "t") == entries
    first = json.loads((tmp_path / "t").read_text().splitlines()[0])
    assert first == {"pyserver_trace": 1, "model": "m"}


def test_times_count_from_the_first(tmp_path: Path) -> None:
    write_trace(tmp_path / "t", [TraceEntry(time) for time in (1_700_000_000.5, 1_700_000_000.75, 1_700_000_002.0)])
    pool = replay(tmp_path / "t", shapes=("x=2",))
    assert pool.arrivals_ns is not None
    assert pool.arrivals_ns.tolist() == [0, 250_000_000, 1_500_000_000]
    fast = replay(tmp_path / "t", shapes=("x=2",), trace_speed=2.0)
    assert fast.arrivals_ns is not None
    assert fast.arrivals_ns.tolist() == [0, 125_000_000, 750_000_000]


def test_recorded_inputs_files_and_shapes_are_sent(tmp_path: Path) -> None:
    np.save(tmp_path / "n.npy", np.array([[7], [8]], np.int64))
    entries = [
        TraceEntry(0, inputs={"x": [[0.5, 1.0]], "n": [[3]]}),
        TraceEntry(1, files={"n": "n.npy"}, inputs={"x": [[1], [2]]}),
        TraceEntry(2, shapes={"x": (2, 5), "n": (2, 1)}),
        TraceEntry(3, same_as=0),
    ]
    write_trace(tmp_path / "t", entries)
    pool = replay(tmp_path / "t")
    assert request(pool, 0)["x"].tolist() == [[0.5, 1.0]]
    assert request(pool, 0)["n"].tolist() == [[3]]
    assert request(pool, 1)["n"].tolist() == [[7], [8]]
    assert request(pool, 2)["x"].shape == (2, 5)
    assert pool.order is not None
    assert pool.order.tolist() == [0, 1, 2, 0]
    assert len(pool.bodies) == 3


def test_what_is_made_up_differs_as_far_as_the_pool_goes(tmp_path: Path) -> None:
    write_trace(tmp_path / "t", [TraceEntry(time / 10, shapes={"x": (1, 3)}) for time in range(10)])
    pool = replay(tmp_path / "t", pool=4)
    assert pool.order is not None
    assert pool.order.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert len(set(pool.bodies)) == 4


def test_times_alone_are_a_trace(tmp_path: Path) -> None:
    (tmp_path / "t").write_text('{"time_s": 5}\n\n{"time_s": 5.5}\n')
    pool = replay(tmp_path / "t", shapes=("x=1,2",), inputs=("n=zeros",))
    assert request(pool, 1)["n"].tolist() == [[0]]
    assert pool.contents == ("x FP32 [1, 2]: random 0 to 1", "n INT64 [1, 1]: zeros")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", "expected at least one request, got none"),
        ("{", "line 1: no JSON"),
        ("[]", "line 1: expected a JSON object, got list"),
        ('{"pyserver_trace": 2}', "line 1: expected pyserver_trace 1, got 2"),
        ("{}", "line 1: expected time_s in seconds, got None"),
        ('{"time_s": "1"}', "expected time_s in seconds, got '1'"),
        ('{"time_s": NaN}', "expected time_s in seconds, got nan"),
        ('{"time_s": 1}\n{"time_s": 0.5}', "line 2: time_s 0.5 is before that of the entry before it"),
        ('{"time_s": 1, "body": 2}', "unknown field 'body'"),
        ('{"time_s": 1, "same_as": 0}', "same_as 0 is not the number of an entry before it"),
        ('{"time_s": 1}\n{"time_s": 1, "same_as": 0, "inputs": {}}', "line 2: same_as goes without"),
        ('{"time_s": 1, "inputs": []}', "inputs is no object"),
        ('{"time_s": 1, "files": {"x": 1}}', "the file of input 'x' is no text"),
        ('{"time_s": 1, "shapes": {"x": [0]}}', "the shape of input 'x' is no list of whole numbers"),
        ('{"time_s": 1, "inputs": {"x": 1}, "shapes": {"x": [1]}}', "input 'x' is given twice"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, lines: str, told: str) -> None:
    (tmp_path / "t").write_text(lines)
    with pytest.raises(RequestError, match=told):
        read_trace(tmp_path / "t")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (TraceEntry(0, inputs={"z": [1]}), "no input 'z'"),
        (TraceEntry(0, shapes={"z": (1,)}), "no input 'z'"),
        (TraceEntry(0, inputs={"x": [["a"]]}), "expected numbers in lists of equal length"),
        (TraceEntry(0, shapes={"x": (1, 2, 3)}), r"input 'x' expects shape \[-1, -1\], got \[1, 2, 3\]"),
        (TraceEntry(0, files={"n": "nothing.npy"}, shapes={"x": (1, 1)}), "nothing.npy: no such file"),
    ],
)
def test_what_the_model_does_not_take_is_refused(tmp_path: Path, entry: TraceEntry, told: str) -> None:
    write_trace(tmp_path / "t", [entry])
    with pytest.raises(RequestError, match=told):
        replay(tmp_path / "t", shapes=("x=1,1",))


def test_a_tensor_that_no_message_holds_is_not_made_up(tmp_path: Path) -> None:
    write_trace(tmp_path / "t", [TraceEntry(0.0, shapes={"x": (1_000_000_000, 4), "n": (1, 1)})])
    with pytest.raises(
        RequestError, match=r"input 'x' of shape \[1000000000, 4\] has 4e\+09 elements: expected at most"
    ):
        replay(tmp_path / "t")


@pytest.mark.parametrize(("last_s", "speed"), [(1e300, 1.0), (1.0, 1e-300), (1e308, 1e-300)])
def test_a_trace_that_takes_longer_than_a_month_is_refused(tmp_path: Path, last_s: float, speed: float) -> None:
    write_trace(tmp_path / "t", [TraceEntry(0.0), TraceEntry(last_s)])
    with pytest.raises(RequestError, match=r"its last request is due after .* s, expected at most 30 days"):
        replay(tmp_path / "t", trace_speed=speed, shapes=("x=2",))


def test_a_trace_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="No such file"):
        read_trace(tmp_path / "t")

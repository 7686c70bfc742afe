"""Pools: how many different requests there are, what is in them, and what is expected of their answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from request_models import model, transformer

from pyserver import _core
from pyserver.v1 import predict_pb2
from pyserver_loadgen.inputs import RequestOptions, RequestPool, build_pool, expected_from_file
from pyserver_loadgen.protocols import Connection, RequestError, TensorSpec, metadata_of_signature, protocol_named

PREDICT = protocol_named("predict")
ROWS = model(TensorSpec("x", "FP32", (-1, 2)), max_batch_size=8, outputs=(TensorSpec("y", "FP32", (-1, 2)),))


def pool_of(told=ROWS, **options: object) -> RequestPool:  # type: ignore[no-untyped-def]
    return build_pool(PREDICT, told, RequestOptions(**options))  # type: ignore[arg-type]


def shapes(pool: RequestPool, name: str) -> list[tuple[int, ...]]:
    return [tuple(predict_pb2.PredictRequest.FromString(body).inputs[name].shape) for body in pool.bodies]


def test_requests_differ_and_are_the_same_for_the_same_seed() -> None:
    first, again, other = (pool_of(seed=seed).bodies for seed in (1, 1, 2))
    assert len(set(first)) == 64
    assert first == again
    assert not set(first) & set(other)


def test_a_request_depends_on_its_place_only() -> None:
    assert pool_of(pool=10).bodies == pool_of(pool=64).bodies[:10]


def test_what_cannot_differ_is_encoded_once(tmp_path: Path) -> None:
    assert len(pool_of(inputs=("zeros",)).bodies) == 1
    np.save(tmp_path / "1.npy", np.zeros(2, np.float32))
    np.save(tmp_path / "2.npy", np.ones(2, np.float32))
    assert len(pool_of(inputs=(f"x={tmp_path}",)).bodies) == 2
    assert len(pool_of(inputs=(f"x={tmp_path}",), pool=1).bodies) == 1
    two = model(TensorSpec("x", "FP32", (2,)), TensorSpec("z", "FP32", (2,)))
    assert len(pool_of(two, inputs=(f"x={tmp_path}",), pool=5).bodies) == 5


def test_shapes_are_drawn_for_every_request_of_the_pool() -> None:
    pool = pool_of(transformer(), dimensions=("input_ids[1]=uniform(8,128)",), batch_size=2)
    assert len(set(shapes(pool, "input_ids"))) > 20
    assert shapes(pool, "input_ids") == shapes(pool, "attention_mask")
    assert pool.contents[0].startswith("input_ids INT64 [2, ")
    zeros = pool_of(inputs=("zeros",), dimensions=("x[0]=uniform(1,8)",))
    assert len(zeros.bodies) == 64


def test_a_pool_that_grows_too_large_is_cut_and_says_so() -> None:
    large = model(TensorSpec("x", "FP32", (1000,)))
    pool = pool_of(large, pool_bytes=20_000)
    assert len(pool.bodies) == 4
    assert pool.notes == ("the pool has 4 requests, not 64: more would take over 0.0191 MiB",)
    assert len(pool_of(large, pool_bytes=10).bodies) == 1


def test_bodies_come_in_turn_without_a_trace() -> None:
    pool = pool_of()
    assert pool.arrivals_ns is None
    assert pool.order is None


@pytest.mark.parametrize(
    ("options", "ids", "reader"),
    [({}, False, ""), ({"streaming": True}, True, "predict"), ({"ids": True}, True, ""),
     ({"streaming": True, "ids": False}, False, "")],
)  # fmt: skip
def test_streams_have_ids_unless_told_otherwise(options: dict[str, bool], ids: bool, reader: str) -> None:
    pool = pool_of(**options)
    assert (pool.id_offset is not None) == ids
    assert pool.id_reader == reader
    assert pool.path.endswith("PredictStream" if pool.streaming else "Predict")


def test_files_that_do_not_fit_are_refused_with_both_shapes(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 3), np.float32))
    with pytest.raises(RequestError, match=r"input 'x' expects shape \[-1, 2\], got \[1, 3\]"):
        pool_of(inputs=(f"x={tmp_path / 'x.npy'}",))
    np.save(tmp_path / "x.npy", np.zeros((1, 2)))
    with pytest.raises(RequestError, match=r"input 'x' expects FP32, got an array of float64 \(FP64\)"):
        pool_of(inputs=(f"x={tmp_path / 'x.npy'}",))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"pool": 0}, "pool 0: expected at least one request"),
        ({"seed": -1}, "seed -1: expected a whole number"),
        ({"outputs": ("z",)}, "no output 'z'; its outputs: y"),
        ({"body": Path("x")}, "a body is only given for a raw method"),
        ({"version": "new"}, "version 'new'"),
        ({"trace": Path("t"), "trace_speed": 0.0}, "trace speed 0: expected more than 0"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(RequestError, match=told):
        pool_of(**options)


def test_bodies_of_a_raw_method_come_from_files(tmp_path: Path) -> None:
    raw = protocol_named("raw", method="a.B/C")
    nothing = model()
    for name in ("b", "a"):
        (tmp_path / name).write_bytes(name.encode())
    assert build_pool(raw, nothing, RequestOptions(body=tmp_path)).bodies == (b"a", b"b")
    assert build_pool(raw, nothing, RequestOptions(body=tmp_path / "b")).bodies == (b"b",)
    with pytest.raises(RequestError, match="No such file"):
        build_pool(raw, nothing, RequestOptions(body=tmp_path / "c"))


def test_only_the_times_of_a_trace_are_replayed_with_a_raw_method(tmp_path: Path) -> None:
    raw = protocol_named("raw", method="a.B/C")
    (tmp_path / "t").write_text('{"time_s": 1}\n{"time_s": 3}\n')
    pool = build_pool(raw, model(), RequestOptions(trace=tmp_path / "t", trace_speed=4))
    assert pool.arrivals_ns is not None
    assert pool.arrivals_ns.tolist() == [0, 500_000_000]
    (tmp_path / "t").write_text('{"time_s": 1, "shapes": {"x": [1]}}\n')
    with pytest.raises(RequestError, match="only the times can be replayed"):
        build_pool(raw, model(), RequestOptions(trace=tmp_path / "t"))
    with pytest.raises(RequestError, match=r"method /a.B/C takes no inputs"):
        build_pool(raw, model(), RequestOptions(inputs=("x=zeros",)))


def test_inputs_that_the_server_does_not_tell_are_those_of_the_files(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 3)))
    np.savez(tmp_path / "xy.npz", x=np.ones(1, np.float32), y=np.array([b"a"]))
    pool = pool_of(model(), inputs=(f"x={tmp_path / 'x.npy'}",))
    assert pool.contents == (f"x FP64 [2, 3]: {tmp_path / 'x.npy'}",)
    assert pool.model.inputs == (TensorSpec("x", "FP64", None),)
    assert shapes(pool_of(model(), inputs_path=tmp_path / "xy.npz"), "y") == [(1,)]
    for inputs in ((), ("x=random",)):
        with pytest.raises(RequestError, match=r"tells no inputs of model 'm': give them with --input NAME=FILE.npy"):
            pool_of(model(), inputs=inputs)


def test_outputs_that_the_server_does_not_tell_have_the_datatypes_that_came() -> None:
    expected = PREDICT.expect({"y": np.array([1.5])}, model())
    assert expected.outputs == (("y", "FP64", np.array([1.5]).tobytes()),)


def test_outputs_in_a_file_are_expected_of_one_request_or_of_each_in_turn(tmp_path: Path) -> None:
    one = pool_of(inputs=("zeros",))
    np.savez(tmp_path / "y.npz", y=np.array([[1, 2]], np.float32))
    (expected,) = expected_from_file(tmp_path / "y.npz", PREDICT, one)
    assert expected.outputs == (("y", "FP32", np.array([1, 2], "<f4").tobytes()),)
    three = pool_of(pool=3)
    np.savez(tmp_path / "y.npz", y=np.arange(6, dtype=np.float32).reshape(3, 1, 2))
    expectations = expected_from_file(tmp_path / "y.npz", PREDICT, three)
    assert expectations[2].outputs == (("y", "FP32", np.array([4, 5], "<f4").tobytes()),)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"y": np.zeros((2, 1, 2), np.float32)}, "of 3 different requests, .* which is 2"),
        ({"y": np.zeros((), np.float32)}, "which is no dimension"),
        ({"z": np.zeros((3, 1), np.float32)}, "no output 'z'"),
        ({"y": np.zeros((3, 1, 2), np.int64)}, "is INT64, not FP32"),
        ({}, "no output is expected"),
    ],
)
def test_expectations_that_cannot_be_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], told: str) -> None:
    np.savez(tmp_path / "y.npz", **arrays)
    with pytest.raises(RequestError, match=told):
        expected_from_file(tmp_path / "y.npz", PREDICT, pool_of(pool=3))


def test_a_model_of_this_process_is_told_alike(connection: Connection) -> None:
    specs = [_core.TensorSpec("IN", "FP32", [-1])]
    outputs = [_core.TensorSpec("OUT", "FP32", [-1])]
    engine = _core.identity_engine(inputs=specs, outputs=outputs, max_batch_size=8)
    local = metadata_of_signature("echo", "", engine.signature, engine.name)
    served = PREDICT.metadata(connection, "echo")
    assert (local.inputs, local.max_batch_size) == (served.inputs, served.max_batch_size)
    assert local.platform == served.platform == "identity"

"""Plans of TensorRT, served: a real server, a stand-in for TensorRT, and the double of the CUDA driver below both.

The double ends a server that makes a mistake with streams, events or memory, so every test here asks for that, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorrt_double as double
from onnx import TensorProto, helper, numpy_helper
from server_process import ServerProcess

from pyserver.client import Client
from pyserver.errors import PyserverError

TAKE = ({"op": "take", "inputs": ["x"], "output": "y"},)
REST = ({"op": "rest", "inputs": ["x"], "output": "y"},)
WAITS = ({"op": "waits", "inputs": ["x"], "output": "y"},)
ANY_WIDTH = {"x": [(1, 2), (4, 4), (8, 16)]}


def onnx_model() -> bytes:
    """y = 2 · x + x"""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 4])
    nodes = [helper.make_node("Mul", ["x", "two"], ["twice"]), helper.make_node("Add", ["twice", "x"], ["y"])]
    graph = helper.make_graph(nodes, "model", [x], [y], [numpy_helper.from_array(np.float32(2), "two")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """All models of this file on one server, which ends without a fault and without a leak."""
    folder = tmp_path_factory.mktemp("tensorrt")
    models = folder / "models"
    rtx = {"plan": "tensorrt_rtx", "version": double.RTX_VERSION}
    double.write_model(models, "quadruple", double.plan(), batching={"max_queue_delay_us": 20_000})
    double.write_model(models, "one_lane", double.plan(), options={"lanes": 1, "buckets": [3, 8]}, instances=2)
    double.write_model(models, "rtx", double.plan(**rtx))
    double.write_model(models, "lean", double.plan(), options={"flavour": "tensorrt_lean"}, file="net.engine")
    fixed = double.plan(shape=(4, 4), profiles=())
    double.write_model(models, "fixed", fixed)
    double.write_model(models, "fixed_batch", fixed, max_batch_size=4)
    free = double.plan(shape=(-1, -1), profiles=[ANY_WIDTH])
    double.write_model(models, "free", free)
    double.write_model(models, "strict", free, options={"strict_graphs": True})
    x, y = ([{"name": name, "datatype": "FP32", "shape": [7]}] for name in ("x", "y"))
    double.write_model(models, "seven", free, inputs=x, outputs=y)
    taken = double.plan(TAKE, shape=(-1,), profiles=[{"x": [(1,), (8,), (32,)]}])
    double.write_model(models, "take", taken, max_batch_size=0)
    double.write_model(models, "waits", double.plan(WAITS))
    double.write_model(models, "rtx_waits", double.plan(WAITS, **rtx))
    many = double.plan(profiles=[{"x": [(1, 4), (1, 4), (2, 4)]}, {"x": [(3, 4), (8, 4), (16, 4)]}])
    double.write_model(models, "profiles", many)
    few_of_the_large = [{"x": [(1, 2), (2, 64), (2, 64)]}, {"x": [(1, 2), (8, 4), (8, 4)]}]
    double.write_model(models, "unequal", double.plan(shape=(-1, -1), profiles=few_of_the_large))
    rest = double.plan(REST, shape=(-1, -1), profiles=[{"x": [(1, 1), (4, 32), (8, 63)]}])
    double.write_model(models, "rest", rest)
    host = double.tensor("size", "INPUT", (2,), "INT32", location="HOST", values=[3, 5])
    tensors = [double.tensor("x", "INPUT", (-1, 4)), host, double.tensor("y", "OUTPUT", (-1, 4))]
    double.write_model(models, "shape_tensor", double.plan(tensors=tensors))
    double.write_model(models, "onnx", onnx_model(), file="model.onnx", engine="tensorrt", max_batch_size=4)
    chains = {
        "preprocess": {"x": {"datatype": "UINT8", "shape": [4], "ops": ["cast"]}},
        "postprocess": {"y": ["softmax"]},
    }
    double.write_model(models, "ops", double.plan(), **chains)
    double.write_model(models, "ops_on_cpu", double.plan(), options={"device_ops": False}, **chains)
    arguments = [str(models), "--cache-dir", str(folder / "cache")]
    server = ServerProcess(arguments, folder / "log", double.environment())
    yield server
    server.stop()


@pytest.fixture
def client(served: ServerProcess) -> Iterator[Client]:
    with Client(served.address, timeout_s=30) as client:
        yield client


def rows(count: int, width: int = 4) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, width)).astype(np.float32)


def counters(client: Client, model: str) -> dict[str, int]:
    return dict(client.metadata(model).engine_counters)


@pytest.mark.parametrize("model", ["quadruple", "one_lane", "rtx", "lean", "shape_tensor", "profiles"])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_answers_are_those_of_the_plan_for_every_batch_size(client: Client, model: str, count: int) -> None:
    x = rows(count)
    np.testing.assert_array_equal(client.predict(model, {"x": x}).outputs["y"], x * 3 + x)


def test_the_signature_is_the_plans_own(client: Client) -> None:
    status = client.metadata("quadruple")
    assert [(spec.name, list(spec.shape)) for spec in status.inputs] == [("x", [4])]
    assert [(spec.name, list(spec.shape)) for spec in status.outputs] == [("y", [4])]
    assert status.batching.max_batch_size == 8
    assert status.engine == "tensorrt"
    assert client.metadata("profiles").batching.max_batch_size == 16
    assert [spec.name for spec in client.metadata("shape_tensor").inputs] == ["x"], "its values are the profile's"


def test_requests_of_many_callers_are_put_together_and_padded(client: Client) -> None:
    before = counters(client, "quadruple")
    sent = [rows(1 + number % 3) + number for number in range(24)]
    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(lambda x: client.predict("quadruple", {"x": x}).outputs["y"], sent))
    for x, y in zip(sent, answers, strict=True):
        np.testing.assert_array_equal(y, x * 3 + x)
    after = counters(client, "quadruple")
    assert after["graph_hits"] > before["graph_hits"]
    assert after["rows"] - before["rows"] == sum(len(x) for x in sent)
    assert after["graph_hits"] - before["graph_hits"] < len(sent), "no batch had more than one request"
    assert after["graph_misses"] == 0


def test_a_batch_is_padded_to_the_nearest_bucket(client: Client) -> None:
    before = counters(client, "one_lane")["padding_rows"]
    client.predict("one_lane", {"x": rows(2)})
    client.predict("one_lane", {"x": rows(5)})
    assert counters(client, "one_lane")["padding_rows"] - before == (3 - 2) + (8 - 5)


def test_a_plan_of_a_fixed_batch_is_served_as_it_is_or_padded(client: Client) -> None:
    x = rows(4)
    np.testing.assert_array_equal(client.predict("fixed", {"x": x}).outputs["y"], x * 4)
    assert client.metadata("fixed").batching.max_batch_size == 0
    np.testing.assert_array_equal(client.predict("fixed_batch", {"x": x[:1]}).outputs["y"], x[:1] * 4)
    assert counters(client, "fixed_batch")["padding_rows"] >= 3


def test_a_profile_may_take_larger_shapes_of_fewer_rows(client: Client) -> None:
    assert client.metadata("unequal").batching.max_batch_size == 8
    for count, width in ((2, 64), (8, 4), (2, 33), (8, 3)):
        x = rows(count, width)
        np.testing.assert_array_equal(client.predict("unequal", {"x": x}).outputs["y"], x * 3 + x)


def test_an_output_that_is_larger_than_that_of_the_largest_inputs_is_refused(client: Client) -> None:
    x = rows(8, 40)
    assert client.predict("rest", {"x": x}).outputs["y"].shape == (8, 24)
    with pytest.raises(PyserverError, match=r"INVALID_ARGUMENT: .*output y: the shape \[8, 63\] does not fit into"):
        client.predict("rest", {"x": rows(8, 1)})


def test_shapes_that_no_graph_was_captured_for_are_enqueued_by_tensorrt(client: Client) -> None:
    before = counters(client, "free")
    for width in (4, 16, 7):
        x = rows(3, width)
        np.testing.assert_array_equal(client.predict("free", {"x": x}).outputs["y"], x * 3 + x)
    after = counters(client, "free")
    assert after["graph_hits"] - before["graph_hits"] == 2, "opt and max of the profile are captured"
    assert after["uncaptured_batches"] - before["uncaptured_batches"] == 1


def test_a_shape_that_the_plan_was_not_built_for_is_the_callers_mistake(client: Client) -> None:
    with pytest.raises(
        PyserverError, match=r"INVALID_ARGUMENT: .*no optimization profile of the plan takes the shapes"
    ):
        client.predict("free", {"x": rows(3, 17)})


def test_a_dimension_that_model_yaml_fixes_is_captured(client: Client) -> None:
    assert [list(spec.shape) for spec in client.metadata("seven").inputs] == [[7]]
    x = rows(3, 7)
    np.testing.assert_array_equal(client.predict("seven", {"x": x}).outputs["y"], x * 3 + x)
    assert counters(client, "seven")["graph_misses"] == 0


def test_strict_graphs_refuse_what_no_graph_was_captured_for(client: Client) -> None:
    x = rows(2, 16)
    np.testing.assert_array_equal(client.predict("strict", {"x": x}).outputs["y"], x * 3 + x)
    with pytest.raises(PyserverError, match="FAILED_PRECONDITION"):
        client.predict("strict", {"x": rows(2, 7)})


def test_a_shape_that_depends_on_the_data_is_answered(client: Client) -> None:
    for count in (1, 3, 8):
        x = np.arange(8, dtype=np.float32)
        x[0] = count
        np.testing.assert_array_equal(client.predict("take", {"x": x}).outputs["y"], x[:count])
    assert counters(client, "take")["uncaptured_batches"] >= 3


@pytest.mark.parametrize("model", ["waits", "rtx_waits"])
def test_a_model_that_cannot_be_captured_serves_without_graphs(
    client: Client, served: ServerProcess, model: str
) -> None:
    x = rows(3)
    np.testing.assert_array_equal(client.predict(model, {"x": x}).outputs["y"], x)
    told = counters(client, model)
    assert told["graph_hits"] == 0
    assert told["uncaptured_batches"] >= 1
    assert "no graphs are captured, and each batch is enqueued by TensorRT" in served.log()


def test_an_onnx_model_is_built_once_and_its_plan_kept(client: Client, served: ServerProcess) -> None:
    x = rows(3)
    np.testing.assert_array_equal(client.predict("onnx", {"x": x}).outputs["y"], x * 2 + x)
    log = served.log()
    assert "building a plan of" in log
    assert "Building engine 0 %" in log
    (kept,) = served.log_path.parent.glob("cache/tensorrt/*/model.plan")
    assert kept.with_name("build.json").is_file()


def test_ops_run_beside_the_plan_in_its_graphs_unless_they_are_kept_on_the_cpu(client: Client) -> None:
    bytes_in = np.random.default_rng(3).integers(0, 3, (5, 4), np.uint8)
    answers = {name: client.predict(name, {"x": bytes_in}).outputs["y"] for name in ("ops", "ops_on_cpu")}
    raised = np.exp(4.0 * bytes_in)
    for name, got in answers.items():
        np.testing.assert_allclose(got, raised / raised.sum(axis=1, keepdims=True), rtol=1e-5, err_msg=name)
    where = {name: [list(c.ops) for c in client.metadata(name).preprocessing] for name in answers}
    assert where == {"ops": [["cast (on the GPU)"]], "ops_on_cpu": [["cast"]]}
    assert counters(client, "ops")["graph_hits"] > 0

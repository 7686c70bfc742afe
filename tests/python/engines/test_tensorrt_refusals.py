"""What TensorRT cannot serve: the load fails with a sentence that says what to install or to change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorrt_double as double
from onnx import TensorProto, helper
from server_process import RepositoryBuilder, ServerProcess, StartServer
from test_tensorrt_serving import WAITS, onnx_model, rows

from pyserver.client import Client
from pyserver.engines.tensorrt.plan_cache import DESCRIPTION, PLAN

RTX = {"plan": "tensorrt_rtx", "version": double.RTX_VERSION}
TAKE_ROWS = ({"op": "take", "inputs": ["x"], "output": "y"},)


def typed(datatype: str = "FLOAT", **output: Any) -> bytes:
    tensors = [double.tensor("x", "INPUT", (-1, 4)), double.tensor("y", "OUTPUT", (-1, 4), datatype, **output)]
    return double.plan(tensors=tensors)


# By model: its plan, its model.yaml, and what its reason must say.
REFUSED: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "other_version": (
        double.plan(version="10.9.0.34"), {},
        "the plan was built by version 10.9.0.34, and tensorrt here is 10.13.0.35: build it anew (pyserver build), or "
        "install the version that it was built by",
    ),
    "other_rtx_version": (
        double.plan(plan="tensorrt_rtx", version="1.2.0.54"), {"options": {"flavour": "tensorrt_rtx"}},
        "the plan was built by version 1.2.0.54, and tensorrt_rtx here is 1.7.1.116: build it anew",
    ),
    "other_gpu": (
        double.plan(compute="3.5"), {},
        "the plan was built for GPUs of compute capability 3.5, and the GPU here has",
    ),
    "no_plan": (b"no plan at all", {}, "the file is no plan of tensorrt 10.13.0.35, or it is damaged"),
    "large_weights": (
        double.plan(weights_bytes=2 << 30), {},
        "the GPU's memory is not enough: more is wanted and ",
    ),
    "large_scratch": (
        double.plan(scratch_bytes=2 << 30), {},
        "the GPU's memory is not enough: 2048 MiB are wanted and ",
    ),
    "large_batch": (
        double.plan(), {"max_batch_size": 9},
        "max_batch_size: expected at most 8, which the plan was built for, got 9; build it anew with larger max shapes",
    ),
    "no_such_device": (double.plan(), {"options": {"device": 1}}, "options.device: expected 0 to 0, got 1"),
    "no_datatype": (typed("FP8"), {}, "the tensor y is FP8, which no request can carry: cast it to FP16 or FP32"),
    "no_linear_layout": (typed(format="CHW4"), {}, "the tensor y has the layout CHW4, expected LINEAR"),
    "output_on_the_host": (typed("INT32", location="HOST"), {}, "the output y is a shape tensor, which TensorRT"),
    "other_inputs": (
        double.plan(), {"inputs": [{"name": "x", "datatype": "FP16", "shape": [4]}]},
        "inputs: x: the plan has FP32 [4], model.yaml says FP16 [4]",
    ),
    "other_names": (
        double.plan(), {"outputs": [{"name": "z", "datatype": "FP32", "shape": [4]}]},
        "outputs: the plan has no 'z', but y",
    ),
    "shape_out_of_reach": (
        double.plan(shape=(-1, -1), profiles=[{"x": [(1, 2), (4, 4), (8, 16)]}]),
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [17]}]},
        "inputs: the configured shapes are in no optimization profile of the plan",
    ),
    "bucket_out_of_reach": (
        double.plan(profiles=[{"x": [(4, 4), (4, 4), (8, 4)]}]), {"options": {"buckets": [2]}},
        "options.buckets: no optimization profile of the plan takes 2 rows of its inputs",
    ),
    "shape_of_data_in_a_batch": (
        double.plan(TAKE_ROWS, shape=(-1,), profiles=[{"x": [(1,), (8,), (32,)]}]), {},
        "max_batch_size: the output y has the shape [-1] for 32 rows, so it does not batch: set max_batch_size: 0",
    ),
    "fixed_shape": (
        double.plan(shape=(4, 4), profiles=()), {"max_batch_size": 2},
        "max_batch_size 2: expected a free first dimension of every input and output, or 2, got x [4, 4], y [4, 4]",
    ),
    "not_captured": (
        double.plan(WAITS, **RTX), {"options": {"strict_graphs": True}},
        "options.strict_graphs: the model cannot be captured into graphs",
    ),
    "refuses_to_execute": (
        double.plan([{"op": "refuses", "inputs": ["x"], "output": "y"}]), {},
        "tensorrt 10.13.0.35 cannot execute the model: IExecutionContext: Error Code 3",
    ),
    "no_such_option": (double.plan(), {"options": {"flavor": "tensorrt"}}, "options.flavor: unknown key"),
}  # fmt: skip


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with all of them, and with one model that serves."""
    folder = tmp_path_factory.mktemp("refusals")
    for name, (content, config, _) in REFUSED.items():
        double.write_model(folder / "models", name, content, **config)
    double.write_model(folder / "models", "good", double.plan())
    server = ServerProcess([str(folder / "models")], folder / "log", double.environment())
    yield server
    server.stop()


def reason(server: ServerProcess, model: str) -> str:
    with Client(server.address, timeout_s=30) as client:
        return client.status(model)[0].versions[0].reason


@pytest.mark.parametrize("model", REFUSED)
def test_the_reason_says_what_to_change(refusing: ServerProcess, model: str) -> None:
    assert REFUSED[model][2] in reason(refusing, model)


def test_what_cannot_be_loaded_leaves_the_others_serving_and_nothing_behind(refusing: ServerProcess) -> None:
    x = rows(3)
    with Client(refusing.address, timeout_s=30) as client:
        np.testing.assert_array_equal(client.predict("good", {"x": x}).outputs["y"], x * 4)


def start(start_server: StartServer, root: Path, environment: dict[str, str], *arguments: str) -> ServerProcess:
    return start_server(root, *arguments, environment=environment)


def test_without_any_tensorrt_the_packages_are_named(tmp_path: Path, start_server: StartServer) -> None:
    double.write_model(tmp_path / "models", "net", double.plan())
    missing = ("tensorrt", "tensorrt_rtx", "tensorrt_lean")
    server = start(start_server, tmp_path / "models", double.environment(missing=missing))
    assert reason(server, "net") == (
        "model.plan needs TensorRT: none of tensorrt, tensorrt_rtx, tensorrt_lean is installed: pip install "
        "'pyserver[tensorrt]', or pip install 'pyserver[tensorrt-rtx]', or pip install 'pyserver[tensorrt-lean]'"
    )


def test_a_flavour_that_is_missing_or_broken_is_told(tmp_path: Path, start_server: StartServer) -> None:
    models = tmp_path / "models"
    double.write_model(models, "wants_rtx", double.plan(**RTX), options={"flavour": "tensorrt_rtx"})
    double.write_model(models, "wants_full", double.plan(), options={"flavour": "tensorrt"})
    double.write_model(models, "any", double.plan())
    x = onnx_model()
    double.write_model(models, "lean_onnx", x, file="m.onnx", engine="tensorrt", options={"flavour": "tensorrt_lean"})
    environment = double.environment(missing=["tensorrt_rtx"], broken=["tensorrt"])
    server = start(start_server, models, environment)
    assert reason(server, "wants_rtx") == (
        "model.plan needs TensorRT: tensorrt_rtx is not installed: pip install 'pyserver[tensorrt-rtx]'"
    )
    assert reason(server, "wants_full") == (
        "model.plan needs TensorRT: tensorrt is installed, but cannot be imported: ImportError: libnvinfer.so.10: "
        "cannot open shared object file: No such file or directory"
    )
    assert reason(server, "any") == "", "the lean runtime reads it"
    assert "tensorrt_lean reads plans and builds none: build with tensorrt or tensorrt_rtx" in reason(
        server, "lean_onnx"
    )


def test_without_a_driver_models_on_the_cpu_serve(tmp_path: Path, start_server: StartServer) -> None:
    models = tmp_path / "models"
    double.write_model(models, "net", double.plan())
    RepositoryBuilder(models).identity("echo")
    environment = {**double.environment(), "LD_LIBRARY_PATH": ""}
    server = start(start_server, models, environment)
    told = reason(server, "net")
    assert told.startswith("model.plan needs an NVIDIA GPU: ")
    assert told.endswith("Or serve it as ONNX by engine: openvino, on the CPU")
    assert "libcuda.so.1" in told
    with Client(server.address, timeout_s=30) as client:
        np.testing.assert_array_equal(client.predict("echo", {"IN": rows(1)}).outputs["OUTPUT0"], rows(1))


def test_a_second_gpu_is_used_where_it_is_asked_for(tmp_path: Path, start_server: StartServer) -> None:
    double.write_model(tmp_path / "models", "net", double.plan(), options={"device": 1})
    server = start(start_server, tmp_path / "models", double.environment(devices=2))
    x = rows(2)
    with Client(server.address, timeout_s=30) as client:
        np.testing.assert_array_equal(client.predict("net", {"x": x}).outputs["y"], x * 4)
        assert client.metadata("net").device == "cuda:1"
    server.stop()


def test_a_kept_plan_is_used_again_and_built_again_where_it_is_damaged(
    tmp_path: Path, start_server: StartServer
) -> None:
    model = double.write_model(tmp_path / "models", "net", onnx_model(), file="m.onnx", engine="tensorrt")
    cache = ("--cache-dir", str(tmp_path / "cache"))

    def log_of_a_load() -> str:
        server = start(start_server, tmp_path / "models", double.environment(), *cache)
        assert reason(server, "net") == ""
        server.stop()
        return server.log()

    assert "building a plan of" in log_of_a_load()
    again = log_of_a_load()
    assert "building a plan of" not in again
    assert "a plan was built before, and is used" in again
    (kept,) = tmp_path.glob("cache/tensorrt/*/model.plan")
    kept.write_bytes(kept.read_bytes()[:-1])
    damaged = log_of_a_load()
    assert "a kept plan is damaged, and is built again" in damaged
    assert "building a plan of" in damaged
    (model / "model.yaml").write_text("engine: tensorrt\nmax_batch_size: 2\n")
    assert "building a plan of" in log_of_a_load(), "what the plan depends on has changed"
    assert len(list(tmp_path.glob("cache/tensorrt/*/model.plan"))) == 2


def test_a_build_that_fails_is_tried_once(tmp_path: Path, start_server: StartServer) -> None:
    nodes = [helper.make_node("NoSuchOperator", ["x"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 4]) for name in "xy")
    model = helper.make_model(helper.make_graph(nodes, "model", [x], [y]))
    double.write_model(tmp_path / "models", "net", model.SerializeToString(), file="m.onnx", engine="tensorrt")
    server = start(start_server, tmp_path / "models", double.environment(), "--cache-dir", str(tmp_path / "cache"))
    assert "cannot read this model: " in reason(server, "net")
    server.stop()
    assert server.log().count("building a plan of") == 1
    assert "the kept plan" not in server.log()


def test_a_kept_plan_that_the_memory_is_too_small_for_now_stays(tmp_path: Path, start_server: StartServer) -> None:
    double.write_model(tmp_path / "models", "net", onnx_model(), file="m.onnx", engine="tensorrt")
    cache = ("--cache-dir", str(tmp_path / "cache"))
    start(start_server, tmp_path / "models", double.environment(), *cache).stop()
    (entry,) = tmp_path.glob("cache/tensorrt/*")
    plan = json.dumps({**json.loads((entry / PLAN).read_bytes()), "weights_bytes": 2 << 30}).encode()
    told = json.loads((entry / DESCRIPTION).read_bytes())
    (entry / PLAN).write_bytes(plan)
    (entry / DESCRIPTION).write_text(json.dumps({**told, "plan_sha256": hashlib.sha256(plan).hexdigest()}))
    server = start(start_server, tmp_path / "models", double.environment(), *cache)
    assert "the GPU's memory is not enough" in reason(server, "net")
    server.stop()
    assert "building a plan of" not in server.log(), "a plan takes minutes, and would not take less memory"
    assert (entry / PLAN).read_bytes() == plan

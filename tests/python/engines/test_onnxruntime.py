"""`engine: onnxruntime`: the answers are ONNX Runtime's own, its refusals are sentences, and nothing falls back."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import ml_dtypes
import numpy as np
import onnx_models
import onnxruntime
import pytest
from served_engine import ServedEngine
from server_process import RepositoryBuilder, StartServer

from pyserver import _core
from pyserver.channel import RequestFailedError
from pyserver.client import Client
from pyserver.config.schema import ModelConfig
from pyserver.engines import LoadContext, detect, load_engine
from pyserver.engines.onnxruntime import check_started
from pyserver.errors import ConfigError, ModelLoadError

CONTEXT = LoadContext(threads=1)


def load(path: Path, **config: Any) -> _core.Engine:
    return load_engine(path, ModelConfig.model_validate({"engine": "onnxruntime", **config}), CONTEXT)


def shapes(engine: _core.Engine) -> list[tuple[int, ...]]:
    return [spec.shape for spec in [*engine.signature.inputs, *engine.signature.outputs]]


def random_rows(count: int) -> np.ndarray:
    return np.random.default_rng(count).uniform(-2, 2, (count, 4)).astype(np.float32)


def test_it_is_used_only_where_it_is_asked_for(tmp_path: Path) -> None:
    onnx_models.dense(tmp_path / "model.onnx")
    assert detect(tmp_path) == "openvino"
    engine = load(tmp_path)
    assert (engine.name, engine.device) == ("onnxruntime", "CPU")
    assert [(group.count, group.threads) for group in engine.instance_groups] == [(1, 1)]


@pytest.mark.parametrize("threads", [1, 2])
def test_answers_are_onnx_runtimes_own(tmp_path: Path, threads: int) -> None:
    file = onnx_models.dense(tmp_path / "model.onnx")
    reference = onnxruntime.InferenceSession(file)
    with ServedEngine(load(file, options={"intra_op_threads": threads}, instances=2)) as served:
        for count in (1, 7, 32):
            x = random_rows(count)
            np.testing.assert_allclose(
                served.answer({"x": x})["y"], reference.run(None, {"x": x})[0], rtol=1e-6, atol=1e-6
            )


def test_requests_share_batches_and_get_their_own_rows(tmp_path: Path) -> None:
    file = onnx_models.dense(tmp_path / "model.onnx")
    reference = onnxruntime.InferenceSession(file)
    with ServedEngine(load(file), max_queue_delay_us=50_000) as served:
        sent = [random_rows(1 + index % 3) + np.float32(index) for index in range(60)]
        answers: list[Future[dict[str, np.ndarray]]] = [served.ask({"x": x}) for x in sent]
        for x, answer in zip(sent, answers, strict=True):
            expected = reference.run(None, {"x": x})[0]
            np.testing.assert_allclose(answer.result(30)["y"], expected, rtol=1e-5, atol=1e-5)
        assert served.runtime.metrics().batches < len(sent) / 2
        assert served.runtime.engine_counters()["copied_outputs"] == 0


def test_what_a_free_shape_gives_is_taken_from_where_onnx_runtime_put_it(tmp_path: Path) -> None:
    file = onnx_models.echo(tmp_path / "model.onnx", "FP32", ["rows", "size"])
    with ServedEngine(load(file)) as served:
        assert served.runtime.signature.max_batch_size == _core.DEFAULT_MAX_BATCH_SIZE
        for size in (1, 5, 100_000):
            x = np.random.default_rng(size).normal(size=(2, size)).astype(np.float32)
            np.testing.assert_array_equal(served.answer({"INPUT0": x})["OUTPUT0"], x)


def test_large_answers_are_not_written_over_by_the_batches_after_them(tmp_path: Path) -> None:
    file = onnx_models.echo(tmp_path / "model.onnx", "FP32", ["rows", 1 << 18])
    with ServedEngine(load(file)) as served:
        sent = [np.full((1, 1 << 18), index, np.float32) for index in range(16)]
        answers = [served.ask({"INPUT0": x}) for x in sent]
        for x, answer in zip(sent, answers, strict=True):
            np.testing.assert_array_equal(answer.result(30)["OUTPUT0"], x)


def test_half_precision_and_texts_come_through(tmp_path: Path) -> None:
    with ServedEngine(load(onnx_models.echo(tmp_path / "bf16.onnx", "BF16", ["rows", 2]))) as served:
        bits = np.array([[0x3F80, 0xC020]], np.uint16)
        sent = bits.view(ml_dtypes.bfloat16)
        np.testing.assert_array_equal(served.answer({"INPUT0": sent})["OUTPUT0"], bits)
    with ServedEngine(load(onnx_models.echo(tmp_path / "fp16.onnx", "FP16", ["rows", 2]))) as served:
        x = np.array([[1, -2.5]], np.float16)
        np.testing.assert_array_equal(served.answer({"INPUT0": x})["OUTPUT0"], x)
    with ServedEngine(load(onnx_models.echo(tmp_path / "text.onnx", "BYTES", ["rows", 2]))) as served:
        texts = np.array([["ä".encode(), b""], [b"b", b"c"]], object)
        assert served.answer({"INPUT0": texts})["OUTPUT0"].tolist() == texts.tolist()
        assert "UnicodeDecodeError" in served.refusal({"INPUT0": np.array([[b"\xff", b""]], object)}).message


def test_sizes_that_a_model_does_not_take_are_tried_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    # Only 5 elements can be added to 5.
    nodes = [onnx_models.helper.make_node("Add", ["x", "five"], ["y"])]
    free = ["rows", "size"]
    file = onnx_models.write(tmp_path / "m.onnx", [("x", "FP32", free)], [("y", "FP32", free)], nodes,
                             five=np.ones(5, np.float32))  # fmt: skip
    engine = load(file)
    assert engine.signature.max_batch_size == 0
    assert (caplog.text, capfd.readouterr().err) == ("", "")
    with ServedEngine(engine) as served:
        assert "RuntimeError: Error in execution" in served.refusal({"x": np.ones((1, 3), np.float32)}).message
    assert "a model's function raised an exception" in caplog.text


def test_an_output_of_unknown_shape_is_answered_and_may_be_told_by_model_yaml(tmp_path: Path) -> None:
    nodes = [onnx_models.helper.make_node("Reshape", ["x", "shape"], ["y"])]
    inputs = [("x", "FP32", [4]), ("shape", "INT64", ["rank"])]
    file = onnx_models.write(tmp_path / "m.onnx", inputs, [("y", "FP32", None)], nodes)
    x = np.arange(4, dtype=np.float32)
    with ServedEngine(load(file)) as served:
        for shape in ([2, 2], [1, 4, 1], [4]):
            answer = served.answer({"x": x, "shape": np.array(shape, np.int64)})["y"]
            np.testing.assert_array_equal(answer, x.reshape(shape))
    engine = load(file, outputs=[{"name": "y", "datatype": "FP32", "shape": [-1, 2]}], max_batch_size=0)
    assert engine.signature.outputs[0].shape == (-1, 2)


def test_a_model_whose_rows_influence_one_another_does_not_batch(tmp_path: Path) -> None:
    engine = load(onnx_models.centred(tmp_path / "model.onnx"))
    assert engine.signature.max_batch_size == 0
    assert shapes(engine) == [(-1, 4), (-1, 4)]


def test_model_yaml_narrows_what_the_file_says(tmp_path: Path) -> None:
    file = onnx_models.echo(tmp_path / "model.onnx", "FP32", ["rows", "size"])
    fixed = [{"name": "INPUT0", "datatype": "FP32", "shape": [3]}]
    engine = load(file, inputs=fixed, max_batch_size=5)
    assert (engine.signature.max_batch_size, shapes(engine)) == (5, [(3,), (-1,)])
    assert shapes(load(file, max_batch_size=0)) == [(-1, -1), (-1, -1)]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"inputs": [{"name": "z", "datatype": "FP32", "shape": [4]}]},
            "the model has no input 'z'; its inputs are 'x'",
        ),
        ({"inputs": [{"name": "x", "datatype": "FP64", "shape": [4]}]}, "is FP32 in the model, but configured as FP64"),
        ({"outputs": [{"name": "y", "datatype": "FP32", "shape": [4]}]}, r"has the shape \[3\] in the model"),
        ({"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]}, "set max_batch_size to 0 to list complete"),
    ],
)
def test_a_model_yaml_that_does_not_fit_the_file_is_refused(
    tmp_path: Path, config: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ModelLoadError, match=sentence):
        load(onnx_models.dense(tmp_path / "model.onnx"), **config)


def test_a_fixed_first_dimension_does_not_batch(tmp_path: Path) -> None:
    file = onnx_models.echo(tmp_path / "model.onnx", "FP32", [1, 4])
    assert load(file).signature.max_batch_size == 0
    with pytest.raises(ModelLoadError, match="it cannot batch: the first dimension of input 'INPUT0' is fixed to 1"):
        load(file, max_batch_size=4)


def test_a_provider_that_is_not_installed_says_which_package_has_it(tmp_path: Path) -> None:
    file = onnx_models.dense(tmp_path / "model.onnx")
    with pytest.raises(
        ModelLoadError, match=r"CUDAExecutionProvider is not in .* install onnxruntime-gpu in its place"
    ):
        load(file, options={"providers": ["CUDAExecutionProvider", "CPUExecutionProvider"]})
    with pytest.raises(ModelLoadError, match="there is none of that name: known are"):
        load(file, options={"providers": ["NoSuchExecutionProvider"]})


def test_a_provider_that_onnx_runtime_leaves_out_is_an_error() -> None:
    check_started(["CPUExecutionProvider"], ["CPUExecutionProvider"])
    with pytest.raises(ModelLoadError, match="could not start CUDAExecutionProvider here and would use CPU"):
        check_started(["CUDAExecutionProvider", "CPUExecutionProvider"], ["CPUExecutionProvider"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"providers": []}, "providers"),
        ({"providers": ["A", "A"]}, "the provider 'A' is named twice"),
        ({"provider_options": {"A": {"x": 1}}}, "provider_options are for 'A', which is none of providers"),
        ({"graph_optimization": "some"}, "expected 'disabled', 'basic', 'extended' or 'all', got 'some'"),
        ({"intra_op_threads": 0}, "greater than or equal to 1, got 0"),
    ],
)
def test_its_options_are_checked(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load(onnx_models.dense(tmp_path / "model.onnx"), options=options)


def test_a_file_that_it_cannot_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"this is no model")
    with pytest.raises(ModelLoadError, match=r"net\.onnx: onnxruntime cannot use it") as caught:
        load(tmp_path)
    assert "\n" not in caught.value.message


def write_model(repository: RepositoryBuilder, name: str, write: Any, yaml: str = "engine: onnxruntime\n") -> None:
    write(repository.root / name / "1" / "model.onnx")
    (repository.root / name / "model.yaml").write_text(yaml, encoding="utf-8")


def test_a_request_that_makes_the_model_fail_fails_alone_and_the_server_goes_on(
    repository: RepositoryBuilder, start_server: StartServer
) -> None:
    write_model(repository, "lookup", onnx_models.lookup,
                "engine: onnxruntime\nbatching: {max_queue_delay_us: 20000}\n")  # fmt: skip
    with Client(start_server(repository.root).address, timeout_s=30) as client, ThreadPoolExecutor(12) as threads:

        def ask(index: int) -> float:
            value: float = client.predict("lookup", {"x": np.array([[index]], np.int64)}).outputs["y"].item()
            return value

        for _ in range(3):
            answers = {index: threads.submit(ask, index) for index in (0, 99, 1, 2, -99, 3)}
            assert [answers[index].result() for index in range(4)] == [10, 11, 12, 13]
            for wrong in (99, -99):
                with pytest.raises(RequestFailedError, match=r"INTERNAL.*'lookup'.*indices element out of data bounds"):
                    answers[wrong].result()
        (version,) = client.status("lookup")[0].versions
        assert version.engine_counters["gil_batches"] > 0


def test_a_server_under_load_stops_cleanly(repository: RepositoryBuilder, start_server: StartServer) -> None:
    write_model(repository, "slow", onnx_models.slow)
    server = start_server(repository.root, "--shutdown-grace-s", "5")
    codes: list[object] = []

    def ask_until_refused(value: int) -> None:
        with Client(server.address, timeout_s=30) as client:
            while True:
                x = np.full((1, 1), value, np.float32)
                try:
                    assert client.predict("slow", {"x": x}).outputs["y"].item() == value
                    answered.release()
                except RequestFailedError as error:
                    codes.append(error.code)
                    return

    answered = threading.Semaphore(0)
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask_until_refused, value) for value in range(8)]
        for _ in range(16):
            assert answered.acquire(timeout=30)
        server.terminate()
        for each in asked:
            each.result(30)
    assert server.wait() == 0
    assert set(codes) == {grpc.StatusCode.UNAVAILABLE}

"""Models of PyTorch on the CPU: the answers are PyTorch's own, and a pickle is never opened."""

from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import yaml
from served_engine import ServedEngine
from server_process import RepositoryBuilder, StartServer

from pyserver import _core
from pyserver.channel import RequestFailedError
from pyserver.client import Client
from pyserver.config.schema import ModelConfig
from pyserver.engines import LoadContext, detect, inspect_model, load_engine
from pyserver.errors import ConfigError, ModelLoadError

torch = pytest.importorskip("torch", reason="PyTorch is not installed here: ./dev torch runs these tests with it")
import torch_models as models  # noqa: E402 (it needs PyTorch)
from torch_models import told  # noqa: E402

CONTEXT = LoadContext(threads=1)
DENSE = told({"x": ("FP32", [4])}, {"scores": ("FP32", [3]), "label": ("INT64", [])})
ECHO = told({"x": ("FP32", [4])}, {"y": ("FP32", [4])})


def load(path: Path, **config: Any) -> _core.Engine:
    return load_engine(path, ModelConfig.model_validate(config), CONTEXT)


def specs(engine: _core.Engine) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(spec.name, spec.datatype, spec.shape) for spec in [*engine.signature.inputs, *engine.signature.outputs]]


def random_rows(count: int) -> np.ndarray:
    return np.random.default_rng(count).uniform(-2, 2, (count, 4)).astype(np.float32)


def example(rows: int = 2) -> Any:
    return torch.zeros(rows, 4)


@pytest.fixture(params=["pt2", "pt"])
def dense(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """The same model in both forms: its file, and what model.yaml must say of it."""
    if request.param == "pt2":
        return models.export(tmp_path / "model.pt2", models.Dense(), example()), {}
    return models.script(tmp_path / "model.pt", models.Dense()), DENSE


def test_the_engine_is_found_by_the_files(dense: tuple[Path, dict[str, Any]]) -> None:
    file, config = dense
    assert detect(file) == detect(file.parent) == "torch"
    engine = load(file.parent, **config)
    assert (engine.name, engine.device, engine.signature.max_batch_size) == ("torch", "CPU", 32)
    assert specs(engine) == [("x", "FP32", (4,)), ("scores", "FP32", (3,)), ("label", "INT64", ())]


@pytest.mark.parametrize("threads", [1, 2])
def test_answers_are_pytorchs_own(dense: tuple[Path, dict[str, Any]], threads: int) -> None:
    file, config = dense
    reference = models.Dense().eval()
    with ServedEngine(load(file, **config, options={"threads": threads}, instances=2)) as served, torch.no_grad():
        for count in (1, 7, 32):
            x = random_rows(count)
            answer, expected = served.answer({"x": x}), reference(torch.from_numpy(x))
            np.testing.assert_allclose(answer["scores"], expected["scores"].numpy(), rtol=1e-6, atol=1e-6)
            assert answer["label"].tolist() == expected["label"].tolist()


def test_requests_share_batches_and_get_their_own_rows(dense: tuple[Path, dict[str, Any]]) -> None:
    file, config = dense
    reference = models.Dense().eval()
    with ServedEngine(load(file, **config), max_queue_delay_us=50_000) as served, torch.no_grad():
        sent = [random_rows(1 + index % 3) + np.float32(index) for index in range(60)]
        answers = [served.ask({"x": x}) for x in sent]
        for x, answer in zip(sent, answers, strict=True):
            expected = reference(torch.from_numpy(x))["scores"].numpy()
            np.testing.assert_allclose(answer.result(30)["scores"], expected, rtol=1e-5, atol=1e-5)
        assert served.runtime.metrics().batches < len(sent) / 2
        assert served.runtime.engine_counters()["copied_outputs"] == 0


def test_the_largest_batch_is_what_the_program_admits(tmp_path: Path) -> None:
    file = models.export(tmp_path / "model.pt2", models.Dense(), example(), most_rows=6)
    assert load(file).signature.max_batch_size == 6
    with pytest.raises(ModelLoadError, match="max_batch_size is 8, but the model takes at most 6 rows"):
        load(file, max_batch_size=8)


@pytest.mark.parametrize("form", ["pt2", "pt"])
def test_a_model_whose_rows_influence_one_another_does_not_batch(tmp_path: Path, form: str) -> None:
    if form == "pt2":
        engine = load(models.export(tmp_path / "model.pt2", models.Centred(), example()))
        assert specs(engine) == [("x", "FP32", (-1, 4)), ("OUTPUT0", "FP32", (-1, 4))]
    else:
        whole = told({"x": ("FP32", [-1, 4])}, {"y": ("FP32", [-1, 4])})
        engine = load(models.script(tmp_path / "model.pt", models.Centred()), **whole)
    assert engine.signature.max_batch_size == 0


def test_what_was_fixed_when_it_was_exported_stays_fixed(tmp_path: Path) -> None:
    torch.export.save(torch.export.export(models.Dense().eval(), (example(2),)), tmp_path / "model.pt2")
    engine = load(tmp_path)
    assert engine.signature.max_batch_size == 0
    assert specs(engine) == [("x", "FP32", (2, 4)), ("scores", "FP32", (2, 3)), ("label", "INT64", (2,))]


def test_outputs_without_names_are_called_as_model_yaml_says_by_their_order(tmp_path: Path) -> None:
    file = models.export(tmp_path / "model.pt2", models.Weighted(), example(), example())
    assert [name for name, *_ in specs(load(file))] == ["x", "weight", "OUTPUT0", "OUTPUT1"]
    outputs = told({}, {"product": ("FP32", [4]), "sum": ("FP32", [])})["outputs"]
    with ServedEngine(load(file, outputs=outputs)) as served:
        answer = served.answer({"weight": np.full((1, 4), 2, np.float32), "x": np.full((1, 4), 3, np.float32)})
        assert (answer["product"].tolist(), answer["sum"].tolist()) == ([[6] * 4], [24])


@pytest.mark.parametrize("form", ["pt2", "pt"])
def test_a_model_that_writes_to_its_input_does_not_write_to_the_request(tmp_path: Path, form: str) -> None:
    if form == "pt2":
        engine = load(models.export(tmp_path / "model.pt2", models.InPlace(), example()))
    else:
        engine = load(models.script(tmp_path / "model.pt", models.InPlace()), **ECHO)
    with ServedEngine(engine) as served:
        for _ in range(3):
            (output,) = served.answer({"x": np.ones((2, 4), np.float32)}).values()
            assert output.tolist() == [[4] * 4] * 2


def test_a_model_that_gives_its_input_back_is_copied_and_counted(tmp_path: Path) -> None:
    with ServedEngine(load(models.script(tmp_path / "model.pt", models.Echo()), **ECHO, max_batch_size=4)) as served:
        x = random_rows(3)
        np.testing.assert_array_equal(served.answer({"x": x})["y"], x)
        assert served.runtime.engine_counters() == {"gil_batches": 1, "copied_outputs": 1}


def test_bfloat16_comes_through(tmp_path: Path) -> None:
    file = models.script(tmp_path / "model.pt", models.Centred())
    config = told({"x": ("BF16", [-1])}, {"y": ("BF16", [-1])})
    with ServedEngine(load(file, **config, max_batch_size=0)) as served:
        x = np.array([1, 2, 6], ml_dtypes.bfloat16)
        assert served.answer({"x": x})["y"].view(ml_dtypes.bfloat16).tolist() == [-2, -1, 3]


@pytest.mark.parametrize("precision", ["bf16", "f16"])
def test_less_precision_is_close_and_not_the_same(dense: tuple[Path, dict[str, Any]], precision: str) -> None:
    file, config = dense
    x = random_rows(32)
    with (
        ServedEngine(load(file, **config)) as full,
        ServedEngine(load(file, **config, options={"precision": precision})) as less,
    ):
        exact, rough = full.answer({"x": x})["scores"], less.answer({"x": x})["scores"]
    np.testing.assert_allclose(rough, exact, rtol=3e-2, atol=3e-2)
    assert (rough != exact).any()


def test_the_threads_of_a_model_are_its_own(tmp_path: Path) -> None:
    file = models.export(tmp_path / "model.pt2", models.Dense(), example())
    before = torch.get_num_threads()
    with ServedEngine(load(file, max_batch_size=4, options={"threads": before + 1})) as served:
        served.answer({"x": random_rows(1)})
        assert torch.get_num_threads() == before  # of this thread, which has executed nothing
        assert [group.threads for group in served.runtime.instance_groups] == [before + 1]


def test_torchscript_needs_to_be_told_its_inputs_and_outputs(tmp_path: Path) -> None:
    file = models.script(tmp_path / "model.pt", models.Dense())
    with pytest.raises(ModelLoadError, match=r"model\.yaml must list its inputs and outputs"):
        load(file)
    with pytest.raises(ModelLoadError, match=r"forward\(\) takes no tensor 'image'; it takes 'x' \(Tensor\)"):
        load(file, **told({"image": ("FP32", [4])}, {"y": ("FP32", [3])}))
    weighted = models.script(tmp_path / "weighted.pt", models.Weighted())
    with pytest.raises(ModelLoadError, match=r"forward\(\) needs 'weight'"):
        load(weighted, **ECHO)


def test_a_pickled_module_or_state_dict_is_refused_unopened(tmp_path: Path) -> None:
    torch.save(models.Dense(), tmp_path / "module.pt")
    torch.save(models.Dense().state_dict(), tmp_path / "weights.pt")
    torch.save(models.Dense(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("module.pt", "weights.pt"):
        with pytest.raises(ModelLoadError, match="is not TorchScript: it looks like a pickled module or state dict"):
            load(tmp_path / name, **DENSE)
    with pytest.raises(ModelLoadError, match="expected an archive, but File is not a zip file"):
        load(tmp_path / "old.pt", **DENSE)


class _Malice:
    """What a pickle can do: here it makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.trace,)


def replaced(source: Path, target: Path, end: str, content: bytes) -> Path:
    """The archive `source` with other content in the file that ends so."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name.endswith(end) else old.read(name))
    return target


def test_a_pickle_inside_an_exported_program_is_refused_unopened(tmp_path: Path) -> None:
    good = models.export(tmp_path / "good.pt2", models.Dense(), example())
    trace, pickled = tmp_path / "trace", tmp_path / "pickled.pt"
    torch.save(_Malice(trace), pickled)
    bad = replaced(good, tmp_path / "bad.pt2", "sample_inputs/model.pt", pickled.read_bytes())
    with pytest.raises(ModelLoadError, match=r"sample_inputs/model\.pt holds pickled objects, which are not read"):
        load(bad)
    config = b'{"config": {"layer.weight": {"path_name": "weight_0", "use_pickle": true}}}'
    bad = replaced(good, tmp_path / "bad.pt2", "model_weights_config.json", config)
    with pytest.raises(ModelLoadError, match=r"layer\.weight in .* holds pickled objects"):
        load(bad)
    config = b'{"config": {"it": {"path_name": "opaque_obj_0", "use_pickle": false}}}'
    bad = replaced(good, tmp_path / "bad.pt2", "model_constants_config.json", config)
    with pytest.raises(ModelLoadError, match=r"it in .* holds pickled objects"):
        load(bad)
    assert not trace.exists()
    torch.load(pickled, weights_only=False)
    assert trace.exists()  # it would have been made


def test_a_broken_file_is_named_in_one_line(tmp_path: Path) -> None:
    good = models.export(tmp_path / "good.pt2", models.Dense(), example())
    bad = replaced(good, tmp_path / "bad.pt2", "models/model.json", b"{}")
    with pytest.raises(ModelLoadError, match=r"bad\.pt2: PyTorch .* cannot read it") as caught:
        load(bad)
    assert "\n" not in caught.value.message
    (tmp_path / "text.pt2").write_bytes(b"this is no model")
    with pytest.raises(ModelLoadError, match=r"text\.pt2 is not a model that PyTorch can be given"):
        load(tmp_path / "text.pt2")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_told_with_what_is_missing(tmp_path: Path) -> None:
    file = models.export(tmp_path / "model.pt2", models.Dense(), example())
    with pytest.raises(ModelLoadError, match=r"model\.pt2 needs an NVIDIA GPU: PyTorch .* (built without CUDA|no GPU)"):
        load(file, options={"device": "cuda:0"})
    with pytest.raises(ConfigError, match=r"options\.device: expected cpu, cuda or cuda:N, got 'gpu'"):
        load(file, options={"device": "gpu"})


def test_a_file_can_be_inspected(tmp_path: Path) -> None:
    signature = inspect_model(models.export(tmp_path / "model.pt2", models.Dense(), example()))
    assert [spec.name for spec in signature.inputs + signature.outputs] == ["x", "scores", "label"]


def test_a_request_that_makes_the_model_fail_fails_alone_and_the_server_goes_on(
    repository: RepositoryBuilder, start_server: StartServer
) -> None:
    models.script(repository.root / "lookup" / "1" / "model.pt", models.Lookup())
    config = told({"x": ("INT64", [1])}, {"y": ("FP32", [1])}) | {"batching": {"max_queue_delay_us": 20_000}}
    (repository.root / "lookup" / "model.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    server = start_server(repository.root)
    with Client(server.address, timeout_s=60) as client, ThreadPoolExecutor(12) as threads:

        def ask(index: int) -> float:
            value: float = client.predict("lookup", {"x": np.array([[index]], np.int64)}).outputs["y"].item()
            return value

        answers = {index: threads.submit(ask, index) for index in (0, 99, 1, 2, -99, 3)}
        assert [answers[index].result() for index in range(4)] == [10, 11, 12, 13]
        for wrong in (99, -99):
            with pytest.raises(RequestFailedError, match=r"INTERNAL.*'lookup'.*out of (bounds|range)"):
                answers[wrong].result()
    server.stop()

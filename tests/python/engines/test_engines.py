"""Files on disk → a core engine."""

from importlib.util import find_spec
from pathlib import Path

import onnxruntime
import pytest
from onnx import TensorProto, helper

from pyserver import _core
from pyserver.config.engine_options import OnnxRuntimeOptions, TorchOptions
from pyserver.config.field_types import ModelOptions
from pyserver.config.schema import IdentityOptions, ModelConfig, OpenVinoOptions
from pyserver.engines import ENGINES, LoadContext, detect, engine_report, inspect_model, load_engine
from pyserver.engines.loading import import_engine
from pyserver.engines.openvino import find_model
from pyserver.errors import ConfigError, ModelLoadError

CONTEXT = LoadContext(threads=1)


def write_adder(path: Path) -> Path:
    """y = x + 1 on any number of rows of 3."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 3])
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    graph = helper.make_graph([helper.make_node("Add", ["x", "one"], ["y"])], "adder", [x], [y], [one])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["net.onnx"], "net.onnx"),
        (["net.onnx", "net.onnx.data", "labels.txt"], "net.onnx"),
        (["net.xml", "net.bin"], "net.xml"),
        (["frozen.pb"], "frozen.pb"),
        (["net.tflite"], "net.tflite"),
        (["net.pdmodel", "net.pdiparams"], "net.pdmodel"),
        (["saved_model.pb", "variables/variables.index"], "."),
        (["model.savedmodel/saved_model.pb"], "model.savedmodel"),
        (["other.onnx", "model.onnx"], "model.onnx"),
        ([".hidden.onnx", "net.onnx"], "net.onnx"),
    ],
)
def test_the_model_in_a_folder_is_found(tmp_path: Path, files: list[str], expected: str) -> None:
    touch(tmp_path, *files)
    assert find_model(tmp_path) == tmp_path / expected
    assert detect(tmp_path) == "openvino"


@pytest.mark.parametrize(
    ("files", "named"),
    [(["a.onnx", "b.onnx"], "a.onnx, b.onnx"), (["model.onnx", "model.xml", "a.pb"], "model.onnx, model.xml")],
)
def test_several_models_in_a_folder_are_named(tmp_path: Path, files: list[str], named: str) -> None:
    touch(tmp_path, *files)
    with pytest.raises(ModelLoadError, match=f"expected one model, found {named}; call the one that is meant model"):
        find_model(tmp_path)


@pytest.mark.parametrize("files", [[], ["labels.txt"], ["net.json", "net.pdiparams"], ["net.bin"]])
def test_a_folder_without_a_model_is_told(tmp_path: Path, files: list[str]) -> None:
    touch(tmp_path, *files)
    with pytest.raises(ModelLoadError, match="expected a model file, found none; openvino reads"):
        load_engine(tmp_path, ModelConfig(), CONTEXT)
    with pytest.raises(ModelLoadError, match="found none of them"):
        load_engine(tmp_path, ModelConfig(engine="openvino"), CONTEXT)


def test_openvino_loads_what_it_finds(tmp_path: Path) -> None:
    write_adder(tmp_path / "net.onnx")
    engine = load_engine(tmp_path, ModelConfig(max_batch_size=4, options={"plan": "latency", "threads": 1}), CONTEXT)
    assert engine.name == "openvino"
    assert engine.signature.max_batch_size == 4
    assert [(t.name, t.datatype, tuple(t.shape)) for t in engine.signature.inputs] == [("x", "FP32", (3,))]


def test_openvino_properties_are_handed_over(tmp_path: Path) -> None:
    write_adder(tmp_path / "net.onnx")
    with pytest.raises(ModelLoadError, match="NO_SUCH_PROPERTY"):
        load_engine(tmp_path, ModelConfig(options={"properties": {"NO_SUCH_PROPERTY": "1"}}), CONTEXT)
    config = ModelConfig(options={"properties": {"CPU_DENORMALS_OPTIMIZATION": True}})
    assert load_engine(tmp_path, config, CONTEXT).name == "openvino"


def test_a_file_that_openvino_cannot_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"this is no model")
    with pytest.raises(ModelLoadError, match=r"net\.onnx") as caught:
        load_engine(tmp_path, ModelConfig(), CONTEXT)
    assert "\n" not in caught.value.message


def test_compiled_models_are_kept_in_the_cache_folder(tmp_path: Path) -> None:
    write_adder(tmp_path / "model" / "net.onnx")
    load_engine(tmp_path / "model", ModelConfig(), LoadContext(threads=1, cache_folder=tmp_path / "cache"))
    assert list((tmp_path / "cache").iterdir()) != []


def test_identity_names_its_outputs(tmp_path: Path) -> None:
    inputs = [{"name": "a", "datatype": "FP32", "shape": [2]}, {"name": "b", "datatype": "BYTES", "shape": [-1]}]
    config = ModelConfig.model_validate({"engine": "identity", "inputs": inputs, "max_batch_size": 8, "instances": 2})
    engine = load_engine(tmp_path, config, CONTEXT)
    outputs = [(t.name, t.datatype, tuple(t.shape)) for t in engine.signature.outputs]
    assert outputs == [("OUTPUT0", "FP32", (2,)), ("OUTPUT1", "BYTES", (-1,))]
    assert engine.signature.max_batch_size == 8
    assert [group.count for group in engine.instance_groups] == [2]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (ModelConfig(engine="identity", options={"wait": 1}), "options.wait: unknown key; known are delay_us"),
        (
            ModelConfig(engine="identity", options={"delay_us": "1"}),
            "options.delay_us: expected a whole number, got '1'",
        ),
        (
            ModelConfig(engine="openvino", options={"plan": "fast"}),
            "options.plan: expected 'adaptive', 'latency' or 'throughput', got 'fast'",
        ),
    ],
)
def test_an_engines_options_are_checked(tmp_path: Path, config: ModelConfig, sentence: str) -> None:
    source = tmp_path / "model.yaml"
    with pytest.raises(ConfigError) as caught:
        load_engine(tmp_path, config, LoadContext(threads=1, config_source=source))
    assert caught.value.message == f"{source}: {sentence}"


def test_a_file_can_be_inspected(tmp_path: Path) -> None:
    signature = inspect_model(write_adder(tmp_path / "net.onnx"))
    assert [t.name for t in signature.inputs + signature.outputs] == ["x", "y"]
    assert signature.max_batch_size > 0


@pytest.mark.parametrize("name", ["net.pt", "net.pt2"])
def test_files_of_pytorch_are_torchs(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    assert detect(tmp_path) == detect(tmp_path / name) == "torch"
    touch(tmp_path, "net.onnx")
    assert detect(tmp_path) == "openvino"


def test_a_file_of_no_engine_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "net.keras")
    with pytest.raises(ModelLoadError, match=r"found none; openvino reads .*, tensorrt .*, torch "):
        detect(tmp_path / "net.keras")


def test_a_file_that_is_not_there_cannot_be_inspected(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="no such file or folder"):
        inspect_model(tmp_path / "no.onnx")


def test_every_engine_is_reported() -> None:
    report = engine_report()
    assert [entry.name for entry in report] == list(ENGINES)
    by_name = {entry.name: entry for entry in report}
    assert by_name["openvino"].detail == _core.openvino_version()
    assert by_name["onnxruntime"].detail.startswith(f"{onnxruntime.__version__} (")
    assert by_name["identity"].available
    if find_spec("torch") is None:
        assert by_name["torch"].detail == (
            "the engine torch needs the package torch, which is not installed: pip install 'pyserver[torch]'"
        )
    if not by_name["tensorrt"].available:
        assert "none of tensorrt, tensorrt_rtx, tensorrt_lean is installed" in by_name["tensorrt"].detail


def test_an_engine_whose_package_is_missing_says_what_to_install() -> None:
    with pytest.raises(ModelLoadError, match=r"needs the package no_such_package, which is not installed: pip install"):
        import_engine("no_such_package", "pyserver[none]")


def test_an_engine_whose_package_is_broken_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_engine.py").write_text("import no_such_library", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelLoadError, match=r"which cannot be imported \(No module named 'no_such_library'\)"):
        import_engine("broken_engine", "pyserver[none]")


@pytest.mark.parametrize("options", [OpenVinoOptions, TorchOptions, OnnxRuntimeOptions, IdentityOptions])
def test_every_engine_option_is_described(options: type[ModelOptions]) -> None:
    assert [name for name, field in options.model_fields.items() if not field.description] == []

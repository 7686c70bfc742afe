"""model.yaml: what it may hold, and what is said of what it may not."""

from pathlib import Path

import pytest

from pyserver.config.load import load_model_config
from pyserver.config.schema import ModelConfig, TensorConfig, VersionPolicy
from pyserver.errors import ConfigError


def load(folder: Path, text: str) -> ModelConfig:
    path = folder / "model.yaml"
    path.write_text(text)
    return load_model_config(path)


def test_an_empty_file_leaves_everything_to_the_model(tmp_path: Path) -> None:
    assert load(tmp_path, "") == ModelConfig()
    assert ModelConfig().version_policy == VersionPolicy(latest=1)
    assert ModelConfig().warmup.rows is None


def test_every_key_is_taken(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
engine: identity
max_batch_size: 8
batching: {max_queue_delay_us: 500, preferred_batch_sizes: [8, 4, 4], max_queue_size: 16, priority_levels: 3,
           default_timeout_us: 1000000}
instances: 2
inputs: [{name: x, datatype: FP32, shape: [-1, 3]}, {name: mask, datatype: BOOL, shape: [], optional: true}]
outputs: [{name: y, datatype: BYTES, shape: [1]}]
version_policy: {specific: [3, 1]}
warmup: {rows: [1, 8]}
options: {delay_us: 5}
""",
    )
    assert config.engine == "identity"
    assert config.batching.preferred_batch_sizes == [4, 8]
    assert config.inputs[1] == TensorConfig(name="mask", datatype="BOOL", shape=[], optional=True)
    assert config.version_policy.specific == [3, 1]
    assert config.warmup.rows == [1, 8]
    assert config.options == {"delay_us": 5}


def test_warm_up_can_be_switched_off_and_on(tmp_path: Path) -> None:
    assert load(tmp_path, "warmup: false").warmup.rows == []
    assert load(tmp_path, "warmup: true").warmup.rows is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("max_batchsize: 3", "max_batchsize: unknown key; the nearest known: max_batch_size"),
        (
            "batching: {max_queue_delay: 3}",
            "batching.max_queue_delay: unknown key; the nearest known: max_queue_delay_us",
        ),
        (
            "inputs: [{name: x, dtype: FP32, shape: [1]}]",
            "inputs[0].datatype: is missing; {file}: inputs[0].dtype: unknown key; the nearest known: datatype",
        ),
        ("max_batch_size: '8'", "max_batch_size: expected a whole number, got '8'"),
        ("max_batch_size: true", "max_batch_size: expected a whole number, got True"),
        ("max_batch_size: -1", "max_batch_size: expected a number greater than or equal to 0, got -1"),
        (
            "engine: tensorflow",
            "engine: expected 'openvino', 'tensorrt', 'torch', 'onnxruntime' or 'identity', got 'tensorflow'",
        ),
        ("version_policy: {latest: 0}", "version_policy.latest: expected a number greater than or equal to 1, got 0"),
        ("version_policy: {all: false}", "version_policy.all: expected true, got False"),
        (
            "version_policy: {latest: 1, all: true}",
            "version_policy: expected exactly one of latest, all and specific, got {'latest': 1, 'all': True}",
        ),
        ("warmup: 3", "warmup: expected keys and values, got 3"),
        ("inputs: [{name: x, datatype: FP32, shape: [-2]}]", "inputs[0].shape[0]: expected a number greater than"),
        ("options: 3", "options: expected keys and values, got 3"),
    ],
)
def test_a_wrong_key_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    file = tmp_path / "model.yaml"
    assert caught.value.message.startswith(f"{file}: {sentence.replace('{file}', str(file))}")


def test_a_tensor_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"outputs: the name 'y' is used twice"):
        load(tmp_path, "outputs: [{name: y, datatype: FP32, shape: [1]}, {name: y, datatype: FP32, shape: [1]}]")

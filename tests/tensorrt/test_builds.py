"""`pyserver build` with the real TensorRT-RTX, on a machine without a GPU."""

from __future__ import annotations

from pathlib import Path

import onnx_models
import pytest
from conftest import Build
from onnx import TensorProto


def test_a_plan_of_resnet50_is_built_without_a_gpu(build: Build, resnet50: Path, tmp_path: Path) -> None:
    done = build(resnet50, "--output", tmp_path / "resnet50.plan", "--flavour", "tensorrt_rtx")
    assert done.returncode == 0, done.stderr
    plan = (tmp_path / "resnet50.plan").read_bytes()
    # The weights are in it: 25.6 million numbers of 4 bytes.
    assert len(plan) > 100_000_000
    assert f"{len(plan)} bytes, built by tensorrt_rtx 1.7.1.116 in" in done.stdout
    assert "Building engine 0 %" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["resnet50.plan"]


def test_a_plan_that_cannot_be_put_in_its_place_leaves_nothing_behind(build: Build, tmp_path: Path) -> None:
    (tmp_path / "relu.plan").mkdir()
    refused = build(onnx_models.relu(tmp_path / "relu.onnx"), "-o", tmp_path / "relu.plan")
    assert refused.returncode == 1
    assert "relu.plan: cannot be written: Is a directory" in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["relu.onnx", "relu.plan"]


def test_a_profile_decides_what_is_built(build: Build, tmp_path: Path) -> None:
    model = onnx_models.relu(tmp_path / "relu.onnx", shape=("rows", "columns"))
    refused = build(model, "-o", tmp_path / "relu.plan")
    assert refused.returncode == 1
    assert "input x has the shape [-1, -1], where -1 is free: expected options.profiles to say" in refused.stderr
    done = build(model, "-o", tmp_path / "relu.plan", "--profile", "x=1x8:4x16:8x32", "--profile", "x=1x64:1x64:1x64")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "relu.plan").stat().st_size > 1000


def test_a_model_of_half_precision_is_built_as_it_is(build: Build, tmp_path: Path) -> None:
    model = onnx_models.relu(tmp_path / "half.onnx", TensorProto.FLOAT16)
    done = build(model, "-o", tmp_path / "half.plan", "--precision", "fp16")
    assert done.returncode == 0, done.stderr


def test_a_quantized_model_is_built(build: Build, tmp_path: Path) -> None:
    done = build(onnx_models.quantized(tmp_path / "q.onnx"), "-o", tmp_path / "q.plan", "--precision", "int8")
    assert done.returncode == 0, done.stderr


def test_weights_in_a_file_of_their_own_are_found(build: Build, tmp_path: Path) -> None:
    model = onnx_models.external_weights(tmp_path / "model.onnx")
    done = build(model, "-o", tmp_path / "model.plan")
    assert done.returncode == 0, done.stderr
    (tmp_path / "weights.bin").unlink()
    refused = build(model, "-o", tmp_path / "model.plan")
    assert refused.returncode == 1
    assert "expected its weights in weights.bin, found no such file" in refused.stderr


@pytest.mark.parametrize(
    ("precision", "sentence"),
    [
        ("fp16", "precision fp16: the model has no tensor of that type, and tensorrt_rtx 1.7.1.116 computes in the "
         "model's own types; convert it with: python -m modelopt.onnx.autocast"),
        ("bf16", "precision bf16: the model has no tensor of that type"),
        ("int8", "precision int8: expected a quantized model, with QuantizeLinear and DequantizeLinear"),
    ],
)  # fmt: skip
def test_a_model_that_is_not_of_the_precision_is_refused(
    build: Build, tmp_path: Path, precision: str, sentence: str
) -> None:
    model = onnx_models.relu(tmp_path / "relu.onnx")
    refused = build(model, "-o", tmp_path / "relu.plan", "--precision", precision)
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert not (tmp_path / "relu.plan").exists()


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_what_is_computed_in_single_precision_is_built_with_and_without_tf32(
    build: Build, tmp_path: Path, precision: str
) -> None:
    done = build(onnx_models.relu(tmp_path / "r.onnx"), "-o", tmp_path / "r.plan", "--precision", precision)
    assert done.returncode == 0, done.stderr


def test_what_is_no_onnx_is_told(build: Build, tmp_path: Path) -> None:
    model = tmp_path / "text.onnx"
    model.write_text("this is no model at all")
    refused = build(model, "-o", tmp_path / "x.plan")
    assert refused.returncode == 1
    assert "expected an ONNX model, got something else" in refused.stderr


def test_an_operator_that_is_not_known_is_named(build: Build, tmp_path: Path) -> None:
    refused = build(onnx_models.unknown_operator(tmp_path / "model.onnx"), "-o", tmp_path / "x.plan")
    assert refused.returncode == 1
    assert "cannot read this model: " in refused.stderr
    assert "(node strange)" in refused.stderr


def test_a_plan_is_for_the_gpus_that_are_named(build: Build, tmp_path: Path) -> None:
    model = onnx_models.relu(tmp_path / "relu.onnx")
    several = ["--compute-capability", "8.6", "--compute-capability", "12.0"]
    done = build(model, "-o", tmp_path / "relu.plan", *several)
    assert done.returncode == 0, done.stderr
    refused = build(model, "-o", tmp_path / "relu.plan", "--compute-capability", "3.5")
    assert refused.returncode == 1
    assert "compute capability 3.5: tensorrt_rtx 1.7.1.116 builds for current, 7.5, 8.0" in refused.stderr


def test_a_plan_for_this_machines_gpu_needs_one(build: Build, tmp_path: Path) -> None:
    model = onnx_models.relu(tmp_path / "relu.onnx")
    refused = build(model, "-o", tmp_path / "relu.plan", "--compute-capability", "current")
    assert refused.returncode == 1
    assert "finds no NVIDIA GPU to build for here: name the compute capabilities" in refused.stderr

"""`pyserver build`: what is asked for, as far as it is decided before a TensorRT is there. See also tests/tensorrt."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorrt_double as double

from pyserver.cli import run


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--profile", "x=1x2"], "--profile: expected INPUT=MIN:OPT:MAX with shapes such as 1x3x224x224, got 'x=1x2'"),
        (["--profile", "x=4:2:8"], "--profiles[0].x: expected min <= opt <= max in every dimension"),
        (["--precision", "int4"], "--precision: expected 'model', 'fp32'"),
        (["--shape-values", "x=1,two"], "--shape-values: expected INPUT=V,V with whole numbers, got 'x=1,two'"),
        (["--compute-capability", "sm_89"], "--compute-capability: expected one such as 8.9, or current, got 'sm_89'"),
        (["--compute-capability", "current", "--compute-capability", "8.9"], "current stands for the GPU of this"),
        ([], "missing.onnx: no such file"),
    ],
)
def test_what_cannot_be_meant_is_a_wrong_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert run(["build", "missing.onnx", "--output", "x.plan", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_told_before_anything_is_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(b"\x08\x08")
    assert run(["build", str(model), "-o", str(tmp_path / "plans" / "m.plan")]) == 2
    told = capsys.readouterr().err
    assert f"--output: {tmp_path / 'plans'}: no such folder" in told
    assert "building" not in told


@pytest.mark.parametrize(
    ("flavour", "sentence"),
    [
        ("tensorrt_lean", "tensorrt_lean reads plans and builds none: build with tensorrt or tensorrt_rtx"),
        ("tensorrt", "tensorrt is not installed: pip install 'pyserver[tensorrt]'"),
        ("", "none of tensorrt, tensorrt_rtx is installed: pip install 'pyserver[tensorrt]', or pip install "),
    ],
)
def test_without_a_flavour_that_builds_the_packages_are_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flavour: str,
    sentence: str,
) -> None:
    monkeypatch.syspath_prepend(str(double.STAND_IN))
    monkeypatch.setenv("FAKE_TENSORRT_MISSING", "tensorrt,tensorrt_rtx")
    model = tmp_path / "m.onnx"
    model.write_bytes(b"\x08\x08")
    arguments = ["build", str(model), "-o", str(tmp_path / "m.plan")]
    assert run([*arguments, "--flavour", flavour] if flavour else arguments) == 1
    assert sentence in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]

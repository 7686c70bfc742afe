"""What the tests with the real TensorRT-RTX share. They run on a machine without a GPU: ./dev tensorrt."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from server_process import SERVER_PYTHON

BUILD_S = 500

Build = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def build() -> Build:
    """Runs `pyserver build` with the given arguments."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [SERVER_PYTHON, "-m", "pyserver", "build", *(str(argument) for argument in arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, check=False)

    return run


@pytest.fixture(scope="session")
def resnet50(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ResNet-50 with random weights, as ONNX; its batch dimension is free."""
    path = tmp_path_factory.mktemp("resnet50") / "resnet50.onnx"
    script = Path(__file__).parents[2] / "bench" / "models" / "resnet50.py"
    subprocess.run([sys.executable, script, path], check=True, timeout=BUILD_S)
    return path

"""The bindings of devices and captured graphs, case by case on the double (tests/support/cuda_cases.py)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import cuda_cases
import gpu_double
import pytest
from server_process import SERVER_PYTHON

PROGRAM = str(Path(cuda_cases.__file__))


@pytest.mark.parametrize("name", cuda_cases.CASES)
def test_the_bindings_of_graphs(name: str) -> None:
    environment = {**os.environ, **gpu_double.environment()}
    command = [SERVER_PYTHON, PROGRAM, name]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr

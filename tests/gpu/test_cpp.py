"""csrc/cuda on this machine's driver: the C++ tests that need no double, and memcheck's word on them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def program() -> str:
    """Where tools/gpu.sh builds it, or where the variable says."""
    folder = Path(os.environ.get("PYSERVER_CPP_TESTS") or ROOT / "build/gpu/core/tests/cpp")
    found = folder / "test_gpu"
    if not found.is_file():
        pytest.skip(f"{found} is not built")
    return str(found)


def test_the_driver_does_what_csrc_cuda_expects_of_it(program: str) -> None:
    ended = subprocess.run([program], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "SKIPPED" not in ended.stdout, ended.stdout


@pytest.mark.usefixtures("real_gpu")
def test_memcheck_finds_nothing_in_it(program: str) -> None:
    checker = shutil.which("compute-sanitizer") or shutil.which("/usr/local/cuda/bin/compute-sanitizer")
    if checker is None:
        pytest.skip("compute-sanitizer is not here")
    # What is refused on purpose is no finding: the errors that functions return are not reported.
    options = ["--tool", "memcheck", "--error-exitcode", "86", "--report-api-errors", "no"]
    ended = subprocess.run([checker, *options, program], capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr

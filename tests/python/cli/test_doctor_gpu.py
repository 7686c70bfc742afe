"""What `pyserver doctor` says of GPUs, on machines that have none, or where something is amiss."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyserver.cli import doctor_gpu
from pyserver.cuda_api import CudaApi, CudaError


def rows(library: str = "libno-such-driver.so.1") -> dict[str, str]:
    return dict(doctor_gpu.gpu_rows(lambda: CudaApi(library)))


def test_without_a_driver_the_library_that_is_missing_is_named() -> None:
    told = rows()
    assert told["GPU"].startswith("none: no NVIDIA driver: libno-such-driver.so.1 cannot be loaded (")
    assert not [asked for asked in told if asked.startswith("pinned memory")]


def test_what_is_not_installed_is_named_with_the_package_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    told = rows()
    assert told["PyTorch"] == "not installed (pip install torch)"
    assert told["TensorRT"] == (
        "tensorrt: not installed (pip install tensorrt), tensorrt_lean: not installed (pip install tensorrt-lean), "
        "tensorrt_rtx: not installed (pip install tensorrt-rtx)"
    )


def test_a_flavour_that_cannot_be_imported_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorrt_rtx.py").write_text("raise OSError('libcudart.so.13: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    assert "tensorrt_rtx: cannot be imported: OSError: libcudart.so.13: cannot open" in rows()["TensorRT"]


def test_without_nvrtc_the_package_is_named() -> None:
    assert doctor_gpu.nvrtc_report(("libno-such-nvrtc.so",)) == (
        "not there: none of libno-such-nvrtc.so can be loaded; pip install nvidia-cuda-nvrtc"
    )


def test_a_driver_that_is_no_driver_is_an_error_of_ours() -> None:
    with pytest.raises(CudaError, match=r"libno-such-driver\.so\.1 cannot be loaded"):
        CudaApi("libno-such-driver.so.1")

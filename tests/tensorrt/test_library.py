"""The adapter's own parts with the real TensorRT-RTX."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx_models
import pytest

from pyserver.engines.tensorrt.building import BuildRequest, build_plan
from pyserver.engines.tensorrt.library import Library
from pyserver.engines.tensorrt.loader import TensorRtLoader, describe_build, deserialize
from pyserver.engines.tensorrt.onnx_files import files_of
from pyserver.engines.tensorrt.plan_cache import PLAN, PlanCache, digest_of
from pyserver.errors import ModelLoadError

NO_DEVICE: Any = SimpleNamespace(memory=lambda: (0, 0), info=SimpleNamespace(name="none", compute_capability=(8, 9)))


@pytest.fixture(scope="module")
def library() -> Library:
    return TensorRtLoader().builder("tensorrt_rtx")


def plan_of(library: Library, model: Path) -> bytes:
    return build_plan(library, model, BuildRequest(), lambda _: None)


def test_a_plan_is_built_once_and_then_taken_from_the_cache(library: Library, tmp_path: Path) -> None:
    model = onnx_models.relu(tmp_path / "relu.onnx")
    built = []

    def build() -> bytes:
        built.append(plan_of(library, model))
        return built[-1]

    description = describe_build(library, BuildRequest(), digest_of(files_of(model)), NO_DEVICE)
    first = PlanCache(tmp_path / "cache").plan(description, build)
    assert PlanCache(tmp_path / "cache").plan(description, build) == first
    assert len(built) == 1
    kept = next((tmp_path / "cache").rglob(PLAN))
    kept.write_bytes(kept.read_bytes()[:-1])
    assert PlanCache(tmp_path / "cache").plan(description, build) == built[-1]
    assert len(built) == 2, "a plan that was cut off is built again"


def test_without_a_gpu_a_plan_is_not_read_and_the_driver_is_named(library: Library, tmp_path: Path) -> None:
    plan = plan_of(library, onnx_models.relu(tmp_path / "relu.onnx"))
    with pytest.raises(ModelLoadError, match=r"cannot use the NVIDIA driver here .*: install a newer driver"):
        deserialize(library, plan, NO_DEVICE)


@pytest.mark.parametrize("content", [b"x" * 1000, b"", b"ftrt" + bytes(996)])
def test_what_is_no_plan_is_told(library: Library, content: bytes) -> None:
    with pytest.raises(ModelLoadError, match=r"tensorrt_rtx 1\.7\.1\.116"):
        deserialize(library, content, NO_DEVICE)


def test_a_plan_that_is_cut_off_is_told(library: Library, tmp_path: Path) -> None:
    plan = plan_of(library, onnx_models.relu(tmp_path / "relu.onnx"))
    with pytest.raises(ModelLoadError, match=r"is no plan of tensorrt_rtx .*, or it is damaged"):
        deserialize(library, plan[: len(plan) // 2], NO_DEVICE)


def test_what_the_library_logs_is_kept_for_sentences_and_passed_on(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "pyserver.tensorrt"), library.messages.collected() as told:
        library.runtime.deserialize_cuda_engine(b"no plan")
    assert told
    assert set(told) <= {record.getMessage() for record in caplog.records}

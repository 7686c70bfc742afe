"""The parts of the TensorRT engine that decide without TensorRT: profiles, files of a model, the cache, progress."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pyserver.config.load import parse_options
from pyserver.config.tensorrt import TensorRtOptions
from pyserver.engines.tensorrt.files import find_model, holds_plan
from pyserver.engines.tensorrt.onnx_files import files_of
from pyserver.engines.tensorrt.plan_cache import DESCRIPTION, PLAN, PlanCache, digest_of
from pyserver.engines.tensorrt.profiles import Range, profile_for, profiles_to_build
from pyserver.engines.tensorrt.progress import Progress
from pyserver.errors import ConfigError, ModelLoadError


def options(**values: Any) -> TensorRtOptions:
    return parse_options(TensorRtOptions, values, "options.")


def shapes(low: list[int], best: list[int], high: list[int]) -> dict[str, list[int]]:
    return {"min": low, "opt": best, "max": high}


def test_every_option_is_described() -> None:
    assert [name for name, field in TensorRtOptions.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"profiles": {"x": shapes([1, 4], [1, 4], [8])}}, "expected min, opt and max with as many dimensions each"),
        ({"profiles": [{"x": shapes([2], [1], [8])}]}, "expected min <= opt <= max in every dimension"),
        ({"precision": "fp8"}, "options.precision: expected 'model', 'fp32'"),
        ({"lanes": 0}, "options.lanes: expected a number greater than or equal to 1, got 0"),
        ({"flavour": "tensorrt-rtx"}, "options.flavour: expected 'tensorrt', 'tensorrt_lean' or 'tensorrt_rtx'"),
    ],
)
def test_a_wrong_option_is_one_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        options(**values)
    assert sentence in raised.value.message


def test_a_free_batch_dimension_needs_no_profile() -> None:
    inputs = {"x": (-1, 3, 224, 224), "mask": (-1, 7), "scale": (1,)}
    (profile,) = profiles_to_build(inputs, [], None)
    assert profile == {
        "x": Range((1, 3, 224, 224), (8, 3, 224, 224), (8, 3, 224, 224)),
        "mask": Range((1, 7), (8, 7), (8, 7)),
    }
    (profile,) = profiles_to_build(inputs, [], 32)
    assert profile["mask"].max == (32, 7)
    assert profiles_to_build({"x": (2, 3)}, [], None) == []


@pytest.mark.parametrize(("shape", "max_batch_size"), [((-1, -1), None), ((3, -1), None), ((-1, 3), 0)])
def test_other_free_dimensions_need_one(shape: tuple[int, ...], max_batch_size: int | None) -> None:
    with pytest.raises(ModelLoadError, match=r"input x .* where -1 is free: expected options.profiles to say which"):
        profiles_to_build({"x": shape}, [], max_batch_size)


@pytest.mark.parametrize(
    ("profile", "sentence"),
    [
        ({"y": shapes([1, 4], [1, 4], [1, 4])}, "options.profiles[0]: the model has no input 'y', but x, fixed"),
        ({"fixed": shapes([2], [2], [2])}, "options.profiles[0]: expected the shapes of every input with free dim"),
        ({"x": shapes([1, 3], [1, 3], [1, 3])}, "options.profiles[0].x.min: expected a shape that fits the model's"),
        ({"x": shapes([1, 4], [2, 4], [3, 5])}, "options.profiles[0].x.max: expected a shape that fits the model's"),
    ],
)
def test_a_profile_that_does_not_fit_the_model_is_refused(profile: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelLoadError) as raised:
        profiles_to_build({"x": (-1, 4), "fixed": (2,)}, options(profiles=profile).profiles, None)
    assert sentence in raised.value.message


def test_a_batch_falls_into_the_profile_that_is_best_at_the_nearest_sizes() -> None:
    profiles = [
        {"x": Range((1, 4), (1, 4), (8, 4))},
        {"x": Range((1, 4), (8, 4), (8, 4))},
        {"x": Range((16, 4), (16, 4), (32, 4))},
    ]
    assert [profile_for(profiles, {"x": (rows, 4)}) for rows in (1, 3, 7, 16, 33)] == [0, 0, 1, 2, None]
    assert profile_for(profiles, {"x": (4, 5)}) is None


def weighted_model(path: Path, location: str) -> Path:
    """A model with weights in a file of their own, in a graph within a graph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = numpy_helper.from_array(np.arange(8, dtype=np.float32), "w")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="offset", value="0")
    weights.external_data.add(key="location", value=location)
    inner = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["o"])],
        "inner",
        [],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, [8])],
        [weights],
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    c = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [8])
    path.write_bytes(onnx.helper.make_model(helper.make_graph([node], "outer", [c], [y])).SerializeToString())
    return path


def test_the_files_of_a_model_are_its_graph_and_its_weights(tmp_path: Path) -> None:
    model = weighted_model(tmp_path / "model.onnx", "parts/weights.bin")
    with pytest.raises(ModelLoadError, match=r"expected its weights in parts/weights\.bin, found no such file"):
        files_of(model)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "weights.bin").write_bytes(bytes(32))
    assert files_of(model) == [model, tmp_path / "parts" / "weights.bin"]


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd"])
def test_weights_outside_of_the_models_folder_are_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(32))
    model = weighted_model(tmp_path / "m" / "model.onnx", location)
    with pytest.raises(ModelLoadError, match=r"which is not in the model's folder"):
        files_of(model)


def test_what_is_cut_off_anywhere_is_an_error_and_nothing_worse(tmp_path: Path) -> None:
    whole = weighted_model(tmp_path / "model.onnx", "w").read_bytes()
    (tmp_path / "w").write_bytes(bytes(32))
    cut = tmp_path / "cut.onnx"
    refused = 0
    for size in range(len(whole)):
        cut.write_bytes(whole[:size])
        try:
            files_of(cut)
        except ModelLoadError:
            refused += 1
    assert refused > len(whole) * 0.9, "only between two fields a message may end"


def test_what_is_damaged_anywhere_is_an_error_or_harmless(tmp_path: Path) -> None:
    whole = weighted_model(tmp_path / "model.onnx", "w").read_bytes()
    (tmp_path / "w").write_bytes(bytes(32))
    damaged = tmp_path / "damaged.onnx"
    for at in range(len(whole)):
        damaged.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with suppress(ModelLoadError):
            files_of(damaged)


def test_plans_come_before_onnx_and_model_before_others(tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).touch()
    assert not holds_plan(tmp_path)
    with pytest.raises(ModelLoadError, match=r"expected one model, found a\.onnx, b\.onnx"):
        find_model(tmp_path)
    (tmp_path / "net.engine").touch()
    assert holds_plan(tmp_path)
    assert find_model(tmp_path) == tmp_path / "net.engine"
    (tmp_path / "model.plan").touch()
    assert find_model(tmp_path) == tmp_path / "model.plan"


def test_the_cache_keeps_what_was_built_for_exactly_this(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path)
    assert cache.find({"gpu": "a"}) is None
    cache.keep({"gpu": "a"}, b"first")
    assert cache.find({"gpu": "a"}) == b"first"
    assert cache.find({"gpu": "b"}) is None
    cache.keep({"gpu": "a"}, b"second")
    assert PlanCache(tmp_path).find({"gpu": "a"}) == b"second"
    assert not list(tmp_path.rglob(".*")), "nothing half-written stays"


@pytest.mark.parametrize("file", [PLAN, DESCRIPTION])
@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", None])
def test_a_damaged_entry_is_none_and_is_replaced(tmp_path: Path, file: str, content: bytes | None) -> None:
    cache = PlanCache(tmp_path)
    cache.keep({}, b"plan")
    (entry,) = (tmp_path / "tensorrt").iterdir()
    if content is None:
        (entry / file).unlink()
    else:
        (entry / file).write_bytes(content)
    assert cache.find({}) is None
    cache.keep({}, b"built again")
    assert cache.find({}) == b"built again"


def test_what_cannot_be_kept_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "tensorrt").write_text("in the way")
    cache = PlanCache(tmp_path)
    cache.keep({}, b"plan")
    assert cache.find({}) is None


def test_the_digest_tells_files_and_their_borders_apart(tmp_path: Path) -> None:
    for name, content in (("ab", b"ab"), ("c", b"c"), ("a", b"a"), ("bc", b"bc")):
        (tmp_path / name).write_bytes(content)
    assert digest_of([tmp_path / "ab", tmp_path / "c"]) != digest_of([tmp_path / "a", tmp_path / "bc"])


def test_progress_is_told_at_the_beginning_and_then_every_two_seconds() -> None:
    now = [0.0]
    told: list[str] = []
    progress = Progress(told.append, clock=lambda: now[0])
    progress.phase_start("Building engine", None, 4)
    progress.phase_start("Timing", "Building engine", 10)
    for step in range(10):
        now[0] += 0.5
        assert progress.step_complete("Timing", step)
    progress.phase_finish("Timing")
    progress.step_complete("Building engine", 0)
    assert told == [
        "Building engine 0 %",
        "Building engine 0 %, Timing 40 %",
        "Building engine 0 %, Timing 80 %",
    ]


def test_a_build_that_is_interrupted_does_not_go_on() -> None:
    progress = Progress(lambda _: None)
    progress.phase_start("Building engine", None, 4)
    progress.interruption = KeyboardInterrupt()
    assert not progress.step_complete("Building engine", 0)

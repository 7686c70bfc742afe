"""Loading and unloading by request: real files, real engines, the real core."""

from collections.abc import Callable
from pathlib import Path

import pytest
from serving import IDENTITY, OK, UNAVAILABLE, Serving, add_adder, add_identity, put

from pyserver.errors import ModelLoadError, NotFoundError

Start = Callable[..., Serving]


def test_an_unloaded_model_stays_unloaded_until_it_is_loaded(tmp_path: Path, start: Start) -> None:
    add_identity(tmp_path, "m", 1)
    serving = start()
    serving.repository.unload("m")
    assert serving.states("m") == {1: "UNAVAILABLE"}
    assert serving.reason("m", 1) == "unloaded"
    assert serving.ask("m")[0] == UNAVAILABLE
    assert serving.repository.ready(), "nobody wants it to serve"
    (tmp_path / "m" / "1" / "weights").write_text("changed")
    serving.poll_twice()
    assert serving.states("m") == {1: "UNAVAILABLE"}
    serving.repository.load("m")
    assert serving.version_that_answers("m") == 1


def test_an_unload_answers_the_requests_that_run(tmp_path: Path, start: Start) -> None:
    add_identity(tmp_path, "m", 1, config=IDENTITY + "warmup: false\noptions: {delay_us: 100000}\n")
    serving = start()
    for _ in range(3):
        serving.begin("m")
    serving.repository.unload("m")
    calls: list[int] = []
    while len(calls) < 3:
        calls += [call.code for call in serving.finished()]
    assert calls == [OK, OK, OK]


def test_loading_does_not_wait_for_files_to_settle(tmp_path: Path, start: Start) -> None:
    serving = start()
    add_identity(tmp_path, "m", 1)
    serving.repository.load("m")
    assert serving.version_that_answers("m") == 1
    runtime = serving.model("m").versions[0].runtime
    serving.repository.poll()
    assert serving.model("m").versions[0].runtime is runtime


def test_loading_an_unknown_model_is_refused(start: Start) -> None:
    serving = start()
    for act in (serving.repository.load, serving.repository.unload, serving.repository.snapshot):
        with pytest.raises(NotFoundError, match="model 'no' is not in a repository"):
            act("no")
    assert serving.names() == []


def test_a_load_that_fails_tells_why_and_leaves_the_old_one_serving(tmp_path: Path, start: Start) -> None:
    add_adder(tmp_path, "m", 1, 10)
    serving = start()
    put(tmp_path / "m" / "1" / "model.onnx", b"this is no model")
    with pytest.raises(ModelLoadError, match="model m: version 1: reload failed: "):
        serving.repository.load("m")
    assert serving.addend("m") == 10


def test_explicit_control_loads_what_it_is_told_to(tmp_path: Path, start: Start) -> None:
    add_identity(tmp_path, "a", 1)
    add_identity(tmp_path, "b", 1)
    serving = start(model_control="explicit", load_models=["a"])
    assert serving.states("a") == {1: "AVAILABLE"}
    assert serving.states("b") == {1: "UNAVAILABLE"}
    assert serving.reason("b", 1) == "not loaded"
    assert serving.repository.ready()
    serving.repository.load("b")
    assert serving.version_that_answers("b") == 1
    serving.repository.unload("a")
    assert serving.ask("a")[0] == UNAVAILABLE


def test_a_model_to_load_that_is_missing_is_not_ready(tmp_path: Path, start: Start) -> None:
    serving = start(model_control="explicit", load_models=["later"])
    assert not serving.repository.ready()
    add_identity(tmp_path, "later", 1)
    serving.repository.load("later")
    assert serving.repository.ready()


def test_a_broken_configuration_is_told_where_the_versions_last_wanted_are_not_there(
    tmp_path: Path, start: Start
) -> None:
    folder = add_identity(tmp_path, "m", 1, config=IDENTITY + "version_policy: {specific: [7]}\n")
    serving = start()
    (folder / "model.yaml").write_text("[")
    with pytest.raises(ModelLoadError, match="not valid YAML"):
        serving.repository.load("m")

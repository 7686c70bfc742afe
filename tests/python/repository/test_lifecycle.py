"""What serves follows what lies on disk: real files, real engines, the real core."""

import logging
import shutil
import struct
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
from serving import IDENTITY, NOT_FOUND, OK, PATIENCE_S, UNAVAILABLE, Serving, add_adder, add_identity, put, remove

from pyserver.errors import ModelLoadError, NotFoundError, RepositoryError

Start = Callable[..., Serving]


def test_models_on_disk_serve_after_the_start(tmp_path: Path, start: Start) -> None:
    add_identity(tmp_path, "a", 1, 3)
    add_identity(tmp_path, "b", 2)
    serving = start()
    assert serving.names() == ["a", "b"]
    assert serving.states("a") == {3: "AVAILABLE"}
    assert serving.model("a").default_version == 3
    assert serving.version_that_answers("a") == 3
    assert serving.version_that_answers("b") == 2
    assert serving.repository.ready()


def test_a_model_that_fails_does_not_keep_others_from_loading(tmp_path: Path, start: Start) -> None:
    put(tmp_path / "broken" / "1" / "model.onnx", b"this is no model")
    add_identity(tmp_path, "good", 1)
    serving = start()
    assert serving.states("broken") == {1: "UNAVAILABLE"}
    assert "model.onnx" in serving.reason("broken", 1)
    assert "\n" not in serving.reason("broken", 1)
    assert serving.ask("broken")[0] == UNAVAILABLE
    assert serving.version_that_answers("good") == 1
    assert not serving.repository.ready()


def test_ready_can_require_any_model_only(tmp_path: Path, start: Start) -> None:
    put(tmp_path / "broken" / "1" / "model.onnx", b"this is no model")
    assert not start(ready_requires="any").repository.ready()
    add_identity(tmp_path, "good", 1)
    assert start(ready_requires="any").repository.ready()


def test_an_empty_repository_is_ready(start: Start) -> None:
    assert start().repository.ready()


def test_a_start_that_must_load_all_tells_what_failed(tmp_path: Path, start: Start) -> None:
    put(tmp_path / "broken" / "1" / "model.onnx", b"this is no model")
    with pytest.raises(ModelLoadError, match="model broken: version 1: "):
        start(exit_on_load_error=True)


def test_a_repository_that_is_not_there_is_told_at_the_start(tmp_path: Path, start: Start) -> None:
    with pytest.raises(RepositoryError, match="No such file or directory"):
        start(repositories=[tmp_path / "no"])


def test_a_new_version_replaces_the_old_one(tmp_path: Path, start: Start) -> None:
    add_adder(tmp_path, "m", 1, 10)
    serving = start()
    assert serving.addend("m") == 10
    add_adder(tmp_path, "m", 2, 20)
    serving.repository.poll()
    assert serving.states("m") == {1: "AVAILABLE"}, "loaded before its files had settled"
    serving.repository.poll()
    assert serving.addend("m") == 20
    serving.wait_for_states("m", {2: "AVAILABLE"})
    assert serving.ask("m", 1)[0] == NOT_FOUND


def test_files_that_still_change_are_left_alone(tmp_path: Path, start: Start) -> None:
    add_identity(tmp_path, "m", 1)
    serving = start()
    add_identity(tmp_path, "m", 2)
    for size in range(2, 6):
        serving.repository.poll()
        (tmp_path / "m" / "2" / "weights").write_text("1" * size)
    serving.repository.poll()
    assert serving.version_that_answers("m") == 1
    serving.repository.poll()
    assert serving.version_that_answers("m") == 2


def test_a_version_changed_in_place_is_reloaded(tmp_path: Path, start: Start) -> None:
    add_adder(tmp_path, "m", 1, 10)
    serving = start()
    runtime = serving.model("m").versions[0].runtime
    add_adder(tmp_path, "m", 1, 20)
    serving.poll_twice()
    assert serving.addend("m") == 20
    assert serving.states("m") == {1: "AVAILABLE"}
    assert serving.model("m").versions[0].runtime is not runtime


def test_what_did_not_change_is_not_reloaded(tmp_path: Path, start: Start) -> None:
    add_identity(tmp_path, "m", 1)
    serving = start()
    runtime = serving.model("m").versions[0].runtime
    changes: list[None] = []
    serving.repository.subscribe(lambda: changes.append(None))
    serving.poll_twice()
    assert serving.model("m").versions[0].runtime is runtime
    assert changes == []


def test_a_new_version_that_fails_leaves_the_old_one_serving(tmp_path: Path, start: Start) -> None:
    add_adder(tmp_path, "m", 1, 10)
    serving = start()
    broken = put(tmp_path / "m" / "2" / "model.onnx", b"this is no model")
    serving.poll_twice()
    assert serving.states("m") == {1: "AVAILABLE", 2: "UNAVAILABLE"}
    assert str(broken) in serving.reason("m", 2)
    assert serving.addend("m") == 10
    assert serving.ask("m", 2)[0] == UNAVAILABLE
    assert serving.repository.ready()


def test_a_reload_in_place_that_fails_leaves_the_old_one_serving_and_says_so(tmp_path: Path, start: Start) -> None:
    add_adder(tmp_path, "m", 1, 10)
    serving = start()
    put(tmp_path / "m" / "1" / "model.onnx", b"this is no model")
    serving.poll_twice()
    assert serving.states("m") == {1: "AVAILABLE"}
    assert serving.reason("m", 1).startswith("reload failed: ")
    assert serving.addend("m") == 10
    add_adder(tmp_path, "m", 1, 30)
    serving.poll_twice()
    assert serving.reason("m", 1) == ""
    assert serving.addend("m") == 30


def test_what_failed_is_not_tried_again_until_it_changes(
    tmp_path: Path, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "m" / "1" / "model.onnx", b"this is no model")
    serving = start()
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        serving.poll_twice()
        assert [r for r in caplog.records if "not loaded" in r.message] == []
        add_adder(tmp_path, "m", 1, 10)
        serving.poll_twice()
    assert serving.addend("m") == 10


def test_a_broken_configuration_leaves_all_serving_and_its_repair_clears_the_reason(
    tmp_path: Path, start: Start
) -> None:
    folder = add_identity(tmp_path, "m", 1, 2, config=IDENTITY + "version_policy: {all: true}\n")
    good = (folder / "model.yaml").read_bytes()
    serving = start()
    put(folder / "model.yaml", b"max_batchsize: 3")
    serving.poll_twice()
    assert serving.states("m") == {2: "AVAILABLE", 1: "AVAILABLE"}
    assert "max_batchsize: unknown key" in serving.reason("m", 1)
    put(folder / "model.yaml", good)
    serving.poll_twice()
    assert serving.reason("m", 1) == serving.reason("m", 2) == ""


def test_a_changed_configuration_reloads_all_versions(tmp_path: Path, start: Start) -> None:
    folder = add_identity(tmp_path, "m", 1, 2, config=IDENTITY + "version_policy: {all: true}\n")
    serving = start()
    put(folder / "model.yaml", (IDENTITY + "version_policy: {all: true}\nmax_batch_size: 4\n").encode())
    serving.poll_twice()
    runtimes = [version.runtime for version in serving.model("m").versions]
    assert [runtime.signature.max_batch_size for runtime in runtimes if runtime is not None] == [4, 4]


def test_a_changed_policy_loads_and_ends_versions(tmp_path: Path, start: Start) -> None:
    folder = add_identity(tmp_path, "m", 1, 2, 3, config=IDENTITY + "version_policy: {all: true}\n")
    serving = start()
    assert serving.states("m") == {3: "AVAILABLE", 2: "AVAILABLE", 1: "AVAILABLE"}
    put(folder / "model.yaml", (IDENTITY + "version_policy: {specific: [2]}\n").encode())
    serving.poll_twice()
    serving.wait_for_states("m", {2: "AVAILABLE"})
    assert serving.model("m").default_version == 2


def test_a_version_that_the_policy_names_and_nobody_has_is_told(tmp_path: Path, start: Start) -> None:
    add_identity(tmp_path, "m", 1, config=IDENTITY + "version_policy: {specific: [1, 7]}\n")
    serving = start()
    assert serving.states("m") == {7: "UNAVAILABLE", 1: "AVAILABLE"}
    assert "version_policy names it" in serving.reason("m", 7)


def test_a_version_that_left_the_disk_is_unloaded(tmp_path: Path, start: Start) -> None:
    add_identity(tmp_path, "m", 1, 2)
    serving = start()
    remove(tmp_path / "m" / "2")
    serving.poll_twice()
    assert serving.version_that_answers("m") == 1
    serving.wait_for_states("m", {1: "AVAILABLE"})


def test_a_model_that_left_the_disk_is_forgotten_and_may_come_back(tmp_path: Path, start: Start) -> None:
    add_identity(tmp_path, "m", 1)
    serving = start()
    remove(tmp_path / "m")
    serving.repository.poll()
    serving.wait_until(lambda: serving.names() == [])
    assert serving.ask("m")[0] == NOT_FOUND
    with pytest.raises(NotFoundError):
        serving.repository.snapshot("m")
    add_identity(tmp_path, "m", 1)
    serving.poll_twice()
    assert serving.version_that_answers("m") == 1


def test_a_repository_that_goes_out_of_sight_keeps_serving(tmp_path: Path, start: Start) -> None:
    add_identity(tmp_path / "disk", "m", 1)
    serving = start(repositories=[tmp_path / "disk"])
    (tmp_path / "disk").rename(tmp_path / "away")
    serving.poll_twice()
    assert serving.version_that_answers("m") == 1
    (tmp_path / "away").rename(tmp_path / "disk")
    remove(tmp_path / "disk" / "m")
    serving.repository.poll()
    serving.wait_until(lambda: serving.names() == [])


def test_the_thread_follows_the_disk_by_itself(tmp_path: Path, start: Start) -> None:
    add_identity(tmp_path, "m", 1)
    serving = start(model_control="poll", poll_interval_s=0.01)
    add_identity(tmp_path, "m", 2)
    serving.wait_for_states("m", {2: "AVAILABLE"})


def test_subscribers_learn_every_state_and_can_leave(tmp_path: Path, start: Start) -> None:
    serving = start()
    add_identity(tmp_path, "m", 1)
    states: list[dict[int, str]] = []
    leave = serving.repository.subscribe(lambda: states.append(serving.states("m")))
    serving.repository.load("m")
    assert [state for state in states if state] == [{1: "LOADING"}, {1: "AVAILABLE"}]
    leave()
    serving.repository.unload("m")
    assert len([state for state in states if state]) == 2


def test_a_subscriber_that_fails_harms_nobody(tmp_path: Path, start: Start) -> None:
    serving = start()
    add_identity(tmp_path, "m", 1)

    def fail() -> None:
        raise ValueError("not today")

    serving.repository.subscribe(fail)
    serving.repository.load("m")
    assert serving.version_that_answers("m") == 1


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("engine: identity\n", "inputs: an identity model needs at least one"),
        (IDENTITY + "options: {delay: 3}\n", "options.delay: unknown key; the nearest known: delay_us"),
        (
            IDENTITY + "max_batch_size: 4\nwarmup: {rows: [5]}\n",
            "warmup.rows: expected at most max_batch_size, 4, got 5",
        ),
        (IDENTITY + "batching: {preferred_batch_sizes: [2]}\n", "expected none: the model does not batch, got 2"),
        (IDENTITY + "outputs: [{name: y, datatype: INT8, shape: [2]}]\n", "must be like input"),
    ],
)
def test_a_configuration_that_does_not_fit_is_the_reason(
    tmp_path: Path, start: Start, config: str, reason: str
) -> None:
    add_identity(tmp_path, "m", 1, config=config)
    serving = start()
    assert serving.states("m") == {1: "UNAVAILABLE"}
    assert reason in serving.reason("m", 1)


def test_files_from_outside_of_the_repository_are_not_loaded(tmp_path: Path, start: Start) -> None:
    repository = tmp_path / "repository"
    add_identity(repository, "m", 1)
    (tmp_path / "secret").write_text("password")
    (repository / "m" / "1" / "weights").unlink()
    (repository / "m" / "1" / "weights").symlink_to(tmp_path / "secret")
    serving = start(repositories=[repository])
    assert "a symbolic link leads out of the repository" in serving.reason("m", 1)


def test_stopping_answers_what_runs_and_refuses_the_rest(tmp_path: Path) -> None:
    add_identity(tmp_path, "m", 1, config=IDENTITY + "warmup: false\noptions: {delay_us: 50000}\n")
    serving = Serving(tmp_path, model_control="poll", poll_interval_s=0.01)
    serving.repository.start()
    serving.begin("m")
    assert serving.repository.stop(PATIENCE_S)
    assert serving.finished()[0].code == OK
    assert serving.ask("m")[0] == UNAVAILABLE
    assert serving.states("m") == {1: "UNAVAILABLE"}
    assert serving.reason("m", 1) == "the server is stopping"
    assert not serving.repository.ready()
    with pytest.raises(ModelLoadError, match="the server is stopping"):
        serving.repository.load("m")


def test_stopping_lets_go_of_the_engines(tmp_path: Path) -> None:
    add_identity(tmp_path, "m", 1)
    serving = Serving(tmp_path)
    serving.repository.start()
    runtime = weakref.ref(serving.model("m").versions[0].runtime)
    assert runtime() is not None
    assert serving.repository.stop(PATIENCE_S)
    assert runtime() is None


def test_stopping_without_patience_tells_that_requests_were_cut_off(tmp_path: Path) -> None:
    add_identity(tmp_path, "m", 1, config=IDENTITY + "warmup: false\noptions: {delay_us: 300000}\n")
    serving = Serving(tmp_path)
    serving.repository.start()
    for _ in range(3):
        serving.begin("m")
    assert not serving.repository.stop(0)


def test_reloads_under_load_lose_and_mix_up_nothing(tmp_path: Path, start: Start) -> None:
    add_adder(tmp_path, "m", 1, 1)
    serving = start()
    answers: list[tuple[int, int, float]] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            code, response = serving.ask("m")
            value = struct.unpack("<ff", response.outputs["y"].raw)[0] if code == OK else -1.0
            answers.append((code, response.version, value))

    client = threading.Thread(target=ask)
    client.start()
    try:
        for version in range(2, 12):
            add_adder(tmp_path, "m", version, version)
            shutil.rmtree(tmp_path / "m" / str(version - 1))
            serving.repository.load("m")
    finally:
        over.set()
        client.join()
    assert {code for code, _, _ in answers} == {OK}
    assert all(value == version for _, version, value in answers)
    assert len({version for _, version, _ in answers}) > 5

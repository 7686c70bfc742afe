from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from server_process import RepositoryBuilder, ServerProcess, StartServer

from pyserver.config.schema import ServerSettings

DIGITS = Path(__file__).parents[3] / "examples" / "digits"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(server: ServerProcess) -> Run:
    """Runs a command that asks the module's server."""

    def run_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return pyserver(*arguments, "--address", server.address)

    return run_command


def pyserver(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyserver", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_serve_prints_one_line_when_it_serves(server: ServerProcess) -> None:
    assert server.ready_line == f"ready grpc={server.address} models=echo:3,pair:1,plain:1,text:1"


def test_status_shows_every_version_in_a_table(run: Run) -> None:
    done = run("status")
    assert done.returncode == 0, done.stderr
    assert "echo" in done.stdout
    assert "3*" in done.stdout
    assert "IN INT64 [2, 3]" in done.stdout


def test_status_as_json_holds_the_messages(run: Run) -> None:
    (model,) = json.loads(run("status", "echo", "--json").stdout)["models"]
    assert [version["version"] for version in model["versions"]] == ["3", "1"]
    assert model["versions"][0]["state"] == "MODEL_VERSION_STATE_AVAILABLE"


def test_status_watch_prints_the_first_state_at_once(server: ServerProcess) -> None:
    command = [sys.executable, "-m", "pyserver", "status", "--watch", "--json", "--address", server.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["models"][0]["name"] == "echo"
        watching.terminate()


@pytest.mark.parametrize("shape", [(3,), (1, 3)])
def test_predict_sends_a_npy_file_and_writes_one(run: Run, tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(3, dtype=np.float32).reshape(shape)
    np.save(tmp_path / "in.npy", array)
    done = run("predict", "echo", tmp_path / "in.npy", "--output", tmp_path / "out.npy")
    assert done.returncode == 0, done.stderr
    assert "sent IN FP32 [1, 3]" in done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), array.reshape(1, 3))


def test_predict_sends_json_in_the_datatype_of_the_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text("[[1, 2, 3], [4, 5, 6]]")
    done = run("predict", "plain", f"IN={tmp_path}/in.json", "--output", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    assert "sent IN INT64 [2, 3]" in done.stderr
    assert json.loads((tmp_path / "out.json").read_text()) == {"OUTPUT0": [[1, 2, 3], [4, 5, 6]]}


def test_predict_sends_texts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('["a", "ü"]')
    done = run("predict", "text", tmp_path / "in.json", "--output", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out.json").read_text()) == {"OUTPUT0": [["a", "ü"]]}


def test_predict_sends_an_image_as_its_pixels(run: Run, tmp_path: Path) -> None:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    (tmp_path / "b.json").write_text("[7]")
    inputs = (f"A={tmp_path}/in.png", f"B={tmp_path}/b.json", "--layout", "hwc")
    done = run("predict", "pair", *inputs, "--outputs", "OUTPUT0", "--output", tmp_path / "o.npy", "--ledger")
    assert done.returncode == 0, done.stderr
    assert "queue" in done.stdout
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), pixels[np.newaxis])


def test_an_image_of_another_size_is_refused_and_never_resized(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (5, 5)).save(tmp_path / "in.png")
    done = run("predict", "pair", f"A={tmp_path}/in.png", "--layout", "hwc")
    assert done.returncode == 1
    assert "expects shape [4, 6, 3], which is 6 x 4 pixels; the image has 5 x 5" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["predict", "nope", "x.npy"], 1, "nope"),
        (["predict", "echo", "nothing.npy"], 1, "nothing.npy: no such file"),
        (["predict", "echo", "IN=nothing.npy"], 1, "nothing.npy"),
        (["predict", "pair", "x.npy"], 2, "expected NAME=FILE"),
        (["predict", "pair", "C=x.npy"], 2, "no input 'C'"),
        (["predict", "echo", "--output", "x.txt"], 2, "x.txt"),
        (["predict", "echo", "--version", str(2**64)], 2, "--version"),
        (["predict", "echo", "--layout", "whc"], 2, "expected hwc or chw"),
        (["predict", "echo", "--timeout", "nan"], 2, "expected a number of seconds above 0"),
        (["predict", "echo", "--timeout", "-1"], 2, "expected a number of seconds above 0"),
        (["status", "--transport", "--watch"], 2, "goes with neither MODEL nor --watch"),
        (["status", "--memory", "echo"], 2, "goes with neither MODEL nor --watch"),
        (["status", "nope\udcff"], 2, "expected text that can be written as UTF-8"),
        (["status", "nope"], 1, "NOT_FOUND"),
        (["status", "--nonsense"], 2, "nonsense"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(run: Run, arguments: list[str], code: int, message: str) -> None:
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("pyserver: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_server_that_is_not_there_is_exit_code_3() -> None:
    port = free_port()
    done = pyserver("status", "--address", f"127.0.0.1:{port}")
    assert (done.returncode, done.stderr) == (3, f"pyserver: no server answers at 127.0.0.1:{port}\n")


def test_a_server_that_cannot_start_tells_of_no_requests_given_up(tmp_path: Path) -> None:
    done = pyserver("serve", tmp_path / "nothing", "--grpc-address", "127.0.0.1:0")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"pyserver: {tmp_path}/nothing: cannot be used")
    assert "given up" not in done.stderr


@pytest.mark.parametrize(
    ("path", "reason"), [("no/folder/s", "no such file or directory"), ("x" * 200, "at most 107 bytes")]
)
def test_a_unix_path_that_cannot_be_listened_on_is_told_why(tmp_path: Path, path: str, reason: str) -> None:
    done = pyserver("serve", "--grpc-address", f"unix:{tmp_path}/{path}", "--log-level", "error")
    assert done.returncode == 2
    assert reason in done.stderr


def test_a_unix_path_that_a_server_listens_on_is_not_taken_away_from_it(
    repository: RepositoryBuilder, start_server: StartServer, tmp_path: Path
) -> None:
    repository.identity("echo")
    address = f"unix:{tmp_path}/s"
    start_server(repository.root, "--grpc-address", address)
    done = pyserver("serve", repository.root, "--grpc-address", address, "--log-level", "error")
    assert (done.returncode, done.stderr) == (2, f"pyserver: cannot listen on {address}: address already in use\n")
    assert pyserver("status", "--address", address).returncode == 0


def test_every_line_of_a_json_log_is_json(repository: RepositoryBuilder, start_server: StartServer) -> None:
    repository.identity("echo")
    server = start_server(repository.root, "--log-format", "json", environment={"PYSERVER_GRPC_ADRESS": "x"})
    server.terminate()
    assert server.wait() == 0
    events = [json.loads(line) for line in server.log().splitlines()]
    assert events[0]["nearest"] == "PYSERVER_GRPC_ADDRESS"


def test_a_port_that_is_taken_is_told_in_one_line(server: ServerProcess, repository: RepositoryBuilder) -> None:
    done = pyserver("serve", repository.root, "--grpc-address", server.address, "--log-level", "error")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"pyserver: cannot listen on {server.address}: address already in use\n"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--poll-interval-s", "x"), "--poll-interval-s"),
        (("--log-level", "loud"), "--log-level"),
        (("--grpc-address", "8001"), "HOST:PORT"),
        (("--config", "/nothing.yaml"), "/nothing.yaml"),
    ],
)
def test_a_wrong_option_of_serve_is_exit_code_2(flags: tuple[str, str], message: str) -> None:
    done = pyserver("serve", *flags)
    assert done.returncode == 2
    assert done.stderr.startswith("pyserver: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_flag_wins_over_the_environment_and_that_over_the_file(
    repository: RepositoryBuilder, start_server: StartServer, tmp_path: Path
) -> None:
    repository.identity("echo")
    config = tmp_path / "server.yaml"
    config.write_text(f"repositories: [{repository.root}]\nlog_format: text\nlog_level: warning\n")
    server = start_server("--config", config, environment={"PYSERVER_LOG_FORMAT": "json", "PYSERVER_LOG_LEVEL": "info"})
    assert server.models == "echo:1"
    server.terminate()
    assert server.wait() == 0
    events = [json.loads(line) for line in server.log().splitlines()]
    assert events[0]["message"] == "listening"


@pytest.mark.skipif(not list(DIGITS.rglob("*.onnx")), reason="the example model is not in this checkout")
def test_inspect_shows_the_tensors_of_a_real_onnx_file() -> None:
    (file,) = list(DIGITS.rglob("*.onnx"))[:1]
    done = pyserver("inspect", file)
    assert done.returncode == 0, done.stderr
    assert "input" in done.stdout
    assert "FP32" in done.stdout
    assert "Batches:" in done.stdout


def test_inspect_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"no model")
    for file in (broken, tmp_path / "nothing.onnx"):
        done = pyserver("inspect", file)
        assert done.returncode == 1
        # OpenVINO's own libraries may write before it.
        assert done.stderr.splitlines()[-1].startswith(f"pyserver: {file}" if not file.exists() else "pyserver: ")


def test_doctor_finds_working_engines() -> None:
    done = pyserver("doctor")
    assert done.returncode == 0, done.stderr
    for word in ("CPU", "engine openvino", "engine identity", "GPU", "grpcio"):
        assert word in done.stdout


def test_every_option_of_the_schema_is_a_flag_of_serve() -> None:
    from pyserver.config.schema import ServerSettings

    environment = {**os.environ, "COLUMNS": "200"}
    command = [sys.executable, "-m", "pyserver", "serve", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout
    for name in ServerSettings.model_fields:
        assert name == "repositories" or f"--{name.replace('_', '-')}" in text


def test_version_is_the_one_of_the_package() -> None:
    from importlib.metadata import version

    assert pyserver("--version").stdout == f"pyserver {version('pyserver')}\n"


def test_status_transport_shows_what_the_transport_counted(run: Run) -> None:
    run("status")
    counters = json.loads(run("status", "--transport", "--json").stdout)
    assert counters["calls_started"] >= 2
    assert "floods" in run("status", "--transport").stdout


def test_status_memory_shows_the_memory_for_requests(run: Run) -> None:
    counters = json.loads(run("status", "--memory", "--json").stdout)
    assert counters["pinned_limit_bytes"] == ServerSettings().max_pinned_memory_bytes
    assert counters.keys() >= {"used_bytes", "idle_bytes", "allocated", "refused"}
    assert "pinned_limit_bytes" in run("status", "--memory").stdout


def test_status_gpus_shows_those_that_nvml_knows(run: Run) -> None:
    assert isinstance(json.loads(run("status", "--gpus", "--json").stdout)["gpus"], list)
    assert "Memory used" in run("status", "--gpus").stdout
    assert "show one thing each" in run("status", "--gpus", "--memory").stderr

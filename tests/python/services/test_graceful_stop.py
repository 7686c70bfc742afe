from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from server_process import SERVER_PYTHON, RepositoryBuilder, ServerProcess, StartServer

from pyserver.client import Client, Result
from pyserver.tensors import to_tensor
from pyserver.v1 import model_status_pb2, predict_pb2, predict_pb2_grpc

SLOW_US = 600_000


def request(number: int) -> predict_pb2.PredictRequest:
    array = np.full((1, 2), number, np.float32)
    return predict_pb2.PredictRequest(model="slow", id=str(number), inputs={"IN": to_tensor(array)})


def wait_for_queue(address: str, depth: int) -> None:
    """Until so many requests wait behind the one that runs."""
    with Client(address) as client:
        while client.metadata("slow").counts.queue_depth < depth:
            pass


@pytest.fixture
def slow_model(repository: RepositoryBuilder) -> RepositoryBuilder:
    repository.identity("slow", max_batch_size=0, inputs=[{"name": "IN", "datatype": "FP32", "shape": [-1, -1]}],
                        delay_us=SLOW_US)  # fmt: skip
    return repository


def test_sigterm_answers_what_is_in_flight_and_refuses_what_is_new(
    slow_model: RepositoryBuilder, start_server: StartServer
) -> None:
    server = start_server(slow_model.root)
    with Client(server.address) as client, ThreadPoolExecutor(3) as threads:
        running = [threads.submit(client.predict, "slow", {"IN": np.full((1, 2), n, np.float32)}) for n in range(3)]
        wait_for_queue(server.address, 2)
        server.terminate()
        for number, future in enumerate(running):
            result: Result = future.result(30)
            assert result.outputs["OUTPUT0"].tolist() == [[number, number]]
    assert server.wait() == 0
    with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError) as failure:
        predict_pb2_grpc.PredictServiceStub(channel).Predict(request(1), timeout=10)
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE


def test_sigterm_answers_what_a_stream_sent_and_then_ends_the_stream(
    slow_model: RepositoryBuilder, start_server: StartServer
) -> None:
    server = start_server(slow_model.root)
    sent: queue.Queue[predict_pb2.PredictStreamRequest | None] = queue.Queue()
    for number in range(3):
        sent.put(predict_pb2.PredictStreamRequest(request=request(number)))
    with grpc.insecure_channel(server.address) as channel:
        # The stream is not closed by the client: the server must not wait for that.
        stream = predict_pb2_grpc.PredictServiceStub(channel).PredictStream(iter(sent.get, None), timeout=30)
        wait_for_queue(server.address, 2)
        server.terminate()
        answered = []
        with pytest.raises(grpc.RpcError) as failure:  # noqa: PT012
            for response in stream:
                answered.append(response.response.id)  # noqa: PERF401
        assert sorted(answered) == ["0", "1", "2"]
        assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
        sent.put(None)
    assert server.wait() == 0


def test_what_waits_when_the_grace_is_over_is_unavailable(
    repository: RepositoryBuilder, start_server: StartServer
) -> None:
    repository.identity("slow", max_batch_size=0, delay_us=1_500_000)
    server = start_server(repository.root, "--shutdown-grace-s", "0.2")
    with grpc.insecure_channel(server.address) as channel:
        stub = predict_pb2_grpc.PredictServiceStub(channel)
        slow = [
            stub.Predict.future(
                predict_pb2.PredictRequest(model="slow", inputs={"IN": to_tensor(np.zeros(2, np.float32))}), timeout=30
            )
            for _ in range(3)
        ]
        wait_for_queue(server.address, 2)
        server.terminate()
        codes = [call.code() for call in slow]
    assert codes.count(grpc.StatusCode.UNAVAILABLE) >= 2
    assert server.wait() == 0


def test_a_second_signal_ends_the_server_at_once(repository: RepositoryBuilder, start_server: StartServer) -> None:
    repository.identity("slow", max_batch_size=0, delay_us=20_000_000)
    server = start_server(repository.root, "--log-format", "json")
    with grpc.insecure_channel(server.address) as channel:
        stub = predict_pb2_grpc.PredictServiceStub(channel)
        message = predict_pb2.PredictRequest(model="slow", inputs={"IN": to_tensor(np.zeros(2, np.float32))})
        calls = [stub.Predict.future(message) for _ in range(2)]
        wait_for_queue(server.address, 1)
        server.terminate()
        while '"stopping"' not in server.log():
            pass
        server.process.send_signal(signal.SIGINT)
        assert server.wait(5) == 1
        assert all(call.code() is grpc.StatusCode.UNAVAILABLE for call in calls)


def test_a_caller_that_dies_takes_its_waiting_requests_along(
    slow_model: RepositoryBuilder, start_server: StartServer
) -> None:
    slow_model.identity("slow", max_batch_size=0, delay_us=2_000_000)
    server: ServerProcess = start_server(slow_model.root, "--log-format", "json", "--log-level", "debug")
    channel = grpc.insecure_channel(server.address)
    stub = predict_pb2_grpc.PredictServiceStub(channel)
    message = predict_pb2.PredictRequest(model="slow", id="gone", inputs={"IN": to_tensor(np.zeros(2, np.float32))})
    calls = [stub.Predict.future(message) for _ in range(4)]
    wait_for_queue(server.address, len(calls) - 1)
    channel.close()
    # Every request is logged once, when it ends: three while they wait, one when its execution is over.
    codes: list[str] = []
    while len(codes) < len(calls):
        lines = server.log().splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        codes = [event["code"] for event in events if event.get("request_id") == "gone"]
    assert codes.count("CANCELLED") == 3


def test_watchers_do_not_hold_up_the_end(slow_model: RepositoryBuilder, start_server: StartServer) -> None:
    server = start_server(slow_model.root, "--shutdown-grace-s", "60")
    ended = threading.Event()

    def watch() -> None:
        with Client(server.address) as client, pytest.raises(Exception, match="UNAVAILABLE"):  # noqa: PT012
            for models in client.watch_status():
                assert isinstance(models[0], model_status_pb2.ModelStatus)
                watching.set()
        ended.set()

    watching = threading.Event()
    threading.Thread(target=watch, daemon=True).start()
    assert watching.wait(10)
    server.terminate()
    assert server.wait(10) == 0
    assert ended.wait(10)


def test_a_server_that_is_stopped_while_it_loads_never_says_that_it_is_ready(
    repository: RepositoryBuilder, tmp_path: Path
) -> None:
    # The warm-up of `slow` takes a second.
    repository.identity("quick")
    repository.identity("slow", inputs=[{"name": "IN", "datatype": "FP32", "shape": [1]}], delay_us=500_000)
    log = tmp_path / "log"
    command = [SERVER_PYTHON, "-m", "pyserver", "serve", str(repository.root), "--grpc-address", "127.0.0.1:0"]
    with (
        log.open("wb") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as process,
    ):
        while "model quick version 1: loaded" not in log.read_text():
            assert process.poll() is None
        process.terminate()
        try:
            output, _ = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, output) == (0, "")
    assert "ERROR" not in log.read_text()


_SERVER_IN_NAME_ONLY = """
import signal, threading
from pyserver.server import serve_until_signal

class Server:
    stopped = threading.Event()
    def start(self): pass
    def ready_line(self): return "ready"
    def stop(self, grace_s=None):
        self.stopped.set()
        return True

def signal_thread(ident): signal.pthread_kill(ident, signal.SIGTERM)
"""
_PRINTS_SLOWLY = """
printed = []

def print_slowly(line):
    signal_thread(threading.main_thread().ident)
    assert Server.stopped.wait(10)
    printed.append(line)

assert serve_until_signal(Server(), print_slowly, lambda: None)
assert printed == ["ready"]
"""
_IS_SIGNALLED_ELSEWHERE = """
import os

def switches():
    with open(f"/proc/self/task/{os.getpid()}/status") as status:
        return [line for line in status if "ctxt_switches" in line]

def signal_this_thread(line):
    # Every read gives up the GIL: the main thread runs on until it waits for what only the signal brings.
    unchanged = 0
    before = switches()
    while unchanged < 100:
        now = switches()
        unchanged = unchanged + 1 if now == before else 0
        before = now
    signal_thread(threading.get_ident())

assert serve_until_signal(Server(), signal_this_thread, lambda: None)
"""
_IS_SIGNALLED_TWICE = """
at_once = threading.Event()

def signal_twice(line):
    signal_thread(threading.get_ident())
    assert Server.stopped.wait(10)
    signal_thread(threading.get_ident())
    assert at_once.wait(10)

before = signal.getsignal(signal.SIGTERM)
assert serve_until_signal(Server(), signal_twice, at_once.set)
assert signal.getsignal(signal.SIGTERM) == before
"""


@pytest.mark.parametrize(
    "program",
    [
        # Python aborts where a thread still writes to its streams while it ends.
        pytest.param(_PRINTS_SLOWLY, id="the end waits for whoever still prints that the server is ready"),
        # The main thread sleeps on, where it is not woken by other means than Python's signal handlers.
        pytest.param(_IS_SIGNALLED_ELSEWHERE, id="a signal that another thread got ends the server"),
        pytest.param(_IS_SIGNALLED_TWICE, id="a second signal is told while the server stops"),
    ],
)
def test_signals_end_the_server(program: str) -> None:
    # In a process of its own: it gets a signal.
    command = [SERVER_PYTHON, "-c", _SERVER_IN_NAME_ONLY + program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")

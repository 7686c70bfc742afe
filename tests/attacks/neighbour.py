"""A well-behaved client beside the attacker: a grpcio channel that asks all the time and expects every answer."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import attack_frames as http2
import grpc
import numpy as np

from pyserver.open_inference import open_inference_pb2 as oip

ANSWER_S = 2.0
_PAUSE_S = 0.01


class Neighbour:
    """Three calls in turn: one that the core answers, one that Python answers, one that runs a model.

    `model_server` False: a server that knows none of these calls, but should answer them. `certificate`: the server
    speaks TLS, with this one.
    """

    def __init__(self, address: str, model_server: bool, certificate: Path | None) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        if certificate is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
            self._channel = grpc.secure_channel(address, credentials, options)
        self._model_server = model_server
        self._problems: list[str] = []
        self._rounds = 0
        self._lock = threading.Condition()
        self._stopping = threading.Event()
        self._connected = False
        self._channel.subscribe(self._connectivity_changed)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._channel.close()

    def begin(self) -> None:
        """Forgets what was; all must be well now."""
        with self._lock:
            self._problems.clear()
        problems = self.problems()
        assert not problems, f"the neighbour is not served even before the attack: {problems}"

    def problems(self) -> list[str]:
        """What went wrong since begin(), after two more rounds, of which one began now."""
        with self._lock:
            enough = self._rounds + 2
            if not self._lock.wait_for(lambda: self._rounds >= enough, timeout=8 * ANSWER_S):
                self._problems.append("no answers any more")
            return list(self._problems)

    def _run(self) -> None:
        values = np.random.default_rng(3).standard_normal((1, 64), np.float32)
        request = http2.predict_request("echo", values)
        while not self._stopping.is_set():
            self._ask(http2.SERVER_LIVE, b"", lambda answer: oip.ServerLiveResponse.FromString(answer).live)
            self._ask(
                http2.SERVER_METADATA, b"", lambda answer: bool(oip.ServerMetadataResponse.FromString(answer).name)
            )
            self._ask(http2.PREDICT, request, lambda answer: http2.predicted(answer) == values.tobytes())
            with self._lock:
                self._rounds += 1
                self._lock.notify_all()
            self._stopping.wait(_PAUSE_S)

    def _ask(self, path: str, request: bytes, is_right: object) -> None:
        began = time.monotonic()
        try:
            answer = self._channel.unary_unary(path)(request, timeout=ANSWER_S)
        except grpc.RpcError as error:
            if self._model_server or error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                self._complain(f"{path}: {error.code().name} after {time.monotonic() - began:.2f} s: {error.details()}")
        else:
            if not (callable(is_right) and is_right(answer)):
                self._complain(f"{path}: a wrong answer")

    def _connectivity_changed(self, state: grpc.ChannelConnectivity) -> None:
        if self._connected and state is not grpc.ChannelConnectivity.READY and not self._stopping.is_set():
            self._complain(f"the connection is {state.name}")
        self._connected = self._connected or state is grpc.ChannelConnectivity.READY

    def _complain(self, problem: str) -> None:
        with self._lock:
            self._problems.append(problem)

"""Asks the server of known delays: by the load generator, and by a plain socket with a stopwatch."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import delay_server
import numpy as np
import numpy.typing as npt

from pyserver import _core
from pyserver_loadgen.measurement import Measurement
from pyserver_loadgen.run import Runner, Setting, engine_subject

Seconds = npt.NDArray[np.float64]


class DelayServer:
    """One process of delay_server.py."""

    def __init__(self, folder: Path, kind: str, *numbers: float) -> None:
        self._record = folder / "record.npy"
        script = Path(delay_server.__file__)
        command = [sys.executable, str(script), str(self._record), kind, *map(str, numbers)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._port = int(self._line())

    def measure(self, setting: Setting) -> tuple[Measurement, Seconds]:
        """What the load generator says, and how long the server really took."""
        target = _core.LoadTarget(f"127.0.0.1:{self._port}")
        requests = _core.LoadRequests("/delay.Server/Ask", [b"x" * 64])
        measured = Runner(engine_subject(target, requests, "delay server"))(setting)
        return measured, self._taken()

    def stopwatch(self, count: int, pause_s: float = 0.0) -> tuple[Seconds, Seconds]:
        """What a blocking socket takes for one request after the other, and how long the server really took.

        With pauses in between, in which both sides go to sleep, as they do in an open loop.
        """
        taken = np.empty(count)
        with socket.create_connection(("127.0.0.1", self._port)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(delay_server.PREFACE + delay_server.frame(delay_server.SETTINGS, 0, 0, b""))
            # The server's SETTINGS, and that it has taken ours.
            self._receive(sock, 18)
            for number in range(count):
                stream = 2 * number + 1
                head = delay_server.frame(delay_server.HEADERS, delay_server.END_HEADERS, stream, b"\x83")
                body = delay_server.frame(delay_server.DATA, delay_server.END_STREAM, stream, delay_server.MESSAGE)
                if pause_s:
                    time.sleep(pause_s)
                begin = time.monotonic_ns()
                sock.sendall(head + body)
                self._receive(sock, len(delay_server.answer(stream)))
                taken[number] = (time.monotonic_ns() - begin) / 1e9
        return taken, self._taken()

    def stop(self) -> None:
        self._process.communicate("", timeout=30)

    def _taken(self) -> Seconds:
        assert self._line() == "saved"
        record = np.load(self._record)
        return np.asarray((record[:, 1] - record[:, 0]) / 1e9)

    def _receive(self, sock: socket.socket, size: int) -> None:
        while size > 0:
            received = len(sock.recv(size))
            assert received, "the server hung up"
            size -= received

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip()


StartDelayServer = Callable[..., DelayServer]

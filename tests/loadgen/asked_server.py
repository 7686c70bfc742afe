"""Asks the server of known delays by the load generator, and brings what the server recorded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import delay_server
import numpy as np
import numpy.typing as npt

from pyserver import _core
from pyserver_loadgen.measurement import Measurement
from pyserver_loadgen.run import Runner, Setting, engine_subject

Record = npt.NDArray[np.void]  # delay_server.RECORD


class DelayServer:
    """One process of delay_server.py."""

    def __init__(self, folder: Path, kind: str, *numbers: float) -> None:
        self._record_path = folder / "record.npy"
        script = Path(delay_server.__file__)
        command = [sys.executable, str(script), str(self._record_path), kind, *map(str, numbers)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._port = int(self._line())

    def measure(self, setting: Setting) -> tuple[Measurement, Record]:
        """What the load generator says, and what the server does."""
        target = _core.LoadTarget(f"127.0.0.1:{self._port}")
        requests = _core.LoadRequests("/delay.Server/Ask", [b"x" * 64])
        measured = Runner(engine_subject(target, requests, "delay server"))(setting)
        return measured, self._record()

    def stop(self) -> None:
        self._process.communicate("", timeout=30)

    def _record(self) -> Record:
        assert self._line() == "saved"
        return np.asarray(np.load(self._record_path))

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip()


StartDelayServer = Callable[..., DelayServer]

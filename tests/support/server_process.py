"""A real server in a process of its own, and model repositories to start it on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from sanitizer_reports import sanitizer_reports

START_S = 60
# The Python that the servers run in. tools/sanitized_behaviour.sh names one whose core is built with a sanitizer.
SERVER_PYTHON = os.environ.get("TESTED_SERVER_PYTHON", sys.executable)


class RepositoryBuilder:
    """Writes model repositories of identity models."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def identity(
        self,
        name: str,
        *,
        versions: Sequence[int] = (1,),
        inputs: Sequence[Mapping[str, Any]] = ({"name": "IN", "datatype": "FP32", "shape": [-1]},),
        max_batch_size: int = 8,
        delay_us: int = 0,
        **config: Any,
    ) -> Path:
        """A model whose output k is its input k. Returns its folder."""
        folder = self.root / name
        for version in versions:
            (folder / str(version)).mkdir(parents=True, exist_ok=True)
        told = {"engine": "identity", "max_batch_size": max_batch_size, "inputs": [dict(spec) for spec in inputs]}
        told |= {"options": {"delay_us": delay_us}, **config}
        (folder / "model.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
        return folder


class ServerProcess:
    """`python -m pyserver serve …`, started and ready.

    A sanitizer's report in its log fails the test when the server is killed, also where it went on serving.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        log_path: Path,
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = ("-m", "pyserver"),
    ) -> None:
        """`program`: what stands for `-m pyserver`."""
        self.log_path = log_path
        with log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [SERVER_PYTHON, *program, "serve", "--grpc-address", "127.0.0.1:0", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **(environment or {})},
            )
        assert self.process.stdout is not None
        watchdog = threading.Timer(START_S, self.process.kill)
        watchdog.start()
        self.ready_line = self.process.stdout.readline().rstrip("\n")
        watchdog.cancel()
        if not self.ready_line:
            self.kill()
            pytest.fail(f"the server did not start:\n{self.log()}")
        words = dict(word.split("=", 1) for word in self.ready_line.split()[1:])
        self.address = words["grpc"]
        self.models = words["models"]

    def log(self) -> str:
        """What it wrote on stderr until now."""
        return self.log_path.read_text(encoding="utf-8")

    def terminate(self) -> None:
        """SIGTERM; does not wait."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float = 30) -> int:
        """The exit code."""
        return self.process.wait(timeout_s)

    def stop(self) -> None:
        """SIGTERM, and waits: it ends well, and a sanitizer then looks for what it leaves behind."""
        self.terminate()
        try:
            code = self.wait()
        finally:
            self.kill()
        assert code == 0, self.log()

    def kill(self) -> None:
        """SIGKILL, and waits; the log is read to its end."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        if reports := sanitizer_reports(self.log()):
            pytest.fail(f"a sanitizer found something in {self.process.args}:\n{reports}", pytrace=False)


StartServer = Callable[..., ServerProcess]

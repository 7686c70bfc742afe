"""A server in a process of its own, and what the kernel says about it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

START_S = 60
_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A process that serves, and ends with the `with` block."""

    def __init__(self, kind: str, command: Sequence[str], *, start_s: float = START_S) -> None:
        self.kind = kind
        self.command = shlex.join(command)
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        watchdog = threading.Timer(start_s, self._process.kill)
        watchdog.start()
        ready = self._process.stdout.readline()
        watchdog.cancel()
        found = re.search(r"grpc=(\S+)", ready)
        if not found:
            self._process.kill()
            raise SystemExit(f"{kind} did not start: {self.command}")
        self.address = found[1]

    def cpu_s(self) -> float:
        """User and system time of all its threads, those that have ended too; to a hundredth of a second."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def rss_bytes(self) -> int:
        """Its resident memory. What the kernel holds for its sockets is not in it."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self._process.pid}/status").read_text())
        if not found:
            raise SystemExit(f"{self.kind} has ended")
        return int(found[1]) * 1024

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(40)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

"""The servers that are compared, each in a process of its own, and what the kernel says about them."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import messages
import toolchain

KINDS = ("native", "grpcio", "grpcpp")
TITLES = {"native": "pyserver, native", "grpcio": "pyserver, grpcio", "grpcpp": "grpc++ echo"}
START_S = 60
_TICKS = os.sysconf("SC_CLK_TCK")


def add_options(parser: argparse.ArgumentParser) -> None:
    """What every measurement lets one choose about the servers and what they are asked."""
    parser.add_argument("--servers", default=",".join(KINDS), help="which ones, with commas")
    parser.add_argument("--method", choices=sorted(messages.METHODS), default="ModelInfer")
    parser.add_argument("--max-batch-size", type=int, default=0, help="of the identity model; 0: no batching")
    parser.add_argument("--echo-arguments", default="", help="more arguments for the grpc++ echo, in one text")
    parser.add_argument("--pyserver-arguments", default="", help="more arguments for pyserver serve, in one text")


def chosen(options: argparse.Namespace) -> list[str]:
    kinds: list[str] = options.servers.split(",")
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise SystemExit(f"--servers: expected some of {', '.join(KINDS)}, got {', '.join(unknown)}")
    return kinds


def make_starter(options: argparse.Namespace, folder: Path) -> Starter:
    """Installs and builds what the servers need, and writes the model into the folder."""
    toolchain.install_packages()
    pyserver = shlex.split(options.pyserver_arguments)
    more = {"native": pyserver, "grpcio": pyserver, "grpcpp": shlex.split(options.echo_arguments)}
    repository = messages.write_repository(folder, options.max_batch_size)
    return Starter(repository, toolchain.build("grpcpp_echo"), more)


@dataclass(frozen=True)
class Starter:
    """How each kind of server is started."""

    repository: Path
    echo: Path
    arguments: dict[str, list[str]] = field(default_factory=dict)  # more of them, by kind

    def command(self, kind: str, listen: str) -> list[str]:
        more = self.arguments.get(kind, [])
        if kind == "grpcpp":
            return [str(self.echo), "--address", listen, *more]
        pyserver = [sys.executable, "-m", "pyserver", "serve", str(self.repository)]
        return [*pyserver, "--log-level", "warning", "--transport", kind, "--grpc-address", listen, *more]

    def start(self, kind: str, listen: str = "127.0.0.1:0") -> Server:
        return Server(kind, self.command(kind, listen))


class Server:
    """A process that serves, and ends with the `with` block."""

    def __init__(self, kind: str, command: Sequence[str]) -> None:
        self.kind = kind
        self.command = shlex.join(command)
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        watchdog = threading.Timer(START_S, self._process.kill)
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

"""The servers that are compared, and how each is started."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

import messages
import toolchain
from server_process import Server

KINDS = ("native", "grpcio", "grpcpp")
TITLES = {"native": "pyserver, native", "grpcio": "pyserver, grpcio", "grpcpp": "grpc++ echo"}


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

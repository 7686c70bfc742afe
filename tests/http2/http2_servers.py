"""The servers that the catalogue is asked of: ours, and nghttpd to check the catalogue itself."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from certificates import Authority, Certificate
from server_process import RepositoryBuilder, ServerProcess

START_S = 20
# A method without arguments whose answer has a message, so DATA comes back. Servers that know no gRPC answer 404.
PATH = "/inference.GRPCInferenceService/ServerLive"


class Process(Protocol):
    """What can be killed at the end."""

    def kill(self) -> None: ...


@dataclass(frozen=True)
class Http2Server:
    """A server that runs. `tls` is the context for its clients, None in cleartext."""

    address: tuple[str, int]
    tls: ssl.SSLContext | None
    process: Process
    path: str = PATH


class Nghttpd:
    """Debian's nghttpd (package nghttp2-server) on an empty folder: every answer is a 404 with a body."""

    def __init__(self, folder: Path, certificate: Certificate | None) -> None:
        program = shutil.which("nghttpd")
        if program is None:
            pytest.fail("nghttpd is not installed (Debian's package nghttp2-server)")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address: tuple[str, int] = free.getsockname()
        how = ["--no-tls"] if certificate is None else []
        files = [] if certificate is None else [str(certificate.key), str(certificate.chain)]
        command = [program, "--address=127.0.0.1", f"--htdocs={folder}", *how, str(self.address[1]), *files]
        self._process = subprocess.Popen(command)
        self._wait_until_it_listens()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _wait_until_it_listens(self) -> None:
        """It does not say when, so it is tried, for as long as it lives and START_S at most."""
        deadline = time.monotonic() + START_S
        while not self._listens():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.kill()
                pytest.fail(f"nghttpd did not start: exit code {self._process.returncode}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)

    def _listens(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(self.address) == 0


def start_http2_server(name: str, folder: Path, authority: Authority | None) -> Http2Server:
    """`name` is nghttpd or a transport of ours; TLS where there is an authority, which its certificate is signed by."""
    tls = None if authority is None else client_context(authority)
    certificate = None if authority is None else authority.sign("http2.test", "IP:127.0.0.1")
    folder.mkdir(exist_ok=True)
    if name == "nghttpd":
        nghttpd = Nghttpd(folder, certificate)
        return Http2Server(nghttpd.address, tls, nghttpd)
    repository = RepositoryBuilder(folder / "models")
    repository.identity("echo")
    arguments = [str(repository.root), "--transport", name]
    if certificate is not None:
        arguments += ["--grpc-tls-cert", str(certificate.chain), "--grpc-tls-key", str(certificate.key)]
    server = ServerProcess(arguments, folder / "log")
    host, port = server.address.rsplit(":", 1)
    return Http2Server((host, int(port)), tls, server)


def client_context(authority: Authority) -> ssl.SSLContext:
    """Trusts this authority alone, offers h2 alone."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.set_alpn_protocols(["h2"])
    return context

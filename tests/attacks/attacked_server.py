"""The servers that are attacked, and what is watched of their processes."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from neighbour import Neighbour
from raw_peer import RawPeer
from server_process import START_S, RepositoryBuilder, ServerProcess

MIB = 1 << 20
MAX_GROWTH_BYTES = 32 * MIB
MAX_LOG_BYTES = MIB
# How long a server may take to close its end of what the attacker has closed.
CLEAN_UP_S = 5.0

# Time-outs are short, so that no test waits long; everything else that is not here is as it is by default.
PREFACE_TIMEOUT_S = 0.7
HEADERS_TIMEOUT_S = 0.7
BODY_TIMEOUT_S = 1.0
WRITE_TIMEOUT_S = 1.0
IDLE_TIMEOUT_S = 3.0
TLS_HANDSHAKE_TIMEOUT_S = 0.7
# A time-out may pass a little late on a busy machine; the others and this are shorter than the idle time-out.
LATE_S = 1.2
KEEPALIVE_INTERVAL_S = 1.0
KEEPALIVE_TIMEOUT_S = 0.5
MAX_CONNECTIONS = 300
MAX_MESSAGE_BYTES = 4 * MIB
# By default.
MAX_STREAMS = 1024

TIMEOUTS = {
    "--http2-preface-timeout-s": PREFACE_TIMEOUT_S,
    "--http2-headers-timeout-s": HEADERS_TIMEOUT_S,
    "--http2-body-timeout-s": BODY_TIMEOUT_S,
    "--http2-write-timeout-s": WRITE_TIMEOUT_S,
    "--http2-idle-timeout-s": IDLE_TIMEOUT_S,
    "--tls-handshake-timeout-s": TLS_HANDSHAKE_TIMEOUT_S,
}


class Process(Protocol):
    """What runs, and can be killed at the end."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...


class AttackedServer:
    """A server, a neighbour that it must go on serving, and the peers that attack it."""

    def __init__(
        self,
        address: tuple[str, int],
        process: Process,
        log_path: Path,
        *,
        model_server: bool,
        certificate: Path | None = None,
    ) -> None:
        self.address = address
        self.log_path = log_path
        self._tls = certificate is not None
        self._process = process
        self._peers: list[RawPeer] = []
        self._neighbour = Neighbour(f"{address[0]}:{address[1]}", model_server, certificate)
        self._neighbour.begin()

    def close(self) -> None:
        self._neighbour.stop()

    def connect(self, *, receive_buffer: int | None = None) -> RawPeer:
        """A connection on which nothing has been sent. Closed at the end of the test."""
        peer = RawPeer(self.address, receive_buffer=receive_buffer)
        self._peers.append(peer)
        return peer

    def peer(self, own_settings: Mapping[int, int] | None = None) -> RawPeer:
        """A connection after the handshake."""
        return self.connect().handshake(own_settings)

    def sockets(self) -> int:
        """How many sockets the server has open."""
        count = 0
        for descriptor in Path(f"/proc/{self._process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                count += str(descriptor.readlink()).startswith("socket:")
        return count

    def comes_down_to(self, sockets: int, timeout_s: float) -> bool:
        """Waits until the server has no more sockets open than that."""
        deadline, pause = time.monotonic() + timeout_s, threading.Event()
        while self.sockets() > sockets:
            if time.monotonic() >= deadline:
                return False
            pause.wait(0.02)
        return True

    def resident_bytes(self, which: str = "VmRSS") -> int:
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith(f"{which}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the server's process is gone")

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self._process.pid}/task").iterdir()))

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    @contextlib.contextmanager
    def survives(self, max_growth_bytes: int = MAX_GROWTH_BYTES) -> Iterator[AttackedServer]:
        """What every attack must leave as it was: the process, its memory, its log, its sockets, its neighbours."""
        pid = self._process.pid
        assert self._process.poll() is None, f"the server died before:\n{self.log()[-4000:]}"
        self._neighbour.begin()
        sockets, logged = self.sockets(), self.log_path.stat().st_size
        # From here on VmHWM is the highest since now.
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        before = self.resident_bytes()
        yield self
        assert self._process.poll() is None, f"the server died:\n{self.log()[-4000:]}"
        problems = self._neighbour.problems()
        growth = self.resident_bytes("VmHWM") - before
        for peer in self._peers:
            peer.close()
        self._peers.clear()
        assert not problems, f"the neighbour was disturbed {len(problems)} times, first: {problems[0]}"
        assert growth < max_growth_bytes, f"{growth / MIB:.1f} MiB more memory at the peak"
        logged = self.log_path.stat().st_size - logged
        assert logged < MAX_LOG_BYTES, f"{logged} bytes in the log"
        if not self._tls:
            late = RawPeer(self.address).handshake()
            assert late.call().over, "a new connection is not served"
            late.close()
        assert self.comes_down_to(sockets, CLEAN_UP_S), f"{self.sockets() - sockets} sockets were left open"


class Nghttpd:
    """Debian's nghttpd on an empty folder: shows that the probes are what they should be, and can fail."""

    def __init__(self, folder: Path, certificate: tuple[Path, Path] | None) -> None:
        program = shutil.which("nghttpd")
        if program is None:
            pytest.fail("nghttpd is not installed (Debian's package nghttp2-server)")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address: tuple[str, int] = free.getsockname()
        options = ["--address=127.0.0.1", f"--htdocs={folder}", *([] if certificate else ["--no-tls"])]
        files = [str(certificate[1]), str(certificate[0])] if certificate else []
        self.process = subprocess.Popen([program, *options, str(self.address[1]), *files], stdout=subprocess.DEVNULL)
        deadline, pause = time.monotonic() + START_S, threading.Event()
        while not self._listens():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            pause.wait(0.02)

    def _listens(self) -> bool:
        try:
            socket.create_connection(self.address).close()
        except ConnectionRefusedError:
            return False
        return True

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def running(
    name: str, folder: Path, *arguments: str, certificate: tuple[Path, Path] | None = None
) -> Iterator[AttackedServer]:
    """`name` is a transport of ours, or nghttpd. The arguments are for the native one. With a certificate: TLS."""
    log_path = folder / "log"
    process: Nghttpd | ServerProcess
    if name == "nghttpd":
        log_path.touch()
        process = Nghttpd(folder, certificate)
        address = process.address
    else:
        repository = RepositoryBuilder(folder / "models")
        repository.identity("echo", inputs=[{"name": "IN", "datatype": "FP32", "shape": [-1]}])
        repository.identity(
            "slow",
            inputs=[{"name": "IN", "datatype": "FP32", "shape": [-1]}],
            max_batch_size=1,
            delay_us=100_000,
            instances=1,
        )
        timeouts = [word for option, value in TIMEOUTS.items() for word in (option, str(value))]
        told = [*timeouts, *arguments] if name == "native" else []
        if certificate is not None:
            told += ["--grpc-tls-cert", str(certificate[0]), "--grpc-tls-key", str(certificate[1])]
        process = ServerProcess([str(repository.root), "--transport", name, *told], log_path)
        host, port = process.address.rsplit(":", 1)
        address = (host, int(port))
    try:
        server = AttackedServer(
            address,
            process.process,
            log_path,
            model_server=name != "nghttpd",
            certificate=None if certificate is None else certificate[0],
        )
        try:
            yield server
        finally:
            server.close()
    finally:
        process.kill()

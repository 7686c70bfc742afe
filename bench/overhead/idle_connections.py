"""Many HTTP/2 connections that ask for nothing: opened, greeted, and kept alive."""

from __future__ import annotations

import resource
import selectors
import socket
import threading
import time
from types import TracebackType

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY = 4, 6, 7
ACK = 1
FRAME_HEADER = 9
# One source address has about 28,000 ports for one server.
CONNECTIONS_PER_ADDRESS = 20_000
# Not in Python's socket module before 3.12: the port is chosen when the destination is known.
IP_BIND_ADDRESS_NO_PORT = 24
# Handshakes underway at once: fewer than servers let wait to be accepted.
UNDERWAY = 100


def allow_open_files(count: int) -> None:
    """Raises the limit of this process, which the servers that it starts inherit. SystemExit where it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))
    except (ValueError, OSError) as error:
        raise SystemExit(f"needs {count} open files, may have {hard}: {error}") from error


def frame(kind: int, flags: int = 0, payload: bytes = b"") -> bytes:
    """On stream 0."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + bytes(4) + payload


class _Connection:
    def __init__(self, address: tuple[str, int], source: str) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        self.socket.bind((source, 0))
        self.socket.connect(address)
        self.socket.setblocking(False)
        self.socket.sendall(PREFACE + frame(SETTINGS))
        self.buffer = b""
        # The server has sent its settings, and has acknowledged ours.
        self.greeted = self.acknowledged = False

    def read(self) -> bool:
        """Answers what must be answered. False where the server ends the connection."""
        try:
            received = self.socket.recv(65_536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.buffer += received
        while len(self.buffer) >= FRAME_HEADER:
            end = FRAME_HEADER + int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < end:
                break
            kind, flags, payload = self.buffer[3], self.buffer[4], self.buffer[FRAME_HEADER:end]
            self.buffer = self.buffer[end:]
            if kind == GOAWAY:
                return False
            if kind == SETTINGS and flags & ACK:
                self.acknowledged = True
            elif kind in (SETTINGS, PING) and not flags & ACK:
                self.greeted = self.greeted or kind == SETTINGS
                self.socket.sendall(frame(kind, ACK, payload if kind == PING else b""))
        return bool(received)


class IdleConnections:
    """Opened by open(), served by a thread of its own until the `with` block ends."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._selector = selectors.EpollSelector()
        self._connections: list[_Connection] = []
        self._changed = threading.Condition()
        self._greeted = self._lost = 0  # guarded by _changed
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def open(self, count: int, timeout_s: float) -> float:
        """Opens so many and waits until all are greeted. Returns the seconds it took; SystemExit on failure."""
        began = time.monotonic()
        for index in range(count):
            source = f"127.0.0.{2 + index // CONNECTIONS_PER_ADDRESS}"
            try:
                connection = _Connection(self._address, source)
            except OSError as error:
                raise SystemExit(f"connection {index + 1} of {count}: {error}") from error
            self._connections.append(connection)
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            self._wait_for(index + 1 - UNDERWAY, began + timeout_s)
        self._wait_for(count, began + timeout_s)
        return time.monotonic() - began

    @property
    def lost(self) -> int:
        """Those that the server has ended."""
        with self._changed:
            return self._lost

    def __enter__(self) -> IdleConnections:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        for connection in self._connections:
            connection.socket.close()
        self._selector.close()

    def _wait_for(self, greeted: int, deadline: float) -> None:
        with self._changed:
            in_time = self._changed.wait_for(
                lambda: self._greeted >= greeted or self._lost, deadline - time.monotonic()
            )
            if self._lost or not in_time:
                raise SystemExit(f"{self._greeted} connections were greeted, {self._lost} ended by the server")

    def _serve(self) -> None:
        while not self._ending.is_set():
            for key, _ in self._selector.select(timeout=0.1):
                connection: _Connection = key.data
                ready_before = connection.greeted and connection.acknowledged
                alive = connection.read()
                ready = connection.greeted and connection.acknowledged
                if not alive:
                    self._selector.unregister(connection.socket)
                with self._changed:
                    self._greeted += ready and not ready_before
                    self._lost += not alive
                    self._changed.notify_all()

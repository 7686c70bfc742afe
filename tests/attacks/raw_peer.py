"""A client's end of one connection that sends whatever it is told to, and keeps account of what comes back.

It answers SETTINGS and PING by itself unless told not to, and opens its own windows once, at the start.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import attack_frames as http2
import hpack

# How long a server that reacts at once may take for it on a busy machine.
REACTION_S = 3.0
_HEADER_BYTES = 9


@dataclass
class Response:
    """What came back on one stream."""

    blocks: list[dict[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False  # the server ended it
    reset: int | None = None  # the error code, where the server reset it

    @property
    def over(self) -> bool:
        return self.complete or self.reset is not None

    @property
    def status(self) -> int | None:
        """HTTP's."""
        return int(self.blocks[0][":status"]) if self.blocks else None

    @property
    def grpc_status(self) -> int | None:
        for fields in reversed(self.blocks):
            if "grpc-status" in fields:
                return int(fields["grpc-status"])
        return None

    @property
    def message(self) -> bytes:
        """The only message of the body."""
        compressed, length = struct.unpack(">BI", self.body[:5])
        assert not compressed
        assert len(self.body) == 5 + length
        return bytes(self.body[5:])

    def __str__(self) -> str:
        return (
            f"HTTP {self.status}, grpc-status {self.grpc_status}, {len(self.body)} bytes, "
            f"complete: {self.complete}, reset: {self.reset}"
        )


class RawPeer:
    """Connects at once. `receive_buffer` is the socket's, for a peer that soon takes nothing more."""

    def __init__(self, address: tuple[str, int], *, receive_buffer: int | None = None) -> None:
        self.responses: defaultdict[int, Response] = defaultdict(Response)
        self.frames: Counter[tuple[int, int]] = Counter()  # (type, flags) of what came
        self.goaway: int | None = None  # the last one's error code
        self.closed = False
        self.reads = True  # while False nothing is taken from the socket
        self.answers = True  # acknowledges SETTINGS and PING
        self.stream_window = http2.DEFAULT_WINDOW  # that the server gives each stream to begin with
        self.window = http2.DEFAULT_WINDOW  # that is left to send on the connection
        self._stream_windows: dict[int, int] = {}
        self._next_stream = 1
        self._decoder = hpack.Decoder()
        self._header_block = b""
        self._received = bytearray()
        self._unsent = bytearray()
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(REACTION_S)
        self._socket.connect(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()
        self.closed = True

    def abort(self) -> None:
        """Closes with a TCP reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def handshake(self, own_settings: Mapping[int, int] | None = None, *, window: int = http2.MAX_WINDOW) -> RawPeer:
        """Exchanges prefaces. `window` is what the server may send on the connection, and on a stream too."""
        told = {http2.INITIAL_WINDOW_SIZE: window, **(own_settings or {})}
        opening = http2.PREFACE + http2.settings(told)
        if window > http2.DEFAULT_WINDOW:
            opening += http2.window_update(0, window - http2.DEFAULT_WINDOW)
        self.send(opening)
        assert self.wait(lambda: self.frames[http2.SETTINGS, 0] > 0 and self.frames[http2.SETTINGS, http2.ACK] > 0), (
            f"no handshake; closed: {self.closed}, GOAWAY: {self.goaway}"
        )
        return self

    def send(self, *frames: bytes, timeout_s: float = REACTION_S) -> bool:
        """Sends, and reads meanwhile what the server sends. False where it took no more, or is gone."""
        for sent in frames:
            self._unsent += sent
        deadline = time.monotonic() + timeout_s
        while self._unsent and not self.closed and time.monotonic() < deadline:
            self._turn(deadline)
        return not self._unsent

    def wait(self, condition: Callable[[], bool], timeout_s: float = REACTION_S) -> bool:
        """Reads until the condition holds. False where the time or the connection ended before."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if self.closed or time.monotonic() >= deadline:
                return False
            self._turn(deadline)
        return True

    def wait_closed(self, timeout_s: float = REACTION_S) -> bool:
        return self.wait(lambda: self.closed, timeout_s)

    def open(self, block: bytes, *, end: bool = False) -> int:
        """Begins a stream; its number."""
        stream = self.new_stream()
        self.send(http2.headers_in_pieces(stream, block, end=end))
        return stream

    def new_stream(self) -> int:
        """A number; nothing is sent."""
        stream = self._next_stream
        self._next_stream += 2
        return stream

    def send_body(self, stream: int, content: bytes, *, end: bool = True, piece: int = 16_384) -> bool:
        """DATA frames of that size, within the windows. False where the server let it come to nothing."""
        at = 0
        while at < len(content):
            room = min(self.window, self._window_of(stream))
            if room < min(piece, len(content) - at):
                if not self._wait_for_more_than(room, stream):
                    return False
                continue
            frames, stop = [], min(at + (room - room % piece or room), len(content))
            for begin in range(at, stop, piece):
                part = content[begin : min(begin + piece, stop)]
                frames.append(http2.data(stream, part, end=end and begin + len(part) == len(content)))
            self.window -= stop - at
            self._stream_windows[stream] = self._window_of(stream) - (stop - at)
            at = stop
            if not self.send(b"".join(frames)):
                return False
        return True

    def call(
        self,
        path: str = http2.SERVER_LIVE,
        content: bytes = b"",
        *,
        fields: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = REACTION_S,
    ) -> Response:
        """A whole unary call, and what came of it. `body` is sent instead of one message with the content."""
        stream = self.open(http2.block(http2.call_fields(path) if fields is None else fields))
        self.send_body(stream, http2.message(content) if body is None else body)
        self.wait(lambda: self.responses[stream].over, timeout_s)
        return self.responses[stream]

    def resets(self) -> int:
        """How many streams the server has reset."""
        return self.frames[http2.RST_STREAM, 0]

    def _window_of(self, stream: int) -> int:
        return self._stream_windows.setdefault(stream, self.stream_window)

    def _wait_for_more_than(self, room: int, stream: int) -> bool:
        """Waits until the windows have more room than that; False where that does not come."""

        def opened() -> bool:
            return min(self.window, self._window_of(stream)) > room

        return self.wait(lambda: self.responses[stream].over or opened()) and not self.responses[stream].over

    def _turn(self, deadline: float) -> None:
        """Waits for the socket once, then reads and writes what it can."""
        patience = max(0.0, deadline - time.monotonic())
        readable, writable, _ = select.select(
            [self._socket] if self.reads else [], [self._socket] if self._unsent else [], [], patience
        )
        try:
            if readable:
                self._read()
            if writable and not self.closed:
                del self._unsent[: self._socket.send(self._unsent[: 1 << 18])]
        except BlockingIOError:
            pass
        except ConnectionError:
            # What the server said before it hung up is still there.
            self._unsent.clear()
            if not self.reads:
                self.closed = True

    def _read(self) -> None:
        try:
            chunk = self._socket.recv(1 << 20)
        except ConnectionError:
            chunk = b""
        if not chunk:
            self.closed = True
        self._received += chunk
        at = 0
        while len(self._received) - at >= _HEADER_BYTES:
            length = int.from_bytes(self._received[at : at + 3], "big")
            kind, flags, stream = struct.unpack_from(">BBI", self._received, at + 3)
            end = at + _HEADER_BYTES + length
            if len(self._received) < end:
                break
            self._take(kind, flags, stream & http2.MAX_WINDOW, bytes(self._received[at + _HEADER_BYTES : end]))
            at = end
        del self._received[:at]

    def _take(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        self.frames[kind, flags] += 1
        if kind in (http2.HEADERS, http2.CONTINUATION):
            # The servers that we test neither pad header blocks nor give them priorities.
            self._header_block += content
            if flags & http2.END_HEADERS:
                self.responses[stream].blocks.append(dict(self._decoder.decode(self._header_block)))
                self._header_block = b""
        elif kind == http2.DATA:
            self.responses[stream].body += content
        elif kind == http2.RST_STREAM:
            self.responses[stream].reset = int.from_bytes(content, "big")
        elif kind == http2.SETTINGS and not flags & http2.ACK:
            for at in range(0, len(content), 6):
                key, value = struct.unpack_from(">HI", content, at)
                if key == http2.INITIAL_WINDOW_SIZE:
                    self._stream_windows = {
                        number: window + value - self.stream_window for number, window in self._stream_windows.items()
                    }
                    self.stream_window = value
            if self.answers:
                self._unsent += http2.settings_ack()
        elif kind == http2.PING and not flags & http2.ACK and self.answers:
            self._unsent += http2.ping(ack=True, opaque=content)
        elif kind == http2.WINDOW_UPDATE:
            increment = int.from_bytes(content, "big")
            if stream == 0:
                self.window += increment
            else:
                self._stream_windows[stream] = self._window_of(stream) + increment
        elif kind == http2.GOAWAY:
            self.goaway = int.from_bytes(content[4:8], "big")
        if kind in (http2.HEADERS, http2.DATA) and flags & http2.END_STREAM:
            self.responses[stream].complete = True

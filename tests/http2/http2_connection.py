"""A client's side of one HTTP/2 connection that says only what it is told to say, and hears everything.

It acknowledges no settings and opens no windows by itself after the handshake, so a case decides about every byte.
What arrives is parsed by `hyperframe` and `hpack`: a server that answers with broken frames fails the case.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass, field

import hpack
import http2_frames as http2
import hyperframe.frame

# How long a server has for one reaction, and for the handshakes. Nothing waits this long on a server that reacts.
DEADLINE_S = 3.0
HANDSHAKE_S = 10.0


class Closed:
    """The peer has ended the connection, politely or not."""

    def __str__(self) -> str:
        return "connection closed"


@dataclass
class Received:
    """A frame, and the decoded fields where it completes a header block."""

    frame: hyperframe.frame.Frame
    fields: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        flags = ",".join(sorted(self.frame.flags))
        status = [value for name, value in self.fields if name in (":status", "grpc-status")]
        code = getattr(self.frame, "error_code", None)
        details = [f"stream {self.frame.stream_id}", f"{self.frame.body_len} bytes"]
        details += [flags] if flags else []
        details += [f"status {'/'.join(status)}"] if status else []
        details += [http2.ErrorCode(code).name] if code is not None and code in set(http2.ErrorCode) else []
        return f"{type(self.frame).__name__.removesuffix('Frame')}({', '.join(details)})"


class DeadlinePassedError(Exception):
    """The server has not reacted in time."""


class Http2Connection:
    """Connects at once; TLS with ALPN "h2" where a context is given. `close` ends it."""

    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext | None, path: str) -> None:
        self.scheme = "http" if tls is None else "https"
        self.authority = f"{address[0]}:{address[1]}"
        self.path = path
        self.encoder = hpack.Encoder()
        self.peer_settings: dict[int, int] = {}
        self.transcript: list[str] = []
        self._decoder = hpack.Decoder()
        self._block: hyperframe.frame.HeadersFrame | None = None
        self._received = bytearray()
        self._socket: socket.socket = socket.create_connection(address, HANDSHAKE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            secure = tls.wrap_socket(self._socket, server_hostname=address[0])
            self._socket = secure
            assert secure.selected_alpn_protocol() == "h2"

    def close(self) -> None:
        self._socket.close()

    def send(self, *frames: bytes) -> None:
        """Sends the frames in one piece. Says nothing about a peer that has hung up: reading does."""
        self.transcript += [f"sent {describe(sent)}" for sent in frames]
        self._socket.settimeout(DEADLINE_S)
        try:
            self._socket.sendall(b"".join(frames))
        except (ConnectionError, ssl.SSLError):
            self.transcript.append("sending failed")

    def next_event(self, deadline: float) -> Received | Closed:
        """The next frame, or the end of the connection. Raises DeadlinePassedError."""
        while True:
            size = http2.HEADER_BYTES
            if len(self._received) >= size:
                size += int.from_bytes(self._received[:3], "big")
                if len(self._received) >= size:
                    return self._take(size)
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                chunk = self._socket.recv(65_536)
            except TimeoutError:
                self.transcript.append("the server did not react in time")
                raise DeadlinePassedError from None
            except (ConnectionError, ssl.SSLError):
                chunk = b""
            if not chunk:
                self.transcript.append("connection closed")
                return Closed()
            self._received += chunk

    def handshake(self) -> None:
        """Exchanges prefaces and waits until both sides have acknowledged the other's settings."""
        self.send(http2.PREFACE, http2.settings({http2.Setting.INITIAL_WINDOW_SIZE: http2.INITIAL_WINDOW}))
        deadline = time.monotonic() + HANDSHAKE_S
        heard = acknowledged = False
        while not (heard and acknowledged):
            event = self.next_event(deadline)
            assert isinstance(event, Received), "the server hung up in the handshake"
            if isinstance(event.frame, hyperframe.frame.SettingsFrame):
                if "ACK" in event.frame.flags:
                    acknowledged = True
                else:
                    heard = True
                    self.peer_settings |= event.frame.settings
                    self.send(http2.settings_ack())

    def max_frame_size(self) -> int:
        """The largest frame content that the server takes."""
        return self.peer_settings.get(http2.Setting.MAX_FRAME_SIZE, 16_384)

    def request_fields(self, *more: tuple[str, str], method: str = "POST") -> list[tuple[str, str]]:
        """The fields of a gRPC request without arguments (valid HTTP for any server), and more."""
        pseudo = [(":method", method), (":scheme", self.scheme), (":path", self.path), (":authority", self.authority)]
        return [*pseudo, ("content-type", "application/grpc"), ("te", "trailers"), *more]

    def block(self, fields: list[tuple[str, str]]) -> bytes:
        """The fields as a header block, in this order. The encoder's table is the connection's."""
        return self.encoder.encode(fields)

    def request_block(self, *more: tuple[str, str], method: str = "POST") -> bytes:
        """`request_fields` as a header block."""
        return self.block(self.request_fields(*more, method=method))

    def _take(self, size: int) -> Received:
        """Parses the frame in the first `size` received bytes and keeps the decoder's table in step."""
        raw = memoryview(bytes(self._received[:size]))
        del self._received[:size]
        frame, _ = hyperframe.frame.Frame.parse_frame_header(raw[: http2.HEADER_BYTES])
        frame.parse_body(raw[http2.HEADER_BYTES :])
        event = Received(frame)
        if isinstance(frame, hyperframe.frame.HeadersFrame):
            self._block = frame
        elif isinstance(frame, hyperframe.frame.ContinuationFrame) and self._block is not None:
            self._block.data += frame.data
        if self._block is not None and "END_HEADERS" in frame.flags:
            # A header block that goes on in CONTINUATION frames is reported as the one frame that it means.
            fields = [(str(name), str(value)) for name, value in self._decoder.decode(self._block.data)]
            event = Received(self._block, fields)
            self._block = None
        self.transcript.append(f"received {event}")
        return event


def describe(sent: bytes) -> str:
    """A frame of ours for the transcript: its header in words, or its first bytes where it is none."""
    length = int.from_bytes(sent[:3], "big")
    if len(sent) < http2.HEADER_BYTES or length != len(sent) - http2.HEADER_BYTES:
        return repr(sent[:40])
    stream_id = int.from_bytes(sent[5:9], "big")
    content = sent[9:25].hex(" ") + (" …" if length > 16 else "")
    return f"{http2.name_of(sent[3])}(stream {stream_id}, {length} bytes, flags 0x{sent[4]:02x}) {content}".rstrip()

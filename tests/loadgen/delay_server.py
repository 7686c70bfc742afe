"""A gRPC server that takes exactly as long as it is told to, and keeps a record of how long it really took.

Made for measuring a load generator, so it is plain: one thread, HTTP/2 frames by hand,
deadlines waited for without sleeping through them. Every request, whatever it asks, is one of

    fixed SECONDS                  answered so long after its last byte came
    mix FAST SLOW PART             a PART of them (0.2: a fifth) after SLOW, the others after FAST seconds
    stall AFTER LENGTH             answered at once; but none from AFTER seconds past the first request on, for LENGTH

    python delay_server.py RECORD.npy fixed 0.005

prints its port, serves one connection after another, and ends with its standard input. The record has a row for every
request of the last connection, in their order (RECORD). It bears witness to what the client saw: a PING goes out right
behind each answer, and a client that has read both acknowledges it.
"""

from __future__ import annotations

import gc
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from heapq import heappop, heappush

import numpy as np

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0x0, 0x1, 0x4, 0x6, 0x8
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1
SPIN_NS = 300_000  # how long before a deadline sleeping ends
SO_TIMESTAMPNS = 35  # Linux: a read is told when the kernel got what it reads (CLOCK_REALTIME)
MESSAGE = b"\x00\x00\x00\x00\x40" + b"\x2a" * 64

# In ns: how long the answer took, from the read of the request to the write of the answer; and by the kernel's clock
# when the request had come, and when the client had read the answer (0: it left before it said so).
RECORD = np.dtype([("taken", np.int64), ("came", np.int64), ("seen", np.int64)])

Delay = Callable[[int], int]  # from the moment of a request to that of its answer, in ns


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return struct.pack(">IBI", len(body) << 8 | kind, flags, stream) + body


def answer(stream: int) -> bytes:
    """Status 200, one message, grpc-status 0; HPACK without the dynamic table."""
    head = b"\x88" + b"\x0f\x10\x10application/grpc"
    tail = b"\x00\x0bgrpc-status\x010"
    return (
        frame(HEADERS, END_HEADERS, stream, head)
        + frame(DATA, 0, stream, MESSAGE)
        + frame(HEADERS, END_HEADERS | END_STREAM, stream, tail)
    )


def _moment(timespec: bytes) -> int:
    seconds, nanoseconds = struct.unpack("qq", timespec)
    return int(seconds * 1_000_000_000 + nanoseconds)


class Connection:
    """One client, until it hangs up."""

    def __init__(self, sock: socket.socket, delay: Delay) -> None:
        self._sock = sock
        self._delay = delay
        self._buffer = bytearray()
        self._preface = True
        self._waiting: list[tuple[int, int, int]] = []  # due, stream, read
        self._unacknowledged = 0
        self._rows: dict[int, list[int]] = {}  # of RECORD, by stream
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.sendall(frame(SETTINGS, 0, 0, b""))

    def serve(self) -> np.ndarray:
        """Until the client hangs up; the record."""
        while self._receive():
            self._send_due()
        return np.array([tuple(self._rows[stream]) for stream in sorted(self._rows)], dtype=RECORD)

    def _receive(self) -> bool:
        """Waits for the next bytes or the next deadline. False when the client has hung up."""
        now = time.monotonic_ns()
        wait_s = max(0, self._waiting[0][0] - now - SPIN_NS) / 1e9 if self._waiting else None
        if not select.select([self._sock], [], [], wait_s)[0]:
            return True
        try:
            received, told, _, _ = self._sock.recvmsg(1 << 18, 64)
        except ConnectionError:
            return False
        read = time.monotonic_ns()
        came = _moment(told[0][2]) if told else time.time_ns()  # the kernel had not begun to tell when the first came
        self._buffer += received
        if self._preface and len(self._buffer) >= len(PREFACE):
            del self._buffer[: len(PREFACE)]
            self._preface = False
        if not self._preface:
            self._take_frames(read, came)
        return bool(received)

    def _take_frames(self, read: int, came: int) -> None:
        place = 0
        while len(self._buffer) - place >= 9:
            length_and_kind, flags, stream = struct.unpack_from(">IBI", self._buffer, place)
            length, kind = length_and_kind >> 8, length_and_kind & 0xFF
            if len(self._buffer) - place - 9 < length:
                break
            body = bytes(self._buffer[place + 9 : place + 9 + length])
            place += 9 + length
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                heappush(self._waiting, (self._delay(read), stream, read))
                self._rows[stream] = [0, came, 0]
            if kind == DATA:
                self._unacknowledged += length
            elif kind == PING and flags & ACK:
                self._rows[int.from_bytes(body)][2] = came
            elif kind in (SETTINGS, PING) and not flags & ACK:
                self._sock.sendall(frame(kind, ACK, 0, body if kind == PING else b""))
        del self._buffer[:place]
        if self._unacknowledged > 1 << 14:
            self._sock.sendall(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self._unacknowledged)))
            self._unacknowledged = 0

    def _send_due(self) -> None:
        while self._waiting:
            now = time.monotonic_ns()
            due, stream, read = self._waiting[0]
            if now < due:
                if due - now < SPIN_NS:
                    if select.select([self._sock], [], [], 0)[0]:
                        return
                    continue
                return
            heappop(self._waiting)
            self._sock.sendall(answer(stream) + frame(PING, 0, 0, stream.to_bytes(8)))
            self._rows[stream][0] = time.monotonic_ns() - read


def delay_of(kind: str, numbers: list[float]) -> Callable[[], Delay]:
    """A new one for every connection."""

    def fixed() -> Delay:
        length = int(numbers[0] * 1e9)
        return lambda came: came + length

    def mix() -> Delay:
        fast, slow, part = int(numbers[0] * 1e9), int(numbers[1] * 1e9), numbers[2]
        chance = random.Random(1)
        return lambda came: came + (slow if chance.random() < part else fast)

    def stall() -> Delay:
        first: list[int] = []

        def due(came: int) -> int:
            if not first:
                first.append(came)
            begin = first[0] + int(numbers[0] * 1e9)
            end = begin + int(numbers[1] * 1e9)
            return end if begin <= came < end else came

        return due

    return {"fixed": fixed, "mix": mix, "stall": stall}[kind]


def main() -> None:
    record_path, kind, *numbers = sys.argv[1:]
    new_delay = delay_of(kind, [float(number) for number in numbers])
    gc.disable()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        while listening in select.select([listening, sys.stdin], [], [])[0]:
            with listening.accept()[0] as sock:
                record = Connection(sock, new_delay()).serve()
            np.save(record_path, record)
            print("saved", flush=True)


if __name__ == "__main__":
    main()

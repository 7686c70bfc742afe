"""Python's side of one call that the native server handed out: what came in, and what was told of the answer.

Thread-safe. Events come in on the transport's event loop. A synchronous servicer waits for them on its own thread, an
asynchronous one on the loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

import grpc

from pyserver import _core
from pyserver.transport.infer_calls import STATUS_CODES

HIGH_WATER_BYTES = 256 * 1024
"""A servicer that sends waits while so many bytes of its answers are not on their way to the socket yet."""

# Between two looks at the backlog: where many small messages made it, it may shrink without an event.
_LOOK_S = 0.02

# Google's richer status, which travels in a trailer of the protocol's own.
_DETAILS_KEY = "grpc-status-details-bin"

MetadataLike = Iterable[tuple[str, "str | bytes"]]


class Metadatum(NamedTuple):
    """One entry of metadata. The value is bytes where the key ends in "-bin"."""

    key: str
    value: str | bytes


class CallOverError(grpc.RpcError):
    """The call has ended: nothing more can be read of it or said about it."""


class ServicerCall:
    """One call. `code`, `details`, `trailing`: what the servicer said of its end until now."""

    def __init__(self, handed: _core.HandedCall) -> None:
        self.handed = handed
        self.path = handed.path
        self.metadata = tuple(Metadatum(key, value) for key, value in handed.metadata())
        self.code: grpc.StatusCode | None = None
        self.details = ""
        self.trailing: Sequence[Metadatum] = ()
        self.aborted = False
        self.message_was_compressed = False
        self._state = threading.Condition()
        self._changed = asyncio.Event()  # the same for the loop
        self._messages: deque[_core.ReceivedMessage] = deque()
        self._half_closed = False
        self._headers_sent = False
        self._compress_next = True
        self._finished = False
        self._gone = False
        self._callbacks: list[Callable[[], None]] | None = []

    # What happens to the call; on the loop.

    def on_message(self, message: _core.ReceivedMessage) -> None:
        """A message came."""
        with self._state:
            if not self._finished:
                self._messages.append(message)
            self._tell()

    def on_half_close(self) -> None:
        """No more messages will come."""
        with self._state:
            self._half_closed = True
            self._tell()

    def on_writable(self) -> None:
        """Who waits for room may go on."""
        with self._state:
            self._tell()

    def on_over(self) -> list[Callable[[], None]]:
        """The last byte of the answer is sent. Returns what was to be called then."""
        with self._state:
            self._finished = True
            self._messages.clear()
            self._tell()
            callbacks, self._callbacks = self._callbacks or [], None
            return callbacks

    def on_cancelled(self, code: int, reason: str) -> list[Callable[[], None]]:
        """The call is gone before it was answered. Returns what was to be called then."""
        with self._state:
            self._gone = True
            if self.code is None:
                self.code, self.details = STATUS_CODES[code], reason
        return self.on_over()

    # What the servicer does; any thread.

    @property
    def is_active(self) -> bool:
        """Whether an answer would still reach the caller."""
        return not self._finished

    @property
    def waiting_messages(self) -> int:
        """Messages that came and were not taken."""
        return len(self._messages)

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Calls it on the loop when the call is over. False: it is already."""
        with self._state:
            if self._callbacks is None:
                return False
            self._callbacks.append(callback)
            return True

    def next_message(self) -> bytes | None:
        """The next message of the request, None where there are no more. Raises CallOverError."""
        with self._state:
            self._state.wait_for(self._can_read)
            message = self._pop()
        return None if message is None else self._taken(message)

    async def next_message_async(self) -> bytes | None:
        """The same on the loop."""
        while not self._can_read():
            self._changed.clear()
            await self._changed.wait()
        with self._state:
            message = self._pop()
        return None if message is None else self._taken(message)

    def wait_for_room(self) -> None:
        """Until more may be sent, or the call is over."""
        with self._state:
            while not self._state.wait_for(self._has_room, _LOOK_S):
                pass

    async def wait_for_room_async(self) -> None:
        """The same on the loop."""
        while not self._has_room():
            self._changed.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK_S)

    def set_compression(self, compression: _core.Compression) -> None:
        """How messages are compressed from here on. ValueError once something was sent."""
        with self._state:
            self._refuse_after_headers("the compression cannot be chosen any more")
            self.handed.set_compression(compression)

    def disable_next_message_compression(self) -> None:
        """The next message goes as it is."""
        self._compress_next = False

    def send_initial_metadata(self, metadata: MetadataLike) -> None:
        """Sends it at once. ValueError once something was sent; CallOverError."""
        with self._state:
            if self._finished:
                raise CallOverError("the call is over")
            self._refuse_after_headers("initial metadata cannot be sent any more")
            entries = checked(metadata)
            self._headers_sent = True
            self.handed.send_initial_metadata(entries)

    def send(self, message: bytes) -> None:
        """Sends one message of the answer; nothing where the call is over."""
        with self._state:
            if self._finished:
                return
            self._headers_sent = True
            compress, self._compress_next = self._compress_next, True
            try:
                self.handed.send_message(message, compress)
                return
            except _core.StatusError as error:
                code, details = STATUS_CODES[error.code], error.message
        self.finish(code, details)

    def finish(self, code: grpc.StatusCode, details: str) -> None:
        """Ends the call; nothing where it is over."""
        with self._state:
            if self._finished:
                return
            self._finished = True
            self._messages.clear()
            self.code, self.details = code, details
            trailing = [entry for entry in self.trailing if entry.key != _DETAILS_KEY]
            rich = next((entry.value for entry in self.trailing if entry.key == _DETAILS_KEY), b"")
            self.handed.finish(code.value[0], details, trailing, rich)
            self._tell()

    def finish_as_told(self) -> None:
        """Ends the call with the code and details that the servicer set; OK by default."""
        self.finish(self.code or grpc.StatusCode.OK, self.details)

    def _tell(self) -> None:
        self._state.notify_all()
        # On the loop's thread only: asynchronous servicers and all events are.
        self._changed.set()

    def _can_read(self) -> bool:
        return bool(self._messages) or self._half_closed or self._finished

    def _has_room(self) -> bool:
        return self._finished or self.handed.backlog <= HIGH_WATER_BYTES

    def _pop(self) -> _core.ReceivedMessage | None:
        if self._gone:
            raise CallOverError("the call is over")
        return self._messages.popleft() if self._messages else None

    def _taken(self, message: _core.ReceivedMessage) -> bytes:
        size = len(message)
        self.message_was_compressed = message.was_compressed
        data = message.take()
        self.handed.taken(size)
        return data

    def _refuse_after_headers(self, what: str) -> None:
        if self._headers_sent:
            raise ValueError(f"{what}: the answer has begun")


def checked(metadata: MetadataLike | None) -> Sequence[Metadatum]:
    """The entries; ValueError where one cannot be sent."""
    entries = [Metadatum(key, value) for key, value in metadata or ()]
    try:
        _core.check_metadata([entry for entry in entries if entry.key != _DETAILS_KEY])
    except _core.StatusError as error:
        raise ValueError(error.message) from None
    return entries

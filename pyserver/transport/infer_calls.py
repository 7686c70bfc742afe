"""The calls that run models, over grpc.aio: request bytes into the core, response bytes out, no protobuf in Python.

Everything here runs on the transport's event loop. The core finishes calls on its own threads and makes one file
descriptor readable; one wake of the loop fetches all that finished meanwhile.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import grpc

from pyserver import _core
from pyserver.logs import log_request
from pyserver.transport import InferMethods

MAX_UNANSWERED = 256
"""Requests of one stream that may wait for their answers; while there are so many, nothing more is read of it."""
MAX_UNANSWERED_BYTES = 32 * 1024 * 1024
"""What they, and answers that the caller did not read yet, may weigh together. One request may always run."""

STREAM_PROTOCOLS = (_core.Protocol.PREDICT_STREAM, _core.Protocol.MODEL_STREAM_INFER)
STOPPING = "the server is stopping"
STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


class InferCalls(grpc.GenericRpcHandler):
    """Answers the methods added to it by the core."""

    def __init__(self, core: _core.Core, stopping: asyncio.Event, log: logging.Logger) -> None:
        self._core = core
        self._stopping = stopping
        self._log = log
        self._methods: dict[str, Any] = {}

    def add(self, methods: InferMethods) -> None:
        """Answers these methods from now on."""
        for path, protocol in methods.items():
            if protocol in STREAM_PROTOCOLS:
                self._methods[path] = grpc.stream_stream_rpc_method_handler(self._stream_call(protocol))
            else:
                self._methods[path] = grpc.unary_unary_rpc_method_handler(self._unary_call(protocol))

    def service(self, handler_call_details: Any) -> Any:
        """Called by grpc: who answers this method, None where it is not one of these."""
        return self._methods.get(handler_call_details.method)

    def collect(self) -> None:
        """Hands every finished call to who waits for it. Called when the core's file descriptor is readable."""
        for token, completed in self._core.completed():
            log_request(self._log, completed)
            token(completed)

    def _unary_call(self, protocol: _core.Protocol) -> Callable[[bytes, Any], Awaitable[bytes]]:
        core, loop = self._core, asyncio.get_running_loop()

        async def answer(request: bytes, context: Any) -> bytes:
            finished: asyncio.Future[_core.Completed] = loop.create_future()
            call = core.infer(protocol, request, context.time_remaining(), partial(_resolve, finished))
            try:
                completed = await finished
            except asyncio.CancelledError:
                call.cancel()
                raise
            if completed.code != 0 or completed.response is None:
                await context.abort(STATUS_CODES[completed.code], completed.message)
            response: bytes = completed.response  # type: ignore[assignment]
            return response

        return answer

    def _stream_call(self, protocol: _core.Protocol) -> Callable[[AsyncIterator[bytes], Any], Awaitable[None]]:
        async def answer(requests: AsyncIterator[bytes], context: Any) -> None:
            await _InferStream(self._core, protocol, self._stopping).run(requests, context)

        return answer


def _resolve(finished: "asyncio.Future[_core.Completed]", completed: _core.Completed) -> None:
    if not finished.done():
        finished.set_result(completed)


class _InferStream:
    """One stream of requests: it reads on while answers are written in the order in which they are ready."""

    def __init__(self, core: _core.Core, protocol: _core.Protocol, stopping: asyncio.Event) -> None:
        self._core = core
        self._protocol = protocol
        self._stopping = stopping
        self._underway: dict[int, _core.InferCall] = {}
        self._unanswered = 0
        self._unanswered_bytes = 0
        self._room = asyncio.Event()
        # None: there are no more requests.
        self._answers: asyncio.Queue[_core.Completed | None] = asyncio.Queue()

    async def run(self, requests: AsyncIterator[bytes], context: Any) -> None:
        reader = asyncio.create_task(self._read(requests, context))
        stopper = asyncio.create_task(self._stop_reading(reader))
        try:
            await self._write(context)
        finally:
            stopper.cancel()
            reader.cancel()
            for call in self._underway.values():
                call.cancel()
        if self._stopping.is_set() and reader.cancelled():
            await context.abort(grpc.StatusCode.UNAVAILABLE, STOPPING)
        await reader  # raises what the reader met

    async def _read(self, requests: AsyncIterator[bytes], context: Any) -> None:
        number = 0
        try:
            async for request in requests:
                while self._is_full(len(request)):
                    self._room.clear()
                    await self._room.wait()
                number += 1
                self._hold(len(request))
                self._underway[number] = self._core.infer(
                    self._protocol, request, context.time_remaining(), partial(self._finish, number, len(request))
                )
        finally:
            self._answers.put_nowait(None)

    async def _stop_reading(self, reader: "asyncio.Task[None]") -> None:
        await self._stopping.wait()
        reader.cancel()

    def _is_full(self, size: int) -> bool:
        too_heavy = self._unanswered > 0 and self._unanswered_bytes + size > MAX_UNANSWERED_BYTES
        return self._unanswered >= MAX_UNANSWERED or too_heavy

    def _hold(self, size: int) -> None:
        self._unanswered += 1
        self._unanswered_bytes += size

    def _release(self, size: int) -> None:
        self._unanswered -= 1
        self._unanswered_bytes -= size
        self._room.set()

    def _finish(self, number: int, request_size: int, completed: _core.Completed) -> None:
        self._underway.pop(number, None)
        self._release(request_size)
        self._hold(len(completed.response or b""))
        self._answers.put_nowait(completed)

    async def _write(self, context: Any) -> None:
        reading = True
        while reading or self._underway or not self._answers.empty():
            completed = await self._answers.get()
            if completed is None:
                reading = False
                continue
            response = completed.response
            if response is None:
                await context.abort(STATUS_CODES[completed.code], completed.message)
            else:
                await context.write(response)
                self._release(len(response))

"""Runs servicers' methods, each where it can wait without harm to others.

    asynchronous                    a task on the event loop
    synchronous, one message each   a control thread, once its request is complete
    synchronous, a stream           a stream thread: such a call may last as long as the caller likes

Failures are answered as servicer_failure.py says.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import aclosing, suppress
from typing import Any

import grpc

from pyserver.transport.servicer_call import CallOverError, ServicerCall
from pyserver.transport.servicer_context import AsyncContext, SyncContext
from pyserver.transport.servicer_failure import answer_to, reader

MAX_WAITING = 4096
"""Complete requests that may wait for a control thread."""


class ServicerRuns:
    """Thread-safe. `control_threads` and `stream_threads` bound how many synchronous methods run at the same time."""

    def __init__(self, control_threads: int, stream_threads: int, log: logging.Logger) -> None:
        self._control = _BoundedPool(control_threads, control_threads + MAX_WAITING, "pyserver-control")
        self._streams = _BoundedPool(stream_threads, stream_threads, "pyserver-streams")
        self._log = log

    def start(self, call: ServicerCall, handler: Any) -> asyncio.Task[None] | None:
        """Begins to answer; on the event loop. Returns the task of an asynchronous method."""
        behaviour = _behaviour(handler)
        if inspect.iscoroutinefunction(behaviour) or inspect.isasyncgenfunction(behaviour):
            return asyncio.create_task(self._run_async(call, handler, behaviour))
        waits = handler.request_streaming or handler.response_streaming
        by_callback = not handler.request_streaming and getattr(behaviour, "experimental_non_blocking", False)
        if by_callback and handler.response_streaming:
            accepted = self._control.submit(self._run_by_callback, call, handler, behaviour)
            full = "too many requests wait"
        else:
            pool = self._streams if waits else self._control
            accepted = pool.submit(self._run_sync, call, handler, behaviour)
            full = f"{self._streams.limit} streams run, which is the limit" if waits else "too many requests wait"
        if not accepted:
            call.finish(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{call.path}: {full}")
        return None

    def shut_down(self) -> None:
        """Takes no more; what runs goes on."""
        self._control.shut_down()
        self._streams.shut_down()

    def _run_sync(self, call: ServicerCall, handler: Any, behaviour: Callable[..., Any]) -> None:
        if not call.is_active:
            return  # its caller gave it up while it waited for a thread
        read, write = reader(handler.request_deserializer, call.path), _writer(handler)
        context = SyncContext(call, write, read)
        try:
            answer = behaviour(_requests(call, read) if handler.request_streaming else _request(call, read), context)
            if handler.response_streaming:
                for response in answer:
                    call.send(write(response))
                    call.wait_for_room()
                    if not call.is_active:
                        return
            else:
                _send_only(call, write, answer)
            call.finish_as_told()
        except BaseException as error:
            self._fail(call, error)

    def _run_by_callback(self, call: ServicerCall, handler: Any, behaviour: Callable[..., Any]) -> None:
        """As grpcio's experimental_non_blocking: the method returns and answers later, None being the end."""
        read, write = reader(handler.request_deserializer, call.path), _writer(handler)

        def send(response: Any) -> None:
            if response is None:
                call.finish_as_told()
            else:
                call.send(write(response))

        try:
            behaviour(_request(call, read), SyncContext(call, write, read), send)
        except BaseException as error:
            self._fail(call, error)

    async def _run_async(self, call: ServicerCall, handler: Any, behaviour: Callable[..., Any]) -> None:
        read, write = reader(handler.request_deserializer, call.path), _writer(handler)
        context = AsyncContext(call, write, read)
        try:
            request = _AsyncRequests(call, read) if handler.request_streaming else _request(call, read)
            if inspect.isasyncgenfunction(behaviour):
                async with aclosing(behaviour(request, context)) as responses:
                    async for response in responses:
                        await context.write(response)
            else:
                answer = await behaviour(request, context)
                if not handler.response_streaming:
                    _send_only(call, write, answer)
            call.finish_as_told()
        except asyncio.CancelledError:
            # Nothing, where the task was cancelled because the call is over.
            call.finish(grpc.StatusCode.CANCELLED, "the servicer was cancelled")
            raise
        except Exception as error:
            self._fail(call, error)

    def _fail(self, call: ServicerCall, error: BaseException) -> None:
        if call.aborted:
            call.finish_as_told()
        elif not isinstance(error, CallOverError):
            call.finish(*answer_to(error, self._log))


class _BoundedPool:
    """Threads that take so many tasks, running and waiting, and no more."""

    def __init__(self, threads: int, limit: int, name: str) -> None:
        self.limit = limit
        self._threads = futures.ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = threading.Semaphore(limit)

    def submit(self, function: Callable[..., None], *arguments: Any) -> bool:
        """Runs it soon. False: there is no place."""
        if not self._places.acquire(blocking=False):
            return False
        with suppress(RuntimeError):  # shut down: the call is ended by who shut it down
            self._threads.submit(function, *arguments).add_done_callback(lambda _: self._places.release())
        return True

    def shut_down(self) -> None:
        """What waits is not run."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _AsyncRequests:
    """A stream of requests, for an asynchronous servicer."""

    def __init__(self, call: ServicerCall, read: Callable[[bytes], Any]) -> None:
        self._call = call
        self._read = read

    def __aiter__(self) -> _AsyncRequests:
        return self

    async def __anext__(self) -> Any:
        data = await self._call.next_message_async()
        if data is None:
            raise StopAsyncIteration
        return self._read(data)


def _requests(call: ServicerCall, read: Callable[[bytes], Any]) -> Iterator[Any]:
    while (data := call.next_message()) is not None:
        yield read(data)


def _request(call: ServicerCall, read: Callable[[bytes], Any]) -> Any:
    """The only one, which is there."""
    data = call.next_message()
    if data is None:
        raise CallOverError("the call is over")
    return read(data)


def _send_only(call: ServicerCall, write: Callable[[Any], bytes], answer: Any) -> None:
    """A failure that was told by set_code() needs no message."""
    if call.code in (None, grpc.StatusCode.OK):
        call.send(write(answer))


def _behaviour(handler: Any) -> Callable[..., Any]:
    if handler.request_streaming:
        found = handler.stream_stream if handler.response_streaming else handler.stream_unary
    else:
        found = handler.unary_stream if handler.response_streaming else handler.unary_unary
    return found  # type: ignore[no-any-return]


def _writer(handler: Any) -> Callable[[Any], bytes]:
    return handler.response_serializer or (lambda response: response)

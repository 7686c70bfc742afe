"""Ordinary servicers over grpc.aio, made to behave alike.

- Failures are answered as servicer_failure.py says.
- A stream of an asynchronous servicer ends with UNAVAILABLE when the server stops, so that it holds up no one.

Synchronous servicers run on the transport's control threads, asynchronous ones on its event loop.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc
from grpc import aio

from pyserver.transport.infer_calls import STOPPING
from pyserver.transport.servicer_failure import answer_to, reader


class ControlCalls(grpc.GenericRpcHandler):
    """Passes the calls of one registered servicer on to it."""

    def __init__(self, servicer: Any, stopping: asyncio.Event, log: logging.Logger) -> None:
        self._servicer = servicer
        self._stopping = stopping
        self._log = log
        self._methods: dict[str, Any] = {}

    def service(self, handler_call_details: Any) -> Any:
        """Called by grpc: who answers this method, None where it is not one of the servicer's."""
        method = handler_call_details.method
        if method not in self._methods:
            found = self._servicer.service(handler_call_details)
            if found is None:
                return None
            self._methods[method] = self._wrapped(found, method)
        return self._methods[method]

    def _wrapped(self, found: Any, method: str) -> Any:
        if found.stream_unary:
            return found
        if found.unary_unary:
            behaviour = found.unary_unary
            is_async = inspect.iscoroutinefunction(behaviour)
            read = reader(found.request_deserializer, method)
            answer = self._async_unary(behaviour, read) if is_async else self._sync_unary(behaviour, read)
            return grpc.unary_unary_rpc_method_handler(answer, None, found.response_serializer)
        behaviour = found.unary_stream or found.stream_stream
        if not inspect.isasyncgenfunction(behaviour):
            return found
        if found.unary_stream:
            read = reader(found.request_deserializer, method)
            stream = self._async_stream(behaviour, read)
            return grpc.unary_stream_rpc_method_handler(stream, None, found.response_serializer)
        stream = self._async_stream(behaviour, lambda requests: requests)
        return grpc.stream_stream_rpc_method_handler(stream, found.request_deserializer, found.response_serializer)

    def _sync_unary(self, behaviour: Callable[..., Any], read: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
        def answer(data: bytes, aio_context: Any) -> Any:
            try:
                return behaviour(read(data), _RaisingContext(aio_context))
            except aio.AbortError:
                pass
            except Exception as error:
                aio_context.abort(*answer_to(error, self._log))
            # grpc.aio remembers the abort; an exception that is not its own it would log as a failure of the server.
            return None

        return answer

    def _async_unary(
        self, behaviour: Callable[..., Awaitable[Any]], read: Callable[[Any], Any]
    ) -> Callable[[Any, Any], Awaitable[Any]]:
        async def answer(data: bytes, context: Any) -> Any:
            try:
                return await behaviour(read(data), context)
            except aio.AbortError:
                raise
            except Exception as error:
                await context.abort(*answer_to(error, self._log))

        return answer

    def _async_stream(
        self, behaviour: Callable[..., AsyncIterator[Any]], read: Callable[[Any], Any]
    ) -> Callable[[Any, Any], AsyncIterator[Any]]:
        async def answer(data: Any, context: Any) -> AsyncIterator[Any]:
            stopped = asyncio.create_task(self._stopping.wait())
            responses = None
            try:
                responses = behaviour(read(data), context)
                async for response in _until(stopped, responses):
                    yield response
            except aio.AbortError:
                raise
            except Exception as error:
                await context.abort(*answer_to(error, self._log))
            finally:
                ended = stopped.done()
                stopped.cancel()
                if responses is not None:
                    await responses.aclose()  # type: ignore[attr-defined]
            if ended:
                await context.abort(grpc.StatusCode.UNAVAILABLE, STOPPING)

        return answer


class _RaisingContext:
    """A synchronous servicer's context whose abort() raises, as that of `grpc.Server`; grpc.aio's returns."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        self._context.abort(code, details)
        raise aio.AbortError

    def abort_with_status(self, status: grpc.Status) -> NoReturn:
        # grpc.aio's context for synchronous servicers has none.
        self._context.set_trailing_metadata(status.trailing_metadata)
        self.abort(status.code, status.details)


async def _until(stopped: "asyncio.Task[Any]", responses: AsyncIterator[Any]) -> AsyncIterator[Any]:
    while True:
        response = asyncio.ensure_future(anext(responses))
        try:
            await asyncio.wait((response, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not response.done():
                response.cancel()
                # It must have ended before the generator that it runs in can be closed.
                await asyncio.wait((response,))
            if not response.cancelled():
                response.exception()  # asyncio logs an exception that nobody asked for
        if response.cancelled():
            return
        try:
            yield response.result()
        except StopAsyncIteration:
            return

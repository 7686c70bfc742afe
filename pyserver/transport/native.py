"""The native transport: our own gRPC over HTTP/2 in the core, behind the surface of `grpc.Server`.

The methods that run models, and probes, are answered by the core without Python. All others come here as events: one
event loop on a thread of its own takes them, and servicer_runs.py runs the servicers.

Thread-safe. Methods and ports are added before start().
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from pyserver import _core
from pyserver.config.schema import ServerSettings
from pyserver.cpu_budget import cpu_budget
from pyserver.errors import ConfigError
from pyserver.logs import fields, log_request
from pyserver.transport import InferMethods, StateMethods
from pyserver.transport.infer_calls import STOPPING
from pyserver.transport.loop_thread import LoopThread
from pyserver.transport.method_table import MethodTable
from pyserver.transport.servicer_call import ServicerCall
from pyserver.transport.servicer_failure import answer_to
from pyserver.transport.servicer_runs import ServicerRuns
from pyserver.transport.tls import TlsCredentials, TlsFiles

# For asynchronous servicers to end when all calls are over.
_LAST_TASKS_S = 1.0

_Kind = _core.HandedEventKind


def native_options(settings: ServerSettings) -> _core.NativeServerOptions:
    """The core's options. Those of the settings that are for this transport have the same names there."""
    options = _core.NativeServerOptions()
    for name in ServerSettings.model_fields:
        if hasattr(options, name) and getattr(settings, name) is not None:
            setattr(options, name, getattr(settings, name))
    options.io_threads = settings.io_threads or max(1, cpu_budget().threads // 2)
    options.max_receive_message_bytes = settings.max_message_bytes
    options.max_send_message_bytes = settings.max_message_bytes
    return options


@dataclass
class _Underway:
    """A call that is not over."""

    call: ServicerCall
    handler: Any
    started: bool = False
    task: asyncio.Task[None] | None = None


class NativeTransport:
    """`grpc.Server`, and the ways past it. Not usable after stop()."""

    def __init__(
        self,
        core: _core.Core,
        options: _core.NativeServerOptions,
        *,
        control_threads: int,
        stream_threads: int,
        tls_poll_interval_s: float,
        log: logging.Logger,
        interceptors: Iterable[grpc.ServerInterceptor] = (),
    ) -> None:
        """`interceptors`: as `grpc.server` has them. They are asked on the event loop, and must not block."""
        self._server = _core.NativeServer(core, options)
        self._methods = MethodTable(interceptors)
        self._runs = ServicerRuns(control_threads, stream_threads, log)
        self._tls_poll_interval_s = tls_poll_interval_s
        self._log = log
        self._underway: dict[int, _Underway] = {}  # by the key of the call's events
        self._followers: list[asyncio.Task[None]] = []
        self._stopping = False
        self._stop_lock = threading.Lock()
        self._terminated = threading.Event()
        self._loop = LoopThread("pyserver-native")

    def add_infer_methods(self, methods: InferMethods) -> None:
        """Answers these methods by the core, without Python. They win over registered servicers."""
        for path, protocol in methods.items():
            self._server.add_infer_method(path, protocol)

    def add_state_methods(self, methods: StateMethods) -> None:
        """Answers these methods by the core, without Python. They win over registered servicers."""
        for path, question in methods.items():
            self._server.add_state_method(path, question)

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[Any]) -> None:
        """As `grpc.Server`."""
        self._loop.call(self._methods.add_generic, generic_rpc_handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """As `grpc.Server`."""
        for path in self._loop.call(self._methods.add_registered, service_name, method_handlers):
            self._server.add_handed_path(path)

    def add_insecure_port(self, address: str) -> int:
        """Listens on the address. Port 0 takes any free one. Returns the port; raises ConfigError."""
        return self._listen(address, None)

    def add_secure_port(self, address: str, server_credentials: TlsCredentials | TlsFiles) -> int:
        """Listens on the address with TLS. Files are followed: new connections get what they hold then.

        Returns the port; raises ConfigError.
        """
        files = server_credentials if isinstance(server_credentials, TlsFiles) else None
        seen = None if files is None else files.fingerprint()
        try:
            context = _core.TlsContext(_certificates(server_credentials))
        except _core.StatusError as error:
            raise ConfigError(f"cannot serve TLS on {address}: {error.message}") from None
        port = self._listen(address, context)
        if files is not None:
            self._loop.call(self._follow, files, seen, context)
        return port

    def start(self) -> None:
        """Begins to answer."""
        self._server.set_request_log_level(_request_log_level(self._log))
        self._server.start()
        self._loop.call(self._loop.loop.add_reader, self._server.fileno(), self._collect)
        self._loop.call(self._loop.loop.add_reader, self._server.request_log_fileno(), self._log_requests)

    def stop(self, grace: float | None) -> threading.Event:
        """Takes no new calls, gives those underway `grace` seconds, ends the rest. May be called again with less."""
        if not self._terminated.is_set():
            threading.Thread(target=self._stop, args=(grace,), name="pyserver-native-stop", daemon=True).start()
        return self._terminated

    def wait_for_termination(self, timeout: float | None = None) -> bool:
        """Waits until stop() has done its work. True where the timeout passed first."""
        return not self._terminated.wait(timeout)

    def counters(self) -> dict[str, int]:
        """What happened on the network since the start, by name."""
        return self._server.counters()

    def _listen(self, address: str, context: _core.TlsContext | None) -> int:
        try:
            return self._server.add_port(address, context)
        except _core.StatusError as error:
            raise ConfigError(f"cannot listen on {address}: {error.message}") from None

    # What follows runs on the event loop.

    def _collect(self) -> None:
        for event in self._server.take():
            if event.kind is _Kind.CALL:
                self._begin(event.key, event.call)
                continue
            underway = self._underway.get(event.key)
            if underway is not None:
                self._pass_on(event, underway)

    def _begin(self, key: int, handed: _core.HandedCall) -> None:
        call = ServicerCall(handed)
        handler = None
        try:
            handler = self._methods.find(call.path, call.metadata)
        except Exception as error:
            call.finish(*answer_to(error, self._log))
        else:
            if handler is None:
                call.finish(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        self._underway[key] = _Underway(call, handler, started=handler is None)

    def _pass_on(self, event: _core.HandedEvent, underway: _Underway) -> None:
        call = underway.call
        if event.kind is _Kind.MESSAGE:
            call.on_message(event.message)
            self._start_when_complete(underway)
        elif event.kind is _Kind.HALF_CLOSE:
            call.on_half_close()
            self._start_when_complete(underway, half_closed=True)
        elif event.kind is _Kind.WRITABLE:
            call.on_writable()
        elif event.kind is _Kind.DRAIN:
            self._end_stream(underway)
        else:
            del self._underway[event.key]
            is_cancelled = event.kind is _Kind.CANCELLED
            self._end(underway, call.on_cancelled(event.code, event.reason) if is_cancelled else call.on_over())

    def _start_when_complete(self, underway: _Underway, half_closed: bool = False) -> None:
        call, handler = underway.call, underway.handler
        if underway.started or not call.is_active:
            return
        if not handler.request_streaming:
            # A call with one request begins when that is complete: one that is half-sent holds no thread.
            if not half_closed and call.waiting_messages == 1:
                return
            if call.waiting_messages != 1:
                told = f"{call.path} takes one message, got {call.waiting_messages or 'none'}"
                call.finish(grpc.StatusCode.INTERNAL, told)
                return
        if self._stopping and (handler.request_streaming or handler.response_streaming):
            call.finish(grpc.StatusCode.UNAVAILABLE, STOPPING)
            return
        underway.started = True
        underway.task = self._runs.start(call, handler)

    def _end(self, underway: _Underway, callbacks: Sequence[Callable[[], None]]) -> None:
        if underway.task is not None:
            underway.task.cancel()
        for callback in callbacks:
            self._call_back(callback)

    def _call_back(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception as error:
            self._log.error("a callback for the end of a call failed", exc_info=error)

    def _end_stream(self, underway: _Underway) -> None:
        """A stream of an asynchronous servicer may last for ever: it holds up no one."""
        handler = underway.handler
        if underway.task is not None and (handler.request_streaming or handler.response_streaming):
            underway.call.finish(grpc.StatusCode.UNAVAILABLE, STOPPING)
            underway.task.cancel()

    def _log_requests(self) -> None:
        for finished in self._server.take_finished_requests():
            log_request(self._log, finished)

    def _begin_stopping(self) -> None:
        self._stopping = True
        for follower in self._followers:
            follower.cancel()

    async def _finish_tasks(self) -> None:
        self._loop.loop.remove_reader(self._server.fileno())
        self._loop.loop.remove_reader(self._server.request_log_fileno())
        tasks = [underway.task for underway in self._underway.values() if underway.task is not None]
        self._collect()
        self._log_requests()
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_TASKS_S)

    def _follow(self, files: TlsFiles, seen: object, context: _core.TlsContext) -> None:
        async def follow() -> None:
            last = seen
            while True:
                await asyncio.sleep(self._tls_poll_interval_s)
                now = files.fingerprint()
                if now != last:
                    last = now
                    self._replace(files, context)

        self._followers.append(asyncio.create_task(follow()))

    def _replace(self, files: TlsFiles, context: _core.TlsContext) -> None:
        try:
            context.replace(_certificates(files))
        except (ConfigError, _core.StatusError) as error:
            # Perhaps only the first of the files is written by now.
            told = fields(certificate=str(files.certificate_chain), reason=error.message)
            self._log.warning("new TLS files cannot be used; the certificate stays as it was", extra=told)
        else:
            self._log.info("TLS certificate replaced", extra=fields(certificate=str(files.certificate_chain)))

    # On a thread of its own.

    def _stop(self, grace: float | None) -> None:
        # First: a call that begins after it was told that the server drains is not told again.
        self._loop.loop.call_soon_threadsafe(self._begin_stopping)
        self._server.drain()
        if grace:
            self._server.wait_until_idle(grace)
        self._server.stop()
        with self._stop_lock:
            if self._terminated.is_set():
                return
            self._loop.run(self._finish_tasks())
            self._runs.shut_down()
            self._loop.stop()
            self._loop.join()
            self._terminated.set()


def _request_log_level(log: logging.Logger) -> _core.RequestLogLevel:
    if log.isEnabledFor(logging.DEBUG):
        return _core.RequestLogLevel.ALL
    return _core.RequestLogLevel.FAILURES if log.isEnabledFor(logging.WARNING) else _core.RequestLogLevel.NONE


def _certificates(credentials: object) -> _core.TlsCertificates:
    if isinstance(credentials, TlsFiles):
        credentials = credentials.read()
    if not isinstance(credentials, TlsCredentials):
        raise ConfigError(
            f"the native transport cannot read {type(credentials).__name__}: "
            "expected pyserver.transport.tls.TlsCredentials or TlsFiles"
        )
    return _core.TlsCertificates(
        certificate_chain=credentials.certificate_chain,
        private_key=credentials.private_key,
        client_authorities=credentials.client_authorities or b"",
        require_client_certificate=credentials.require_client_certificate,
    )

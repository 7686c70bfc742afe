"""What the native transport promises beyond answers: threads, ends of calls, compression, interceptors, sockets."""

# Servicers take a request and a context, also those that need neither.
# ruff: noqa: ARG001, ARG005

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

from pyserver.errors import ConfigError
from pyserver.transport.native import NativeTransport

ServeNative = Callable[..., Any]
MakeNative = Callable[..., NativeTransport]


def failure_of(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    with pytest.raises(grpc.RpcError) as failure:
        call(*arguments, timeout=10, **options)
    return failure.value


class SilentRequests:
    """Requests of a call that begins and then says nothing until it is told to end."""

    def __init__(self, *first: bytes) -> None:
        self._first = list(first)
        self._end = threading.Event()

    def __iter__(self) -> SilentRequests:
        return self

    def __next__(self) -> bytes:
        if self._first:
            return self._first.pop(0)
        self._end.wait(30)
        raise StopIteration

    def end(self) -> None:
        self._end.set()


def test_calls_whose_request_is_not_complete_hold_no_thread(serve_native: ServeNative) -> None:
    client = serve_native(unary_unary_a=lambda request, context: request)
    path = "/test.Service/unary_unary_a"
    silent = [SilentRequests(*([b"half"] if index % 2 else [])) for index in range(64)]
    # Raw streams to a unary method: its one message is there or not, and the end of the request is not.
    channels = [grpc.insecure_channel(client.address, [("grpc.use_local_subchannel_pool", 1)]) for _ in silent]
    calls = [channel.stream_stream(path)(requests, timeout=60)
             for channel, requests in zip(channels, silent, strict=True)]  # fmt: skip
    try:
        for channel in channels:
            grpc.channel_ready_future(channel).result(10)
        # Two control threads: with them held, this would wait for ever.
        assert client.method("unary_unary_a")(b"complete", timeout=10) == b"complete"
        for requests in silent:
            requests.end()
        assert list(calls[1]) == [b"half"]
        assert failure_of(lambda timeout: next(calls[0])).code() is grpc.StatusCode.INTERNAL
    finally:
        for channel in channels:
            channel.close()


def test_a_second_message_to_a_method_that_takes_one_is_refused(serve_native: ServeNative) -> None:
    client = serve_native(unary_unary_a=lambda request, context: request)
    call = client.channel.stream_stream("/test.Service/unary_unary_a")(iter([b"1", b"2"]), timeout=10)
    failure = failure_of(lambda timeout: next(call))
    assert failure.code() is grpc.StatusCode.INTERNAL
    assert "one message" in failure.details()


def test_streams_of_synchronous_servicers_are_bounded_and_leave_the_others_alone(serve_native: ServeNative) -> None:
    running = threading.Semaphore(0)

    def echo(requests: Any, context: Any) -> Any:
        running.release()
        yield from requests

    client = serve_native(stream_stream_a=echo, unary_unary_a=lambda request, context: request)
    silent = [SilentRequests(b"first") for _ in range(2)]
    calls = [client.method("stream_stream_a")(requests, timeout=60) for requests in silent]
    for _ in silent:
        assert running.acquire(timeout=10)
    failure = failure_of(lambda timeout: list(client.method("stream_stream_a")(iter([b""]), timeout=timeout)))
    assert failure.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "2 streams run" in failure.details()
    assert client.method("unary_unary_a")(b"x", timeout=10) == b"x"
    for requests, call in zip(silent, calls, strict=True):
        requests.end()
        assert list(call) == [b"first"]
    # Their places are free again.
    while True:
        try:
            assert list(client.method("stream_stream_a")(iter([b"y"]), timeout=10)) == [b"y"]
            break
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # noqa: PT017


def test_a_deadline_ends_the_call_for_the_servicer_too(serve_native: ServeNative) -> None:
    over, codes = threading.Event(), []

    def wait(request: bytes, context: Any) -> bytes:
        assert context.is_active()
        assert context.add_callback(over.set)
        assert over.wait(10)
        codes.append((context.is_active(), context.code(), context.time_remaining(), context.add_callback(over.set)))
        done.set()
        return b""

    done = threading.Event()
    client = serve_native(unary_unary_a=wait)
    with pytest.raises(grpc.RpcError) as failure:
        client.method("unary_unary_a")(b"", timeout=0.2)
    assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert done.wait(10)
    # The client's own clock may have been the faster one.
    active, code, remaining, added = codes[0]
    assert (active, added) == (False, False)
    assert code in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
    assert remaining < 0.1


def test_a_caller_that_cancels_ends_the_call_for_every_kind_of_servicer(serve_native: ServeNative) -> None:
    begun, ended = threading.Semaphore(0), threading.Semaphore(0)

    def sync(requests: Any, context: Any) -> Any:
        context.add_callback(ended.release)
        begun.release()
        with pytest.raises(grpc.RpcError):
            list(requests)
        ended.release()
        yield b""

    async def asynchronous(request: bytes, context: Any) -> bytes:
        context.add_done_callback(lambda _: ended.release())
        begun.release()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.release()
            raise
        return b""

    async def generator(request: bytes, context: Any) -> Any:
        context.add_done_callback(lambda _: ended.release())
        try:
            yield b""
            begun.release()
            await asyncio.Event().wait()
        finally:
            ended.release()

    client = serve_native(stream_stream_a=sync, unary_unary_a=asynchronous, unary_stream_a=generator)
    silent = SilentRequests(b"1")
    calls = [
        client.method("stream_stream_a")(silent, timeout=60),
        client.method("unary_unary_a").future(b"", timeout=60),
        client.method("unary_stream_a")(b"", timeout=60),
    ]
    for _ in calls:
        assert begun.acquire(timeout=10)
    for call in calls:
        call.cancel()
    for _ in range(2 * len(calls)):
        assert ended.acquire(timeout=10)
    silent.end()


def test_a_callback_comes_when_the_answer_is_sent(serve_native: ServeNative) -> None:
    over = threading.Event()

    def answer(request: bytes, context: Any) -> bytes:
        context.add_callback(over.set)
        return request

    client = serve_native(unary_unary_a=answer)
    assert client.method("unary_unary_a")(b"x", timeout=10) == b"x"
    assert over.wait(10)


def test_a_servicer_can_cancel_its_call(serve_native: ServeNative) -> None:
    def give_up(request: bytes, context: Any) -> bytes:
        context.cancel()
        assert not context.is_active()
        return b""

    client = serve_native(unary_unary_a=give_up)
    assert failure_of(client.method("unary_unary_a"), b"").code() is grpc.StatusCode.CANCELLED


def test_a_slow_reader_slows_the_servicer(serve_native: ServeNative) -> None:
    total, sent = 64, []

    def many(request: bytes, context: Any) -> Any:
        for index in range(total):
            sent.append(index)
            yield bytes(1024 * 1024)

    async def many_async(request: bytes, context: Any) -> Any:
        for index in range(total):
            sent.append(index)
            yield bytes(1024 * 1024)

    client = serve_native(unary_stream_a=many, unary_stream_b=many_async)
    for name in ("unary_stream_a", "unary_stream_b"):
        sent.clear()
        stream = client.method(name)(b"", timeout=60)
        assert len(next(stream)) == 1024 * 1024
        # What the sockets and windows hold, and no more; the rest waits in the servicer.
        assert len(sent) < total // 2
        assert sum(1 for _ in stream) == total - 1


def test_compression_is_chosen_and_told(serve_native: ServeNative) -> None:
    seen: list[bool] = []

    def answer(request: bytes, context: Any) -> bytes:
        seen.append(context.request_was_compressed)
        context.set_compression(grpc.Compression.Gzip)
        if request.startswith(b"plain"):
            context.disable_next_message_compression()
        return request

    client = serve_native(unary_unary_a=answer)
    text = b"x" * 100_000
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate):
        assert client.method("unary_unary_a")(text, timeout=10, compression=compression) == text
    assert client.method("unary_unary_a")(b"plain" + text, timeout=10) == b"plain" + text
    assert seen == [False, True, True, False]


def test_what_cannot_be_sent_as_metadata_is_a_failure_of_the_servicer(serve_native: ServeNative) -> None:
    def answer(request: bytes, context: Any) -> bytes:
        with pytest.raises(ValueError, match=r"."):
            context.set_trailing_metadata((("Upper Case", "x"),))
        context.send_initial_metadata(())
        with pytest.raises(ValueError, match="begun"):
            context.send_initial_metadata(())
        with pytest.raises(ValueError, match="begun"):
            context.set_compression(grpc.Compression.Gzip)
        return request

    client = serve_native(unary_unary_a=answer)
    assert client.method("unary_unary_a")(b"x", timeout=10) == b"x"


class Refuses(grpc.ServerInterceptor):
    """Calls without a password."""

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        if ("password", "open") in [tuple(entry) for entry in details.invocation_metadata]:
            return continuation(details)

        def refuse(request: bytes, context: Any) -> bytes:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, f"{details.method}: who are you?")
            raise AssertionError

        return grpc.unary_unary_rpc_method_handler(refuse)


class Wraps(grpc.ServerInterceptor):
    """Changes answers."""

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        found = continuation(details)
        if found is None or found.unary_unary is None:
            return found
        return grpc.unary_unary_rpc_method_handler(lambda request, context: found.unary_unary(request, context) + b"!")


def test_interceptors_refuse_and_wrap_in_their_order(serve_native: ServeNative) -> None:
    client = serve_native(unary_unary_a=lambda request, context: request, interceptors=(Refuses(), Wraps()))
    failure = failure_of(client.method("unary_unary_a"), b"")
    assert failure.code() is grpc.StatusCode.UNAUTHENTICATED
    assert failure.details() == "/test.Service/unary_unary_a: who are you?"
    told = client.method("unary_unary_a")(b"x", timeout=10, metadata=[("password", "open")])
    assert told == b"x!"
    missing = failure_of(client.method("unary_unary_z"), b"", metadata=[("password", "open")])
    assert missing.code() is grpc.StatusCode.UNIMPLEMENTED


def test_an_interceptor_that_fails_fails_the_call_alone(serve_native: ServeNative) -> None:
    class Fails(grpc.ServerInterceptor):
        def intercept_service(self, continuation: Any, details: Any) -> Any:
            if details.method.endswith("_a"):
                raise ValueError("no")
            return continuation(details)

    client = serve_native(
        unary_unary_a=lambda request, context: request, unary_unary_b=lambda request, context: request,
        interceptors=[Fails()],
    )  # fmt: skip
    assert failure_of(client.method("unary_unary_a"), b"").code() is grpc.StatusCode.INTERNAL
    assert client.method("unary_unary_b")(b"x", timeout=10) == b"x"


@pytest.mark.parametrize("non_blocking", [False, True])
def test_grpcs_own_health_and_reflection_run_unchanged(make_native: MakeNative, non_blocking: bool) -> None:
    transport = make_native({})
    servicer = health.HealthServicer(experimental_non_blocking=non_blocking)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, transport)
    reflection.enable_server_reflection(["grpc.health.v1.Health"], transport)
    port = transport.add_insecure_port("127.0.0.1:0")
    transport.start()
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status == serving
        assert failure_of(stub.Check, health_pb2.HealthCheckRequest(service="x")).code() is grpc.StatusCode.NOT_FOUND
        # Watches that call back hold no thread: there may be more of them than threads.
        watches = [stub.Watch(health_pb2.HealthCheckRequest(), timeout=60) for _ in range(6 if non_blocking else 2)]
        assert [next(watch).status for watch in watches] == [serving] * len(watches)
        servicer.set("", not_serving)
        assert [next(watch).status for watch in watches] == [not_serving] * len(watches)
        for watch in watches:
            watch.cancel()
        reflect = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        while True:
            try:
                request = reflection_pb2.ServerReflectionRequest(list_services="")
                (answer,) = list(reflect(iter([request]), timeout=10))
                break
            except grpc.RpcError as error:
                # The watches' threads are not free yet.
                assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # noqa: PT017
        assert [service.name for service in answer.list_services_response.service] == ["grpc.health.v1.Health"]


@pytest.mark.parametrize("form", ["unix:{}", "unix://{}"])
def test_a_unix_socket_is_served(make_native: MakeNative, tmp_path: Path, form: str) -> None:
    peers: list[str] = []

    def answer(request: bytes, context: Any) -> bytes:
        peers.append(context.peer())
        return request

    transport = make_native({"unary_unary_a": answer})
    address = form.format(tmp_path / "socket")
    assert transport.add_insecure_port(address) == 0
    transport.start()
    with grpc.insecure_channel(address) as channel:
        assert channel.unary_unary("/test.Service/unary_unary_a")(b"x", timeout=10) == b"x"
    assert peers[0].startswith("unix:")
    with pytest.raises(ConfigError, match="in use"):
        make_native({}).add_insecure_port(address)


def test_stop_lets_calls_finish_and_ends_asynchronous_streams(make_native: MakeNative) -> None:
    running, go_on = threading.Event(), threading.Event()

    def slow(request: bytes, context: Any) -> bytes:
        running.set()
        assert go_on.wait(10)
        return request

    async def for_ever(request: bytes, context: Any) -> Any:
        yield request
        await asyncio.Event().wait()

    transport = make_native({"unary_unary_a": slow, "unary_stream_a": for_ever})
    port = transport.add_insecure_port("127.0.0.1:0")
    transport.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/test.Service/unary_unary_a").future(b"x", timeout=30)
        watch = channel.unary_stream("/test.Service/unary_stream_a")(b"first", timeout=30)
        assert next(watch) == b"first"
        assert running.wait(10)
        stopped = transport.stop(20)
        failure = failure_of(lambda timeout: next(watch))
        assert (failure.code(), failure.details()) == (grpc.StatusCode.UNAVAILABLE, "the server is stopping")
        assert not stopped.is_set()
        assert transport.wait_for_termination(0)
        go_on.set()
        assert call.result() == b"x"
        assert stopped.wait(10)
        assert not transport.wait_for_termination(10)


def test_a_second_stop_with_less_grace_ends_what_runs(make_native: MakeNative) -> None:
    over, running = threading.Event(), threading.Event()

    def slow(request: bytes, context: Any) -> bytes:
        context.add_callback(over.set)
        running.set()
        over.wait(30)
        return request

    transport = make_native({"unary_unary_a": slow})
    port = transport.add_insecure_port("127.0.0.1:0")
    transport.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/test.Service/unary_unary_a").future(b"x", timeout=30)
        assert running.wait(10)
        stopped = transport.stop(60)
        assert not stopped.is_set()
        assert transport.stop(None).wait(10)
        assert call.code() is grpc.StatusCode.UNAVAILABLE
        assert over.is_set()


def test_what_happened_is_counted(make_native: MakeNative) -> None:
    transport = make_native({"unary_unary_a": lambda request, context: request})
    port = transport.add_insecure_port("127.0.0.1:0")
    transport.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert channel.unary_unary("/test.Service/unary_unary_a")(b"x", timeout=10) == b"x"
    counters = transport.counters()
    assert (counters["connections_opened"], counters["calls_started"], counters["messages_received"]) == (1, 1, 1)

"""Servicers of every kind, and what becomes of their answers and failures: the same over both transports."""

# Servicers take a request and a context, also those that need neither.
# ruff: noqa: ARG001, ARG005

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest

Serve = Callable[..., Any]


def failure_of(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    with pytest.raises(grpc.RpcError) as failure:
        call(*arguments, timeout=10, **options)
    return failure.value


def test_every_kind_of_synchronous_method_answers(serve: Serve) -> None:
    def double(requests: Any, context: Any) -> Any:
        for request in requests:
            yield request + request

    client = serve(
        unary_unary_a=lambda request, context: request[::-1],
        unary_stream_a=lambda request, context: iter([request, b"", request]),
        stream_unary_a=lambda requests, context: b"".join(requests),
        stream_stream_a=double,
    )
    assert client.method("unary_unary_a")(b"abc", timeout=10) == b"cba"
    assert client.method("unary_unary_a")(b"", timeout=10) == b""
    assert list(client.method("unary_stream_a")(b"x", timeout=10)) == [b"x", b"", b"x"]
    assert client.method("stream_unary_a")(iter([b"1", b"", b"23"]), timeout=10) == b"123"
    assert client.method("stream_unary_a")(iter([]), timeout=10) == b""
    assert list(client.method("stream_stream_a")(iter([b"1", b"2"]), timeout=10)) == [b"11", b"22"]


def test_every_kind_of_asynchronous_method_answers(serve: Serve) -> None:
    async def reverse(request: bytes, context: Any) -> bytes:
        await asyncio.sleep(0)
        return request[::-1]

    async def thrice(request: bytes, context: Any) -> Any:
        for _ in range(3):
            yield request

    async def join(requests: Any, context: Any) -> bytes:
        return b"".join([request async for request in requests])

    async def double(requests: Any, context: Any) -> Any:
        async for request in requests:
            yield request + request

    async def by_writing(requests: Any, context: Any) -> None:
        while (request := await context.read()) is not grpc.aio.EOF:
            await context.write(request + b"!")

    client = serve(
        unary_unary_a=reverse, unary_stream_a=thrice, stream_unary_a=join, stream_stream_a=double,
        stream_stream_b=by_writing,
    )  # fmt: skip
    assert client.method("unary_unary_a")(b"abc", timeout=10) == b"cba"
    assert list(client.method("unary_stream_a")(b"x", timeout=10)) == [b"x"] * 3
    assert client.method("stream_unary_a")(iter([b"1", b"23"]), timeout=10) == b"123"
    assert list(client.method("stream_stream_a")(iter([b"1", b"2"]), timeout=10)) == [b"11", b"22"]
    assert list(client.method("stream_stream_b")(iter([b"1", b"2"]), timeout=10)) == [b"1!", b"2!"]


def test_a_stream_is_a_conversation(serve: Serve) -> None:
    async def echo(requests: Any, context: Any) -> Any:
        async for request in requests:
            yield request

    def echo_sync(requests: Any, context: Any) -> Any:
        yield from requests

    client = serve(stream_stream_a=echo, stream_stream_b=echo_sync)
    for name in ("stream_stream_a", "stream_stream_b"):
        turn = threading.Semaphore(1)

        def ask(turn: threading.Semaphore = turn) -> Any:
            for index in range(5):
                assert turn.acquire(timeout=10)
                yield str(index).encode()

        answers = []
        for answer in client.method(name)(ask(), timeout=10):
            answers.append(answer)
            turn.release()
        assert answers == [b"0", b"1", b"2", b"3", b"4"]


def test_large_messages_pass_in_both_directions(serve: Serve) -> None:
    def many(request: bytes, context: Any) -> Any:
        for _ in range(20):
            yield request

    async def many_async(request: bytes, context: Any) -> Any:
        for _ in range(20):
            yield request

    client = serve(unary_unary_a=lambda request, context: request, unary_stream_a=many, unary_stream_b=many_async)
    big = bytes(range(256)) * 12_000
    assert client.method("unary_unary_a")(big, timeout=30) == big
    for name in ("unary_stream_a", "unary_stream_b"):
        assert [answer == big for answer in client.method(name)(big, timeout=60)] == [True] * 20


def test_an_abort_is_answered_with_its_code_and_details(serve: Serve) -> None:
    def refuse(request: bytes, context: Any) -> bytes:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "nicht so: ü %")
        raise AssertionError("abort() returned")

    async def refuse_async(request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.ABORTED, "no")
        raise AssertionError("abort() returned")

    async def refuse_later(request: bytes, context: Any) -> Any:
        yield b"one"
        await context.abort(grpc.StatusCode.DATA_LOSS, "gone")

    client = serve(unary_unary_a=refuse, unary_unary_b=refuse_async, unary_stream_a=refuse_later)
    failure = failure_of(client.method("unary_unary_a"), b"")
    assert (failure.code(), failure.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "nicht so: ü %")
    failure = failure_of(client.method("unary_unary_b"), b"")
    assert (failure.code(), failure.details()) == (grpc.StatusCode.ABORTED, "no")
    stream = client.method("unary_stream_a")(b"", timeout=10)
    assert next(stream) == b"one"
    failure = failure_of(lambda timeout: next(stream))
    assert (failure.code(), failure.details()) == (grpc.StatusCode.DATA_LOSS, "gone")


def test_a_code_that_was_set_ends_the_call(serve: Serve) -> None:
    def told(request: bytes, context: Any) -> bytes:
        context.set_code(grpc.StatusCode.OUT_OF_RANGE)
        context.set_details("too far")
        return b""

    client = serve(unary_unary_a=told)
    failure = failure_of(client.method("unary_unary_a"), b"")
    assert (failure.code(), failure.details()) == (grpc.StatusCode.OUT_OF_RANGE, "too far")


def test_an_unexpected_exception_is_internal_and_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def fail(request: bytes, context: Any) -> bytes:
        raise KeyError("lost")

    async def fail_async(request: bytes, context: Any) -> bytes:
        raise KeyError("lost")

    client = serve(unary_unary_a=fail, unary_unary_b=fail_async)
    for name in ("unary_unary_a", "unary_unary_b"):
        failure = failure_of(client.method(name), b"")
        assert (failure.code(), failure.details()) == (grpc.StatusCode.INTERNAL, "unexpected KeyError: 'lost'")
    assert [record.getMessage() for record in caplog.records].count("a servicer failed") == 2


def test_a_method_that_the_servicer_does_not_have_is_unimplemented(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def of_generated_code(request: bytes, context: Any) -> bytes:
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("Method not implemented!")
        raise NotImplementedError("Method not implemented!")

    client = serve(unary_unary_a=of_generated_code)
    failure = failure_of(client.method("unary_unary_a"), b"")
    assert (failure.code(), failure.details()) == (grpc.StatusCode.UNIMPLEMENTED, "Method not implemented!")
    assert caplog.records == []


def test_a_method_that_is_not_there_is_unimplemented(serve: Serve) -> None:
    client = serve(unary_unary_a=lambda request, context: request)
    assert failure_of(client.method("unary_unary_z"), b"").code() is grpc.StatusCode.UNIMPLEMENTED


class RichStatus(grpc.Status):
    """As grpc_status makes it of a google.rpc.Status."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    details = "no more"
    trailing_metadata = (("grpc-status-details-bin", b"\x08\x08\x00\xff"), ("also", "this"))


def test_rich_status_details_arrive(serve: Serve) -> None:
    def refuse(request: bytes, context: Any) -> bytes:
        context.abort_with_status(RichStatus())
        raise AssertionError

    client = serve(unary_unary_a=refuse)
    failure = failure_of(client.method("unary_unary_a"), b"")
    assert (failure.code(), failure.details()) == (RichStatus.code, RichStatus.details)
    assert {tuple(entry) for entry in failure.trailing_metadata()} == set(RichStatus.trailing_metadata)


@pytest.mark.parametrize("is_async", [False, True])
def test_metadata_goes_both_ways(serve: Serve, is_async: bool) -> None:
    seen: list[Any] = []

    def echo(request: bytes, context: Any) -> bytes:
        seen.extend(context.invocation_metadata())
        context.send_initial_metadata((("first", "1"), ("first-bin", b"\x00\xfe")))
        context.set_trailing_metadata((("last", "2"), ("last-bin", b"\xff")))
        return request

    async def echo_async(request: bytes, context: Any) -> bytes:
        seen.extend(context.invocation_metadata())
        await context.send_initial_metadata((("first", "1"), ("first-bin", b"\x00\xfe")))
        context.set_trailing_metadata((("last", "2"), ("last-bin", b"\xff")))
        return request

    client = serve(unary_unary_a=echo_async if is_async else echo)
    sent = (("who", "me"), ("who", "again"), ("raw-bin", b"\x00\x01\xff"))
    _, call = client.method("unary_unary_a").with_call(b"", timeout=10, metadata=sent)
    assert [tuple(entry) for entry in seen if entry[0] in ("who", "raw-bin")] == list(sent)
    assert any(key == "user-agent" for key, _ in seen)
    initial = [tuple(entry) for entry in call.initial_metadata()]
    assert ("first", "1") in initial
    assert ("first-bin", b"\x00\xfe") in initial
    assert [tuple(entry) for entry in call.trailing_metadata()] == [("last", "2"), ("last-bin", b"\xff")]


def test_a_servicer_knows_its_deadline_and_its_caller(serve: Serve) -> None:
    seen: list[Any] = []

    def look(request: bytes, context: Any) -> bytes:
        seen.append((context.time_remaining(), context.peer()))
        return b""

    client = serve(unary_unary_a=look)
    client.method("unary_unary_a")(b"", timeout=100)
    remaining, peer = seen[0]
    assert 50 < remaining < 102  # a client's clock may run a little behind
    assert peer.startswith("ipv4:127.0.0.1:")


def test_calls_of_many_threads_are_not_mixed_up(serve: Serve) -> None:
    async def slow(request: bytes, context: Any) -> bytes:
        await asyncio.sleep(0.001)
        return request

    client = serve(unary_unary_a=lambda request, context: request, unary_unary_b=slow)
    calls = [
        (client.method(f"unary_unary_{name}").future(f"{name}{index}".encode(), timeout=30), f"{name}{index}".encode())
        for index in range(200)
        for name in "ab"
    ]
    assert [call.result() for call, _ in calls] == [wanted for _, wanted in calls]

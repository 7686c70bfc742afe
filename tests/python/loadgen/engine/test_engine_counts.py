"""Every request is counted once, whatever becomes of it."""

# Servicers take a request and a context, also those that need neither.
# ruff: noqa: ARG001, ARG005

from __future__ import annotations

import threading
from pathlib import Path

import grpc
import numpy as np
import pytest
from conftest import Serve, load, outcome_of, requests_for

from pyserver import _core


def test_a_closed_loop_sends_as_many_requests_as_were_asked_for(serve: Serve) -> None:
    seen: list[bytes] = []
    address = serve({"unary_echo": lambda request, context: seen.append(request) or request})
    outcome = load(
        _core.LoadTarget(address),
        requests_for("unary_echo", [b"one", b"two", b"three"]),
        concurrency=4,
        connections=2,
        max_requests=31,
    )
    assert (outcome.sum("sent"), outcome.sum("answered")) == (31, 31)
    assert sorted(map(seen.count, {b"one", b"two", b"three"})) == [10, 10, 11]
    assert len(outcome.latencies_ns) == 31
    assert outcome.summary.connections_opened == 2
    assert outcome.summary.last_error == ""


def test_threads_share_the_requests(serve: Serve) -> None:
    address = serve({"unary_echo": lambda request, context: request})
    outcome = load(
        _core.LoadTarget(address), requests_for("unary_echo"), concurrency=5, connections=3, threads=3, max_requests=50
    )
    assert (outcome.sum("sent"), outcome.sum("answered"), outcome.summary.connections_opened) == (50, 50, 3)


def test_an_open_loop_sends_every_arrival_with_its_body(serve: Serve) -> None:
    seen: list[bytes] = []
    address = serve({"unary_echo": lambda request, context: seen.append(request) or request})
    outcome = load(
        _core.LoadTarget(address),
        requests_for("unary_echo", [b"one", b"two"]),
        arrivals_ns=np.arange(40, dtype=np.int64) * 5_000_000,
        bodies=np.array([0, 0, 0, 1], dtype=np.int32),
        duration_s=0.25,
        window_s=0.1,
    )
    assert [window.sent for window in outcome.windows] == [20, 20, 0]
    assert outcome.sum("answered") == 40
    assert (seen.count(b"one"), seen.count(b"two")) == (30, 10)
    assert sum(count for _, count in outcome.windows[0].lag) == 20
    assert outcome.summary.elapsed_ns >= 250_000_000


def test_warm_up_has_windows_of_its_own(serve: Serve) -> None:
    address = serve({"unary_echo": lambda request, context: request})
    outcome = load(
        _core.LoadTarget(address),
        requests_for("unary_echo"),
        arrivals_ns=np.arange(30, dtype=np.int64) * 10_000_000,
        duration_s=0.15,
        warmup_s=0.15,
        window_s=0.1,
    )
    bounds = [(window.start_ns, window.length_ns, window.warmup) for window in outcome.windows]
    assert bounds == [
        (0, 100_000_000, True),
        (100_000_000, 50_000_000, True),
        (150_000_000, 100_000_000, False),
        (250_000_000, 50_000_000, False),
    ]
    assert [window.sent for window in outcome.windows] == [10, 5, 10, 5]


def test_errors_are_counted_by_code_and_explained(serve: Serve) -> None:
    def fail(request: bytes, context: grpc.ServicerContext) -> bytes:
        if request == b"good":
            return request
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much of a good thing: 100 %")
        raise AssertionError

    address = serve({"unary_fail": fail})
    outcome = load(
        _core.LoadTarget(address), requests_for("unary_fail", [b"good", b"bad"]), concurrency=1, max_requests=10
    )
    assert (outcome.sum("answered"), outcome.sum("failed"), outcome.sum("lost")) == (5, 5, 0)
    assert outcome.errors == {"RESOURCE_EXHAUSTED": 5}
    assert outcome.summary.errors_examples == {"RESOURCE_EXHAUSTED": "too much of a good thing: 100 %"}
    assert len(outcome.latencies_ns) == 5


def test_a_method_that_is_not_there_is_an_error_of_every_request(serve: Serve) -> None:
    address = serve({})
    outcome = load(_core.LoadTarget(address), requests_for("unary_none"), concurrency=2, max_requests=6)
    assert outcome.errors == {"UNIMPLEMENTED": 6}


def test_what_is_not_answered_in_time_is_cancelled_and_counted_as_late(serve: Serve) -> None:
    cancelled = threading.Event()

    def hang(request: bytes, context: grpc.ServicerContext) -> bytes:
        if request == b"hang":
            context.add_callback(cancelled.set)
            cancelled.wait(30)
        return request

    address = serve({"unary_hang": hang})
    outcome = load(
        _core.LoadTarget(address),
        requests_for("unary_hang", [b"hang", b"go"]),
        concurrency=2,
        max_requests=2,
        timeout_s=0.1,
    )
    assert outcome.errors == {"TIMEOUT": 1}
    assert (outcome.sum("sent"), outcome.sum("answered"), outcome.sum("failed")) == (2, 1, 1)
    assert cancelled.wait(30)


def test_what_is_never_answered_is_lost(serve: Serve) -> None:
    end = threading.Event()
    address = serve({"unary_hang": lambda request, context: end.wait(30) and b""})
    outcome = load(_core.LoadTarget(address), requests_for("unary_hang"), concurrency=3, duration_s=0.05, drain_s=0.05)
    end.set()
    assert (outcome.sum("sent"), outcome.sum("answered"), outcome.sum("failed"), outcome.sum("lost")) == (3, 0, 0, 3)


def test_a_run_that_is_stopped_waits_for_what_is_in_flight(serve: Serve) -> None:
    asked, end = threading.Event(), threading.Event()

    def hang(request: bytes, context: grpc.ServicerContext) -> bytes:
        asked.set()
        end.wait(30)
        return request

    address = serve({"unary_hang": hang})
    plan = _core.LoadPlan(concurrency=1, duration_s=3600, warmup_s=0)
    run = _core.LoadRun(_core.LoadTarget(address), requests_for("unary_hang"), plan)
    run.start()
    assert asked.wait(30)
    run.stop()
    assert not run.wait(0.05)
    end.set()
    outcome = outcome_of(run)
    assert (outcome.sum("sent"), outcome.sum("answered")) == (1, 1)
    assert outcome.summary.elapsed_ns < 3000 * 10**9


def test_an_open_loop_charges_a_stall_to_every_request_that_was_due_meanwhile(serve: Serve) -> None:
    stalls, ends = threading.Event(), threading.Event()
    first = iter([True])

    def stall(request: bytes, context: grpc.ServicerContext) -> bytes:
        if next(first, False):
            stalls.set()
            ends.wait(30)
        return request

    address = serve({"unary_stall": stall})
    # One request in flight: what is due behind the one that stalls waits in the engine.
    plan = _core.LoadPlan(
        arrivals_ns=np.arange(100, dtype=np.int64) * 1_000_000, duration_s=0.2, warmup_s=0, max_in_flight=1
    )
    run = _core.LoadRun(_core.LoadTarget(address), requests_for("unary_stall"), plan)
    run.start()
    assert stalls.wait(30)
    assert not run.wait(0.3)
    ends.set()
    outcome = outcome_of(run)
    assert outcome.sum("answered") == 100
    # The stall lasted for 0.3 s at least; the n-th request was due n ms after it began.
    for number, latency in enumerate(reversed(outcome.latencies_ns)):
        assert latency >= (300 - 2 * number) * 1_000_000 * 0.99
    assert max(window.lag_max_ns for window in outcome.windows) >= 190_000_000


def test_unix_sockets_are_spoken_to(serve: Serve, tmp_path: Path) -> None:
    address = serve({"unary_echo": lambda request, context: request}, f"unix:{tmp_path}/socket")
    outcome = load(_core.LoadTarget(address), requests_for("unary_echo"), concurrency=1, max_requests=3)
    assert outcome.sum("answered") == 3


def test_large_bodies_arrive_unharmed(serve: Serve) -> None:
    bodies = [bytes([k]) * (600_000 + k) for k in range(3)]
    address = serve({"unary_echo": lambda request, context: request})
    expectations = [_core.LoadExpectation("message", [("", "", body)]) for body in bodies]
    outcome = load(
        _core.LoadTarget(address),
        requests_for("unary_echo", bodies, expectations=expectations),
        concurrency=6,
        max_requests=30,
    )
    assert outcome.errors == {}
    assert outcome.sum("request_bytes") == sum(len(body) + 5 for body in bodies) * 10
    assert outcome.sum("response_bytes") == outcome.sum("request_bytes")


def test_every_request_can_have_an_id_of_its_own(serve: Serve) -> None:
    seen: list[bytes] = []
    address = serve({"unary_echo": lambda request, context: seen.append(request) or request})
    load(
        _core.LoadTarget(address),
        requests_for("unary_echo", [b"<" + b"?" * 16 + b">"], id_offset=1),
        concurrency=2,
        max_requests=20,
    )
    assert len(set(seen)) == 20
    assert all(body[:1] + body[-1:] == b"<>" and len(bytes.fromhex(body[1:-1].decode())) == 8 for body in seen)


@pytest.fixture
def plan() -> dict[str, object]:
    """A plan that can be kept, as options."""
    return {"concurrency": 1, "duration_s": 1, "warmup_s": 0}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"concurrency": None}, "exactly one of concurrency"),
        ({"arrivals_ns": np.array([0])}, "exactly one of concurrency"),
        ({"duration_s": 0}, "duration must be above zero"),
        ({"threads": 2}, "2 threads cannot share 1 connections"),
        ({"concurrency": 101}, "101 requests cannot be in flight on 1 connections with 100 at most"),
        ({"concurrency": None, "arrivals_ns": np.array([2, 1])}, "not in order"),
        ({"duration_s": float("nan")}, "duration_s is no time"),
    ],
)
def test_what_cannot_be_done_is_refused(plan: dict[str, object], changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        _core.LoadPlan(**{**plan, **changes})


def test_requests_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="no room for an id of 16 at 3"):
        requests_for("unary_echo", [b"x" * 18], id_offset=3)
    with pytest.raises(ValueError, match="1 bodies and 2 expectations"):
        requests_for("unary_echo", expectations=[None, None])
    with pytest.raises(ValueError, match="does not begin with a slash"):
        _core.LoadRequests("Service/Method", [b""])
    with pytest.raises(ValueError, match="no body"):
        requests_for("unary_echo", [])

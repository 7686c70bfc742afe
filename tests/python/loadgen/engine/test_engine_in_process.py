"""Models of a core in the same process, without any transport."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import load, outcome_of

from pyserver import _core
from pyserver.v1 import predict_pb2


def request_of(model: str, contents: bytes = b"hello") -> bytes:
    request = predict_pb2.PredictRequest(model=model, return_ledger=True)
    request.inputs["IN"].datatype = 2
    request.inputs["IN"].shape.append(len(contents))
    request.inputs["IN"].raw = contents
    return request.SerializeToString()


@pytest.fixture
def core() -> Iterator[_core.Core]:
    """With the models `quick`, and `slow`, which takes 20 ms."""
    made = _core.Core()
    runtimes = []
    for name, delay_us in (("quick", 0), ("slow", 20_000)):
        spec = _core.TensorSpec("IN", "UINT8", [-1])
        engine = _core.identity_engine(
            inputs=[spec], outputs=[_core.TensorSpec("OUT", "UINT8", [-1])], max_batch_size=0, delay_us=delay_us
        )
        runtime = _core.ModelRuntime(made, name, 1, engine, _core.BatchSettings())
        runtime.start()
        made.publish(name, {1: runtime}, 1)
        runtimes.append(runtime)
    yield made
    for runtime in runtimes:
        made.remove(runtime.model)
        runtime.stop(30)


def test_models_are_asked_without_a_transport(core: _core.Core) -> None:
    bodies = [b"one", b"two" * 40_000]
    requests = _core.LoadRequests(
        "/",
        [request_of("quick", body) for body in bodies],
        expectations=[_core.LoadExpectation("predict", [("OUT", "UINT8", body)]) for body in bodies],
        ledger=True,
    )
    target = _core.LoadTarget.in_process(core, _core.Protocol.PREDICT)
    outcome = load(target, requests, concurrency=8, connections=2, threads=2, max_requests=1000)
    assert (outcome.sum("answered"), outcome.errors) == (1000, {})
    assert outcome.sum("ledger_count") == 1000


def test_an_execution_takes_the_time_it_takes(core: _core.Core) -> None:
    requests = _core.LoadRequests("/", [request_of("slow")])
    target = _core.LoadTarget.in_process(core, _core.Protocol.PREDICT)
    outcome = load(target, requests, concurrency=1, max_requests=5)
    assert outcome.sum("answered") == 5
    assert outcome.latencies_ns[0] >= 20_000_000 * 0.99


def test_failures_are_counted_by_code(core: _core.Core) -> None:
    requests = _core.LoadRequests("/", [request_of("none"), request_of("quick")])
    target = _core.LoadTarget.in_process(core, _core.Protocol.PREDICT)
    outcome = load(target, requests, concurrency=2, max_requests=10)
    assert (outcome.sum("answered"), outcome.errors) == (5, {"NOT_FOUND": 5})


def test_what_takes_too_long_is_given_up(core: _core.Core) -> None:
    requests = _core.LoadRequests("/", [request_of("slow")])
    target = _core.LoadTarget.in_process(core, _core.Protocol.PREDICT)
    outcome = load(target, requests, concurrency=4, max_requests=4, timeout_s=0.03)
    assert outcome.errors["TIMEOUT"] >= 1
    assert outcome.sum("answered") + outcome.errors["TIMEOUT"] == 4


def test_a_run_that_is_dropped_may_be_answered_later(core: _core.Core) -> None:
    requests = _core.LoadRequests("/", [request_of("slow")])
    target = _core.LoadTarget.in_process(core, _core.Protocol.PREDICT)
    plan = _core.LoadPlan(concurrency=50, duration_s=0.01, warmup_s=0, drain_s=0)
    run = _core.LoadRun(target, requests, plan)
    run.start()
    outcome = outcome_of(run)
    assert outcome.sum("sent") == outcome.sum("answered") + outcome.sum("lost")
    assert outcome.sum("lost") > 0

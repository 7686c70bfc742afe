"""What a caller sees of batching: deadlines, cancellation, backpressure, and that rows never get mixed up."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable

import grpc
import numpy as np
import pytest
from wire import METHODS, Answer, Predict, Tensor, assert_refused

from pyserver.open_inference import open_inference_pb2 as oip
from pyserver.v1 import model_status_pb2

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
UNARY = METHODS[::2]


def one_row(*values: float) -> dict[str, Tensor]:
    return {"INPUT0": Tensor.of(np.array([values], np.float32))}


def statistics(channel: grpc.Channel, model: str) -> oip.ModelStatistics:
    ask = channel.unary_unary("/inference.GRPCInferenceService/ModelStatistics")
    data = ask(oip.ModelStatisticsRequest(name=model).SerializeToString(), timeout=30)
    return oip.ModelStatisticsResponse.FromString(data).model_stats[0]


@every_method
def test_concurrent_requests_share_batches_and_get_their_own_rows(channel: grpc.Channel, method: Predict) -> None:
    before = statistics(channel, "slow")

    def ask(index: int) -> Answer:
        rows = np.full((1 + index % 3, 1), index, np.float32)
        answer = method.infer(channel, "slow", {"INPUT0": Tensor.of(rows)})
        assert answer.outputs["OUTPUT0"].array().tolist() == rows.tolist()
        return answer

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(12)))
    assert all(answer.code == grpc.StatusCode.OK for answer in answers)
    after = statistics(channel, "slow")
    assert after.inference_count - before.inference_count == sum(1 + index % 3 for index in range(12))
    assert after.execution_count - before.execution_count < 12


@every_method
def test_requests_of_different_shapes_never_share_a_batch(channel: grpc.Channel, method: Predict) -> None:
    def ask(index: int) -> None:
        row = np.full((1, 1 + index % 4), index, np.float32)
        answer = method.infer(channel, "slow_free", {"INPUT0": Tensor.of(row)})
        assert answer.outputs["OUTPUT0"] == Tensor.of(row), answer

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(16)))


@every_method
def test_a_bad_request_does_not_harm_its_neighbours(channel: grpc.Channel, method: Predict) -> None:
    def ask(index: int) -> Answer:
        return method.infer(channel, "slow", one_row(*([float(index)] if index % 2 else [0.0, 0.0])))

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, range(10)))
    for index, answer in enumerate(answers):
        if index % 2:
            assert answer.outputs["OUTPUT0"].array().tolist() == [[index]]
        else:
            assert_refused(method, answer, grpc.StatusCode.INVALID_ARGUMENT, "[-1, 1]", "[1, 2]")


def queue_depth(channel: grpc.Channel, model: str) -> int:
    ask = channel.unary_unary("/pyserver.v1.ModelStatusService/ModelStatus")
    data = ask(model_status_pb2.ModelStatusRequest(model=model).SerializeToString(), timeout=30)
    return model_status_pb2.ModelStatusResponse.FromString(data).models[0].versions[0].counts.queue_depth


class Busy:
    """Keeps a one-at-a-time model busy: calls that a test may cancel."""

    def __init__(self, channel: grpc.Channel, method: Predict, model: str) -> None:
        self._send = channel.unary_unary(method.path)
        self._method = method
        self._model = model

    def ask(self, timeout: float = 30) -> grpc.Future:
        message = self._method.message(self._model, one_row(1.0))
        return self._send.future(message, timeout=timeout)


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Polls a condition of the server, which has no way to call us, with a limit that only a failure reaches."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("the condition did not come true")


@pytest.mark.parametrize("method", UNARY, ids=lambda method: type(method).__name__)
def test_a_full_queue_refuses_at_once(channel: grpc.Channel, method: Predict) -> None:
    busy = Busy(channel, method, "narrow")  # executes one at a time for 200 ms; two may wait
    calls = [busy.ask() for _ in range(8)]
    codes = [call.code() for call in calls]
    assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) >= 4
    assert codes.count(grpc.StatusCode.OK) >= 2
    refused = next(call for call in calls if call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert "'narrow'" in refused.details()
    assert "queue is full" in refused.details()


@pytest.mark.parametrize("method", UNARY, ids=lambda method: type(method).__name__)
def test_a_request_whose_deadline_passes_in_the_queue_is_not_executed(channel: grpc.Channel, method: Predict) -> None:
    before = statistics(channel, "narrow")
    busy = Busy(channel, method, "narrow")
    first = busy.ask()
    statistics(channel, "narrow")  # was sent later on the same connection, so the first request has arrived by now
    late = busy.ask(timeout=0.05)
    assert late.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert first.code() == grpc.StatusCode.OK
    last = busy.ask()
    assert last.code() == grpc.StatusCode.OK
    assert statistics(channel, "narrow").execution_count - before.execution_count == 2


@pytest.mark.parametrize("method", UNARY, ids=lambda method: type(method).__name__)
def test_a_cancelled_request_leaves_the_queue(channel: grpc.Channel, method: Predict) -> None:
    before = statistics(channel, "narrow")
    busy = Busy(channel, method, "narrow")
    running = busy.ask()
    statistics(channel, "narrow")  # was sent later on the same connection, so the first request has arrived by now
    waiting = [busy.ask() for _ in range(2)]
    wait_until(lambda: queue_depth(channel, "narrow") == 2)
    for call in waiting:
        call.cancel()
    wait_until(
        lambda: statistics(channel, "narrow").inference_stats.fail.count >= before.inference_stats.fail.count + 2
    )
    assert running.code() == grpc.StatusCode.OK
    assert statistics(channel, "narrow").execution_count - before.execution_count == 1


def test_a_higher_priority_goes_first(channel: grpc.Channel) -> None:
    method = METHODS[0]
    send = channel.unary_unary(method.path)
    order: list[int] = []
    arrived = threading.Lock()

    def ask(priority: int) -> grpc.Future:
        call = send.future(method.message("ranked", one_row(1.0), priority=priority), timeout=30)

        def note(done: grpc.Future) -> None:
            assert done.code() == grpc.StatusCode.OK
            with arrived:
                order.append(priority)

        call.add_done_callback(note)
        return call

    # Whichever arrives first is executed for 200 ms, and the others gather behind it.
    calls = [ask(priority) for priority in (1, 3, 3, 2, 3, 1)]
    for call in calls:
        call.result(timeout=30)
    wait_until(lambda: len(order) == len(calls))
    assert order[1:] == sorted(order[1:])

"""Streams: many requests on one, and answers that overtake one another."""

# Servicers take a request and a context, also those that need neither.
# ruff: noqa: ARG001

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
from conftest import Serve, load, requests_for
from server_process import RepositoryBuilder, StartServer

from pyserver import _core
from pyserver.open_inference import open_inference_pb2
from pyserver.v1 import predict_pb2

ID = "0" * 16


def body_with_id(message: Any) -> tuple[bytes, int]:
    """The message, whose id is ID, and where it lies."""
    body = message.SerializeToString()
    return body, body.index(ID.encode())


def stream_request(number: int) -> Any:
    return predict_pb2.PredictStreamRequest(request=predict_pb2.PredictRequest(id=ID, model=f"model {number}"))


def test_answers_in_order_need_no_ids(serve: Serve) -> None:
    calls: list[int] = []

    def echo(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        calls.append(1)
        yield from requests

    address = serve({"stream_echo": echo})
    bodies = [b"a", b"bb", b"c" * 100_000]
    expectations = [_core.LoadExpectation("message", [("", "", body)]) for body in bodies]
    requests = requests_for("stream_echo", bodies, streaming=True, expectations=expectations)
    outcome = load(_core.LoadTarget(address), requests, concurrency=7, connections=2, max_requests=60)
    assert (outcome.sum("answered"), outcome.errors) == (60, {})
    assert len(calls) == 2


def test_answers_that_overtake_are_told_apart_by_their_ids(serve: Serve) -> None:
    def reverse(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        waiting = []
        for request in requests:
            waiting.append(predict_pb2.PredictStreamRequest.FromString(request).request)
            if len(waiting) < 4:
                continue
            for asked in reversed(waiting):
                answer = predict_pb2.PredictStreamResponse(id=asked.id)
                if asked.model == "model 1":
                    answer.error.code = grpc.StatusCode.NOT_FOUND.value[0]
                    answer.error.message = f"there is no {asked.model}"
                else:
                    answer.response.model = asked.model
                yield answer.SerializeToString()
            waiting.clear()

    address = serve({"stream_reverse": reverse})
    made = [body_with_id(stream_request(number)) for number in range(3)]
    # What is expected tells which of the requests the engine took for the one that was answered.
    expectations = [
        _core.LoadExpectation(
            "message", [("", "", predict_pb2.PredictResponse(model=f"model {k}").SerializeToString())]
        )
        for k in range(3)
    ]
    requests = requests_for(
        "stream_reverse",
        [body for body, _ in made],
        streaming=True,
        id_offset=made[0][1],
        id_reader="predict",
        expectations=expectations,
    )
    outcome = load(_core.LoadTarget(address), requests, concurrency=4, max_requests=240)
    assert (outcome.sum("answered"), outcome.errors) == (160, {"NOT_FOUND": 80})
    assert outcome.summary.errors_examples == {"NOT_FOUND": "there is no model 1"}


def test_an_answer_for_nobody_is_told_and_its_request_stays_unanswered(serve: Serve) -> None:
    def mix_up(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        for _ in requests:
            yield predict_pb2.PredictStreamResponse(id="f" * 16).SerializeToString()

    address = serve({"stream_mix_up": mix_up})
    body, offset = body_with_id(stream_request(0))
    requests = requests_for("stream_mix_up", [body], streaming=True, id_offset=offset, id_reader="predict")
    outcome = load(_core.LoadTarget(address), requests, concurrency=1, max_requests=1, drain_s=0.2)
    assert (outcome.sum("answered"), outcome.sum("lost")) == (0, 1)
    assert "which nobody waits for" in outcome.summary.last_error


def test_a_stream_that_the_server_ends_fails_what_is_in_flight_and_is_begun_again(serve: Serve) -> None:
    calls: list[int] = []

    def answer_three(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        calls.append(1)
        for number, request in enumerate(requests):
            if number == 3:
                context.abort(grpc.StatusCode.ABORTED, "three are enough")
            yield request

    address = serve({"stream_three": answer_three})
    requests = requests_for("stream_three", streaming=True)
    outcome = load(_core.LoadTarget(address), requests, concurrency=1, max_requests=20)
    assert (outcome.sum("answered"), outcome.errors) == (15, {"ABORTED": 5})
    assert outcome.summary.last_error == "three are enough"
    assert len(calls) == 5


def test_a_late_answer_of_a_stream_is_not_counted_again(serve: Serve) -> None:
    def slow_once(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        held = next(requests)
        yield next(requests)
        yield held

    address = serve({"stream_slow": slow_once})
    requests = requests_for("stream_slow", streaming=True)
    outcome = load(
        _core.LoadTarget(address),
        requests,
        arrivals_ns=np.array([0, 200_000_000]),
        duration_s=0.4,
        timeout_s=0.1,
    )
    # The first answer, which came for the second request, is taken for the first: answers come in order here.
    assert outcome.errors == {"TIMEOUT": 1}
    assert (outcome.sum("sent"), outcome.sum("answered")) == (2, 1)


def test_the_streams_of_pyserver_are_spoken(start_server: StartServer, repository: RepositoryBuilder) -> None:
    inputs, outputs = ([{"name": name, "datatype": "UINT8", "shape": [-1]}] for name in ("IN", "OUT"))
    repository.identity("echo", inputs=inputs, outputs=outputs, max_batch_size=0)
    server = start_server(repository.root)
    ask = predict_pb2.PredictStreamRequest(request=predict_pb2.PredictRequest(id=ID, model="echo"))
    ask.request.inputs["IN"].datatype = 2
    ask.request.inputs["IN"].shape.append(5)
    ask.request.inputs["IN"].raw = b"hello"
    body, offset = body_with_id(ask)
    expectation = _core.LoadExpectation("predict", [("OUT", "UINT8", b"hello")])
    requests = _core.LoadRequests(
        "/pyserver.v1.PredictService/PredictStream",
        [body],
        streaming=True,
        id_offset=offset,
        id_reader="predict",
        expectations=[expectation],
    )
    outcome = load(_core.LoadTarget(server.address), requests, concurrency=32, max_requests=500)
    assert (outcome.sum("answered"), outcome.errors) == (500, {})

    infer = open_inference_pb2.ModelInferRequest(id=ID, model_name="echo", raw_input_contents=[b"hello"])
    infer.inputs.add(name="IN", datatype="UINT8", shape=[5])
    body, offset = body_with_id(infer)
    requests = _core.LoadRequests(
        "/inference.GRPCInferenceService/ModelStreamInfer",
        [body],
        streaming=True,
        id_offset=offset,
        id_reader="open_inference",
        expectations=[_core.LoadExpectation("open_inference", [("OUT", "UINT8", b"hello")])],
    )
    outcome = load(_core.LoadTarget(server.address), requests, concurrency=32, connections=2, max_requests=500)
    assert (outcome.sum("answered"), outcome.errors) == (500, {})

"""Pools as the engine sends them: every answer is right, whichever protocol, with and without streams."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from rest_server import rest_server
from server_process import ServerProcess
from tensorflow_server import tensorflow_server

from pyserver import _core
from pyserver_loadgen.inputs import RequestOptions, RequestPool, build_pool, expected_first
from pyserver_loadgen.protocols import ExpectedOutputs, RequestProtocol, connect, protocol_named

REQUESTS = 200
EVERY = {"dimensions": ("*[0]=uniform(1,5)",)}
TRANSFORMER = {"dimensions": ("input_ids[1]=uniform(8,64)",), "batch_size": 2}


@pytest.fixture(scope="module")
def tensorflow_address() -> Iterator[str]:
    with tensorflow_server([]) as address:
        yield address


@pytest.fixture(scope="module")
def rest_address() -> Iterator[str]:
    with rest_server() as server:
        yield server.address


def send(
    protocol: RequestProtocol, address: str, pool: RequestPool, expected: list[ExpectedOutputs], connections: int = 2
) -> dict[str, int]:
    """The errors of a run, by kind; that all requests were answered or failed is checked."""
    requests = _core.LoadRequests(
        pool.path,
        pool.bodies,
        headers=pool.headers,
        streaming=pool.streaming,
        id_offset=pool.id_offset,
        id_reader=pool.id_reader,
        expectations=[_core.LoadExpectation(told.reader, told.outputs) for told in expected],
    )
    plan = _core.LoadPlan(
        duration_s=60, warmup_s=0, max_requests=REQUESTS, concurrency=2 * connections, connections=connections
    )
    run = _core.LoadRun(_core.LoadTarget(address, protocol=protocol.transport), requests, plan)
    run.start()
    assert run.wait(120)
    windows = run.windows()
    errors: dict[str, int] = {}
    for window in windows:
        for name, count in window.errors.items():
            errors[name] = errors.get(name, 0) + count
    assert sum(window.answered for window in windows) + sum(errors.values()) >= REQUESTS
    return errors


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(("model", "told"), [("every", EVERY), ("transformer", TRANSFORMER)])
@pytest.mark.parametrize("name", ["predict", "oip"])
def test_our_server_answers_rightly(
    request_server: ServerProcess, name: str, model: str, told: dict[str, object], streaming: bool
) -> None:
    protocol = protocol_named(name)
    with connect(request_server.address) as connection:
        options = RequestOptions(streaming=streaming, pool=16, **told)  # type: ignore[arg-type]
        pool = build_pool(protocol, protocol.metadata(connection, model), options)
        expected = expected_first(protocol, pool, connection)
    assert send(protocol, request_server.address, pool, expected) == {}


def test_tensorflow_serving_answers_rightly(tensorflow_address: str) -> None:
    protocol = protocol_named("tfs")
    with connect(tensorflow_address) as connection:
        pool = build_pool(protocol, protocol.metadata(connection, "m"), RequestOptions(pool=16, batch_size=3))
        expected = expected_first(protocol, pool, connection)
    assert send(protocol, tensorflow_address, pool, expected) == {}


@pytest.mark.parametrize("name", ["rest-v2", "rest-tfs"])
def test_rest_servers_answer_rightly(rest_address: str, name: str) -> None:
    protocol = protocol_named(name)
    connection = connect(rest_address, "http")
    pool = build_pool(protocol, protocol.metadata(connection, "m"), RequestOptions(pool=16, batch_size=3))
    expected = expected_first(protocol, pool, connection)
    assert send(protocol, rest_address, pool, expected) == {}


def test_a_raw_method_answers_the_same(request_server: ServerProcess) -> None:
    protocol = protocol_named("raw", method="/inference.GRPCInferenceService/ServerLive")
    with connect(request_server.address) as connection:
        pool = build_pool(protocol, protocol.metadata(connection, ""), RequestOptions())
        expected = expected_first(protocol, pool, connection)
    assert send(protocol, request_server.address, pool, expected) == {}


@pytest.mark.parametrize("name", ["predict", "oip"])
def test_a_wrong_answer_is_noticed(request_server: ServerProcess, name: str) -> None:
    protocol = protocol_named(name)
    with connect(request_server.address) as connection:
        model = protocol.metadata(connection, "echo")
    pool = build_pool(protocol, model, RequestOptions(pool=1, shapes=("IN=1,3",)))
    wrong = protocol.expect({model.outputs[0].name: np.full((1, 3), 2, np.float32)}, model)
    errors = send(protocol, request_server.address, pool, [wrong])
    assert set(errors) == {"MISMATCH"}

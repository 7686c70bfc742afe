"""REST: requests over HTTP/1.1."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from conftest import load

from pyserver import _core

Answer = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    """Answers as its server's `answers` says for the path."""

    protocol_version = "HTTP/1.1"
    # Headers and body are written one after the other: with Nagle's algorithm a response would take 40 ms.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, dict(self.headers), body))  # type: ignore[attr-defined]
        self.server.answers[self.path](self, body)  # type: ignore[attr-defined]

    def reply(self, body: bytes, status: int = 200, **fields: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def reply_in_chunks(self, *chunks: bytes) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(f"{len(chunk):X};x=y\r\n".encode() + chunk + b"\r\n")
        self.wfile.write(b"0\r\nX-Trailer: 1\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


class Server:
    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.answers = {}  # type: ignore[attr-defined]
        self._server.asked = []  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_port}"

    @property
    def asked(self) -> list[tuple[str, dict[str, str], bytes]]:
        return self._server.asked  # type: ignore[attr-defined]

    def on(self, path: str, answer: Answer) -> None:
        self._server.answers[path] = answer  # type: ignore[attr-defined]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def target(server: Server) -> _core.LoadTarget:
    return _core.LoadTarget(server.address, protocol="http")


def expect(body: bytes) -> _core.LoadExpectation:
    return _core.LoadExpectation("message", [("", "", body)])


def test_requests_keep_their_connection(server: Server) -> None:
    server.on("/v2/infer", lambda handler, body: handler.reply(body))
    bodies = [b"{}", b"x" * 300_000]
    requests = _core.LoadRequests(
        "/v2/infer", bodies, headers=[("x-mine", "yes")], expectations=[expect(body) for body in bodies]
    )
    outcome = load(target(server), requests, concurrency=1, max_requests=10)
    assert (outcome.sum("answered"), outcome.errors) == (10, {})
    assert (outcome.summary.connections_opened, outcome.summary.reconnects) == (1, 0)
    assert outcome.sum("response_bytes") == 5 * (2 + 300_000)
    path, headers, _ = server.asked[0]
    assert path == "/v2/infer"
    assert headers["Host"] == server.address
    assert headers["Content-Type"] == "application/json"
    assert headers["x-mine"] == "yes"


def test_each_request_in_flight_has_a_connection_of_its_own(server: Server) -> None:
    all_here = threading.Barrier(3)

    def answer(handler: Handler, body: bytes) -> None:
        all_here.wait(30)
        handler.reply(body)

    server.on("/", answer)
    outcome = load(target(server), _core.LoadRequests("/", [b"{}"]), concurrency=3, max_requests=3)
    assert (outcome.sum("answered"), outcome.summary.connections_opened) == (3, 3)


def test_chunked_answers_are_put_together(server: Server) -> None:
    server.on("/", lambda handler, _: handler.reply_in_chunks(b"one, ", b"two" * 50_000))
    requests = _core.LoadRequests("/", [b"{}"], expectations=[expect(b"one, " + b"two" * 50_000)])
    outcome = load(target(server), requests, concurrency=1, max_requests=5)
    assert (outcome.sum("answered"), outcome.errors, outcome.summary.reconnects) == (5, {}, 0)


def test_a_server_that_closes_after_every_answer_is_connected_to_again(server: Server) -> None:
    server.on("/", lambda handler, body: handler.reply(body, Connection="close"))
    outcome = load(target(server), _core.LoadRequests("/", [b"{}"]), concurrency=1, max_requests=5)
    assert (outcome.sum("answered"), outcome.errors) == (5, {})
    assert outcome.summary.reconnects >= 4


def test_answers_that_are_no_success_are_counted_by_status(server: Server) -> None:
    server.on("/", lambda handler, _: handler.reply(b'{"error": "no room"}', status=503))
    outcome = load(target(server), _core.LoadRequests("/", [b"{}"]), concurrency=1, max_requests=4)
    assert outcome.errors == {"HTTP 503": 4}
    assert "no room" in outcome.summary.errors_examples["HTTP 503"]


def test_wrong_answers_are_told(server: Server) -> None:
    server.on("/", lambda handler, _: handler.reply(b"wrong"))
    requests = _core.LoadRequests("/", [b"{}"], expectations=[expect(b"right")])
    outcome = load(target(server), requests, concurrency=1, max_requests=4)
    assert outcome.errors == {"MISMATCH": 4}


def test_what_is_not_answered_in_time_costs_its_connection(server: Server) -> None:
    end = threading.Event()
    first = iter([True])

    def answer(handler: Handler, body: bytes) -> None:
        if next(first, False):
            end.wait(30)
            handler.close_connection = True  # nobody listens any more
        else:
            handler.reply(body)

    server.on("/", answer)
    outcome = load(target(server), _core.LoadRequests("/", [b"{}"]), concurrency=1, max_requests=4, timeout_s=0.2)
    end.set()
    assert (outcome.sum("answered"), outcome.errors) == (3, {"TIMEOUT": 1})
    assert outcome.summary.reconnects == 1


def test_what_http1_has_not_is_refused(server: Server) -> None:
    plan = _core.LoadPlan(concurrency=1)
    with pytest.raises(ValueError, match="only gRPC has streams"):
        _core.LoadRun(target(server), _core.LoadRequests("/", [b""], streaming=True), plan)
    tensors = _core.LoadExpectation("predict", [("OUT", "FP32", b"")])
    with pytest.raises(ValueError, match="only the whole body can be compared"):
        _core.LoadRun(target(server), _core.LoadRequests("/", [b""], expectations=[tensors]), plan)

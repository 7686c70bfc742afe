"""Connections that break, cannot be opened, or are secured."""

# Servicers take a request and a context, also those that need neither.
# ruff: noqa: ARG001, ARG005

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from certificates import Authority
from conftest import Serve, load, outcome_of, requests_for
from server_process import RepositoryBuilder, StartServer

from pyserver import _core


class BreakableRelay:
    """Carries bytes between a client and a server until it is told to break every connection."""

    def __init__(self, to: str) -> None:
        host, port = to.rsplit(":", 1)
        self._to = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[tuple[socket.socket, threading.Thread]] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._to)
            for one, other in ((client, server), (server, client)):
                carrier = threading.Thread(target=self._carry, args=(one, other))
                carrier.start()
                self._open.append((one, carrier))

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket) -> None:
        try:
            while got := one.recv(65536):
                other.sendall(got)
        except OSError:
            pass

    def break_all(self) -> None:
        """Every connection that there is now."""
        broken, self._open = self._open, []
        for one, _ in broken:
            with contextlib.suppress(OSError):  # the other side may have ended it
                one.shutdown(socket.SHUT_RDWR)
        for one, carrier in broken:
            carrier.join()
            one.close()

    def close(self) -> None:
        """Takes no more connections, and breaks those that there are. May be called again."""
        if self._thread.is_alive():
            self._listener.shutdown(socket.SHUT_RDWR)
            self._thread.join()
        self._listener.close()
        self.break_all()


@pytest.fixture
def relay(serve: Serve) -> Iterator[BreakableRelay]:
    """Before a server whose method `unary_echo` echoes."""
    made = BreakableRelay(serve({"unary_echo": lambda request, context: request}))
    yield made
    made.close()


def test_a_server_that_is_not_there_is_told_as_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    plan = _core.LoadPlan(concurrency=1)
    run = _core.LoadRun(_core.LoadTarget(address), requests_for("unary_echo"), plan)
    with pytest.raises(ConnectionError, match=f"cannot connect to {address}: connection refused"):
        run.start()


def test_all_addresses_of_a_name_are_tried(serve: Serve) -> None:
    # "localhost" may stand for ::1 as well, where nobody listens.
    port = serve({"unary_echo": lambda request, context: request}).rsplit(":", 1)[1]
    outcome = load(_core.LoadTarget(f"localhost:{port}"), requests_for("unary_echo"), concurrency=2, max_requests=4)
    assert outcome.sum("answered") == 4


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="expected HOST:PORT"):
        _core.LoadTarget("nowhere")
    with pytest.raises(ValueError, match="expected grpc or http"):
        _core.LoadTarget("127.0.0.1:1", protocol="gopher")


def test_a_peer_that_does_not_speak_http2_is_told() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        peer, _ = listener.accept()
        peer.sendall(b"220 mail.example.com ESMTP\r\n")
        peer.recv(65536)
        peer.close()

    thread = threading.Thread(target=answer)
    thread.start()
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    run = _core.LoadRun(_core.LoadTarget(address), requests_for("unary_echo"), _core.LoadPlan(concurrency=1))
    with pytest.raises(ConnectionError, match=f"cannot connect to {address}: "):
        run.start()
    thread.join()
    listener.close()


def test_a_broken_connection_fails_its_requests_and_is_opened_again(serve: Serve) -> None:
    asked, broken = threading.Semaphore(0), threading.Event()

    def answer_later(request: bytes, context: grpc.ServicerContext) -> bytes:
        asked.release()
        broken.wait(30)
        return request

    relay = BreakableRelay(serve({"unary_later": answer_later}))
    plan = _core.LoadPlan(concurrency=2, connections=2, max_requests=10, warmup_s=0)
    run = _core.LoadRun(_core.LoadTarget(relay.address), requests_for("unary_later"), plan)
    run.start()
    for _ in range(2):
        assert asked.acquire(timeout=30)
    relay.break_all()
    broken.set()
    outcome = outcome_of(run)
    relay.close()
    assert (outcome.sum("sent"), outcome.sum("answered"), outcome.errors) == (10, 8, {"CONNECTION": 2})
    assert (outcome.summary.connections_opened, outcome.summary.reconnects) == (2, 2)
    assert "connection" in outcome.summary.errors_examples["CONNECTION"]


def test_a_server_that_stays_away_leaves_what_was_due_lost(relay: BreakableRelay) -> None:
    plan = _core.LoadPlan(
        arrivals_ns=np.arange(500, dtype=np.int64) * 1_000_000, duration_s=0.5, warmup_s=0, drain_s=0.1
    )
    run = _core.LoadRun(_core.LoadTarget(relay.address), requests_for("unary_echo"), plan)
    run.start()
    relay.close()
    outcome = outcome_of(run)
    assert outcome.sum("sent") == 500
    assert outcome.sum("lost") > 0
    assert outcome.sum("answered") + outcome.sum("failed") + outcome.sum("lost") == 500
    assert "cannot connect" in outcome.summary.last_error


def test_a_connection_that_the_server_ends_in_good_order_is_replaced_without_errors(serve: Serve) -> None:
    address = serve({"unary_echo": lambda request, context: request}, http2_max_connection_age_s=0.2)
    outcome = load(
        _core.LoadTarget(address),
        requests_for("unary_echo"),
        arrivals_ns=np.arange(1000, dtype=np.int64) * 1_000_000,
        duration_s=1,
        connections=2,
    )
    assert (outcome.sum("answered"), outcome.errors) == (1000, {})
    assert outcome.summary.reconnects >= 2


def test_no_more_is_in_flight_than_the_server_allows(serve: Serve) -> None:
    most, now = [0], [0]
    lock, never = threading.Lock(), threading.Event()

    def count(request: bytes, context: grpc.ServicerContext) -> bytes:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        never.wait(0.01)
        with lock:
            now[0] -= 1
        return request

    address = serve({"unary_count": count}, http2_max_concurrent_streams=2)
    outcome = load(_core.LoadTarget(address), requests_for("unary_count"), concurrency=20, max_requests=40)
    assert (outcome.sum("answered"), outcome.errors) == (40, {})
    assert most[0] <= 2
    assert outcome.summary.most_in_flight == 2


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


def secured(start_server: StartServer, repository: RepositoryBuilder, authority: Authority, *more: str | Path) -> str:
    repository.identity("echo")
    certificate = authority.sign("server", "DNS:localhost", "IP:127.0.0.1")
    server = start_server(
        repository.root, "--grpc-tls-cert", certificate.chain, "--grpc-tls-key", certificate.key, *more
    )
    return server.address


def live(target: _core.LoadTarget) -> int:
    """How many of three questions whether the server lives are answered."""
    requests = _core.LoadRequests("/inference.GRPCInferenceService/ServerLive", [b""])
    return load(target, requests, concurrency=1, max_requests=3).sum("answered")


def test_tls_is_spoken_and_the_server_verified(
    start_server: StartServer, repository: RepositoryBuilder, authority: Authority, tmp_path: Path
) -> None:
    address = secured(start_server, repository, authority)
    ca = authority.certificate.read_text()
    assert live(_core.LoadTarget(address, tls=True, ca_pem=ca)) == 3
    assert live(_core.LoadTarget(address, tls=True, ca_pem=ca, server_name="localhost")) == 3
    assert live(_core.LoadTarget(address, tls=True, verify=False)) == 3
    stranger = Authority(tmp_path / "stranger", "stranger").certificate.read_text()
    for wrong in (
        _core.LoadTarget(address, tls=True, ca_pem=ca, server_name="elsewhere"),
        _core.LoadTarget(address, tls=True, ca_pem=stranger),
    ):
        with pytest.raises(ConnectionError, match="TLS handshake failed: certificate verify failed"):
            live(wrong)


def test_a_client_shows_its_certificate(
    start_server: StartServer, repository: RepositoryBuilder, authority: Authority
) -> None:
    address = secured(
        start_server,
        repository,
        authority,
        "--grpc-tls-client-ca",
        authority.certificate,
        "--grpc-tls-require-client-cert",
    )
    ca = authority.certificate.read_text()
    own = authority.sign("client", "DNS:client")
    target = _core.LoadTarget(
        address, tls=True, ca_pem=ca, certificate_pem=own.chain.read_text(), key_pem=own.key.read_text()
    )
    assert live(target) == 3
    with pytest.raises(ConnectionError):
        live(_core.LoadTarget(address, tls=True, ca_pem=ca))


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="TLS: the certificate chain cannot be used"):
        _core.LoadTarget("127.0.0.1:1", tls=True, certificate_pem="nonsense", key_pem="nonsense")

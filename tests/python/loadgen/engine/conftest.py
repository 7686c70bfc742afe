"""Servers that do as a test says, and load for them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from pyserver import _core
from pyserver.config.schema import ServerSettings
from pyserver.transport.native import NativeTransport, native_options

SERVICE = "test.Service"
END_S = 60  # when a run that ought to have ended is called stuck


@dataclass
class Outcome:
    """The sums over all windows of a run, those of the warm-up included."""

    windows: list[_core.LoadWindow]
    summary: _core.LoadSummary

    def sum(self, name: str) -> int:
        return sum(getattr(window, name) for window in self.windows)

    @property
    def errors(self) -> dict[str, int]:
        total: Counter[str] = Counter()
        for window in self.windows:
            total.update(window.errors)
        return dict(total)

    @property
    def latencies_ns(self) -> list[int]:
        """Ascending; each as its bucket's lower bound."""
        found: list[int] = []
        for window in self.windows:
            for bucket, count in window.latency:
                low = bucket if bucket < 128 else (128 + bucket % 128) << (bucket // 128 - 1)
                found += [low] * count
        return sorted(found)


def outcome_of(run: _core.LoadRun) -> Outcome:
    """Waits for the end."""
    assert run.wait(END_S), "the run does not end"
    return Outcome(run.windows(), run.summary())


def load(target: _core.LoadTarget, requests: _core.LoadRequests, **plan: Any) -> Outcome:
    """One run to its end; without warm-up where nothing is said of it."""
    run = _core.LoadRun(target, requests, _core.LoadPlan(**{"warmup_s": 0, **plan}))
    run.start()
    return outcome_of(run)


def requests_for(method: str, bodies: Sequence[bytes] = (b"ask",), **options: Any) -> _core.LoadRequests:
    """Requests of a method of the test service."""
    return _core.LoadRequests(f"/{SERVICE}/{method}", list(bodies), **options)


Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers whose methods take and give bytes; returns the address. unary_… and stream_… tell their kind."""
    made: list[NativeTransport] = []

    def start(behaviours: Mapping[str, Callable[..., Any]], address: str = "127.0.0.1:0", **settings: Any) -> str:
        transport = NativeTransport(
            _core.Core(),
            native_options(ServerSettings(io_threads=1, **settings)),
            interceptors=(),
            log=logging.getLogger("pyserver.requests"),
            control_threads=8,
            stream_threads=8,
            tls_poll_interval_s=0.02,
        )
        made.append(transport)
        handlers = {
            name: (
                grpc.stream_stream_rpc_method_handler(behaviour)
                if name.startswith("stream_")
                else grpc.unary_unary_rpc_method_handler(behaviour)
            )
            for name, behaviour in behaviours.items()
        }
        transport.add_registered_method_handlers(SERVICE, handlers)
        port = transport.add_insecure_port(address)
        transport.start()
        return address if port == 0 or address.startswith("unix") else f"127.0.0.1:{port}"

    yield start
    for transport in made:
        transport.stop(None).wait(10)

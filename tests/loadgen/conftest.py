"""Starts the server of known delays, and has the kernel leave both sides alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from asked_server import DelayServer, StartDelayServer


@pytest.fixture(scope="session", autouse=True)
def before_others() -> Iterator[None]:
    """Runs client and server before everything else on the machine, where this user may: delays are exact then."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    yield
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture
def start_delay_server(tmp_path: Path) -> Iterator[StartDelayServer]:
    started: list[DelayServer] = []

    def start(kind: str, *numbers: float) -> DelayServer:
        started.append(DelayServer(tmp_path, kind, *numbers))
        return started[-1]

    yield start
    for server in started:
        server.stop()

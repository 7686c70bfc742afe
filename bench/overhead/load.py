"""Load from a process of its own: h2load for as much as the server can take, our probe for exact latencies.

Both check that every request was answered, and with as many bytes as a right answer has.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import h2load
import messages
from h2load import Shape, children_cpu_s
from servers import Server

T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """One method of one server, the file with the framed request, and what its answers are like."""

    server: Server
    path: str
    body: Path
    answer_bytes: int


def make_targets(servers: list[Server], message: messages.Message, folder: Path) -> list[Target]:
    """The same bytes for all of the servers; each is asked once whether it answers them rightly."""
    body = folder / f"{len(message.framed)}.grpc"
    body.write_bytes(message.framed)
    return [
        Target(server, message.path, body, messages.checked_answer(server.address, message, server.kind == "grpcpp"))
        for server in servers
    ]


def in_turns(rounds: int, targets: list[Target], run: Callable[[Target], T]) -> dict[str, list[T]]:
    """Runs it A B C A B C …, so that what else the machine does falls upon all. By server, an entry a round."""
    taken: dict[str, list[T]] = {target.server.kind: [] for target in targets}
    for _ in range(rounds):
        for target in targets:
            taken[target.server.kind].append(run(target))
    return taken


@dataclass(frozen=True)
class Burst:
    """What a number of requests took, all of them answered rightly."""

    requests: int
    seconds: float
    server_cpu_s: float
    client_cpu_s: float
    command: str

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def per_server_cpu_s(self) -> float:
        # The clock has hundredths: what did not even take one is counted as one.
        return self.requests / max(self.server_cpu_s, 0.01)


def burst(target: Target, shape: Shape, requests: int) -> Burst:
    """Sends them as fast as they are answered. SystemExit where any was not."""
    url = f"http://{target.server.address}{target.path}"
    command = h2load.command(shape, [f"-n{requests}"], target.body, url)
    cpu_before, client_before = target.server.cpu_s(), children_cpu_s()
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    cpu, client = target.server.cpu_s() - cpu_before, children_cpu_s() - client_before
    _check(told, target, requests)
    return Burst(requests, _finished_s(told), cpu, client, shlex.join(command))


def sized_burst(target: Target, shape: Shape, seconds: float) -> int:
    """How many requests take about so long. Warms the server up."""
    requests = shape.connections * shape.streams * 4
    while True:
        began = time.perf_counter()
        rate = burst(target, shape, requests).per_second
        wanted = max(requests, int(rate * seconds))
        if time.perf_counter() - began >= seconds / 4 or requests >= wanted:
            return wanted
        requests = min(wanted, requests * 8)


def probe(target: Target, *, program: Path, mode: str, **options: float) -> dict[str, Any]:
    """Runs the probe, see probe/main.cc for modes and options. SystemExit where a request failed."""
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", f"{value:g}")]
    command = [str(program), mode, "--to", target.server.address, "--path", target.path, "--body", str(target.body)]
    cpu_before, client_before = target.server.cpu_s(), children_cpu_s()
    done = subprocess.run([*command, *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{target.server.kind}: {done.stderr}")
    told: dict[str, Any] = json.loads(done.stdout)
    wrong_size = (told["least_bytes"], told["most_bytes"]) != (target.answer_bytes, target.answer_bytes)
    if told["answered"] != told["sent"] or told["failed"] or wrong_size:
        raise SystemExit(f"{target.server.kind}: expected answers of {target.answer_bytes} bytes to all, got {told}")
    told["server_cpu_s"] = target.server.cpu_s() - cpu_before
    told["client_cpu_s"] = children_cpu_s() - client_before
    return {**told, "command": shlex.join([*command, *words])}


def _check(told: str, target: Target, requests: int) -> None:
    # h2load takes every HTTP status 200 for a success, and gRPC's errors have that too: but they have no body.
    expected = (
        f"{requests} done, {requests} succeeded, 0 failed, 0 errored, 0 timeout",
        f"({requests * target.answer_bytes}) data",
    )
    if any(text not in told for text in expected):
        raise SystemExit(f"{target.server.kind}: expected {expected}; h2load said:\n{told}")


def _finished_s(told: str) -> float:
    found = re.search(r"finished in ([0-9.]+)(us|ms|s|m|h)", told)
    if not found:
        raise SystemExit(f"h2load said:\n{told}")
    return float(found[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}[found[2]]

"""How long does one request take when nothing else is asked?

One request in flight on one connection, over TCP (loopback) and over a Unix socket: an FP32 tensor [1, 64] through an
identity model, beside an echo on gRPC's C++ library that runs no model. The client is bench/overhead/probe, which
sleeps while it waits, as clients do. Servers and sockets take turns.
Usage: ./dev run python bench/overhead/latency.py [--rounds N] [--seconds S] [--servers native,grpcio,grpcpp]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

# What benchmarks share lies in bench/support.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import load
import messages
import record
import servers
import toolchain

SOCKETS = ("TCP", "Unix")
PERCENTILES = ("p50", "p99", "p99.9")


def measure(options: argparse.Namespace, folder: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """What the probe told, an entry a round, by socket and server."""
    starter = servers.make_starter(options, folder)
    program = toolchain.build("probe")
    message = messages.make_message(options.method, messages.SMALL)
    with ExitStack() as stack:
        targets = {}
        for socket in SOCKETS:
            running = [
                stack.enter_context(starter.start(kind, listen_at(socket, kind, folder)))
                for kind in servers.chosen(options)
            ]
            targets[socket] = load.make_targets(running, message, folder)
        told: dict[str, dict[str, list[dict[str, Any]]]] = {socket: {} for socket in SOCKETS}
        ask = partial(load.probe, program=program, mode="closed", seconds=options.seconds)
        for _ in range(options.rounds):
            for socket in SOCKETS:
                for kind, runs in load.in_turns(1, targets[socket], ask).items():
                    told[socket].setdefault(kind, []).extend(runs)
        return told


def listen_at(socket: str, kind: str, folder: Path) -> str:
    return f"unix:{folder / kind}.socket" if socket == "Unix" else "127.0.0.1:0"


def report(told: dict[str, dict[str, list[dict[str, Any]]]]) -> str:
    rows = [
        [
            socket,
            servers.TITLES[kind],
            *(f"{median([run['latency_us'][name] for run in runs]):.0f}" for name in PERCENTILES),
        ]
        for socket, by_kind in told.items()
        for kind, runs in by_kind.items()
    ]
    return record.table(["socket", "server", *(f"{name} us" for name in PERCENTILES)], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="how long each measurement lasts, without its warm-up")
    parser.add_argument("--json", type=Path, default=record.RESULTS / "latency.json")
    servers.add_options(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        told = measure(options, Path(folder))
    print(report(told))
    record.write(options.json, {"latency": told})


if __name__ == "__main__":
    main()

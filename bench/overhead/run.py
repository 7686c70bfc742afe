"""What does a request cost the server itself?

An identity model behind pyserver's transports, and an echo on gRPC's C++ library that runs no model at all, each asked
the same by the same client, in turns (A B C A B C …):

  small        one FP32 tensor [1, 64], many streams on few connections, and many connections with one stream
  large        one FP32 tensor [1, 150528], 600 KB, few streams
  open loop    the small one at fixed rates, requests due at random moments whatever the server does: p50 and p99

The load comes from h2load (Debian: nghttp2-client), the open loop from bench/overhead/probe. Every run checks that all
requests were answered, with as many bytes as the right answer has; a gRPC client checks once that it is right. The
CPU time of a server is the kernel's count for the whole process.
Usage: ./dev bench overhead [--rounds N] [--seconds S] [--servers native,grpcio,grpcpp] [--json FILE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

# What benchmarks share lies in bench/support.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import load
import messages
import record
import servers
import toolchain
from h2load import Shape
from load import Burst, Target
from report import LOADS, Measured, goals, report

OPEN_LOOP_CONNECTIONS = 8


def measure(options: argparse.Namespace, folder: Path) -> Measured:
    starter = servers.make_starter(options, folder)
    probe = toolchain.build("probe")
    measured = Measured()
    with ExitStack() as stack:
        running = [stack.enter_context(starter.start(kind)) for kind in servers.chosen(options)]
        measured.servers = {server.kind: server.command for server in running}
        targets = {
            elements: load.make_targets(running, messages.make_message(options.method, elements), folder)
            for elements in (messages.SMALL, messages.LARGE)
        }
        for name, (elements, shape) in LOADS.items():
            measured.bursts[name] = bursts(options, targets[elements], shape)
        for rate in options.rates:
            ask = partial(
                load.probe, program=probe, mode="open", rate=rate, connections=OPEN_LOOP_CONNECTIONS,
                seconds=options.seconds,
            )  # fmt: skip
            measured.probes[f"{rate}/s"] = load.in_turns(options.rounds, targets[messages.SMALL], ask)
    return measured


def bursts(options: argparse.Namespace, targets: list[Target], shape: Shape) -> dict[str, list[Burst]]:
    """So many requests for each server that they take it about the wanted time."""
    sizes = {target: load.sized_burst(target, shape, options.seconds) for target in targets}
    return load.in_turns(options.rounds, targets, lambda target: load.burst(target, shape, sizes[target]))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="about how long each measurement lasts")
    parser.add_argument("--rates", type=int, nargs="+", default=[500, 2000], help="of the open loop, requests a second")
    parser.add_argument("--json", type=Path, default=record.RESULTS / "overhead.json")
    servers.add_options(parser)
    return parser.parse_args()


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(options, Path(folder))
    print(report(measured))
    record.write(options.json, {**asdict(measured), "goals": goals(measured)})


if __name__ == "__main__":
    main()

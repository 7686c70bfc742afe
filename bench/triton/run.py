"""Our load generator against a real Triton, and Triton beside pyserver.

Triton comes from PyPI (the wheel nvidia-pytriton holds tritonserver and its Python backend), pyserver from this
checkout, with each of its transports. Both serve an identity model, FP32 [-1, 64] in batches of up to 8, and are asked
by one command line of the load generator that measures them in turns (A B A B …), over the Open Inference Protocol;
every answer is compared with the right one. Before that Triton is asked over single calls, over streams
(ModelStreamInfer) and over REST v2, whose answers are compared with the first to the same request. A single failed
request fails the benchmark.

What is compared: the identity model computes nothing, so that the figures are those of the server around it. Triton's
is in Python, since the wheel has no other backend: requests go to another process and back, which those in C++ do not.
pyserver's is in C++, in the server itself. This says nothing about Triton's other backends, nor about models that take
long.
Usage: ./dev bench triton [--rounds N] [--seconds S] [--concurrency N] [--connections N] [--json FILE]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What benchmarks share lies in bench/support; how programs are run and logged is the measurement of overhead's.
sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "overhead"))

import record
import repositories
import wheel
from asked import Asker, Told
from rounds import text
from server_process import Server
from tritonserver import Tritonserver, ready_version

from pyserver_loadgen.measurement import ComparisonRow

TRANSPORTS = ("native", "grpcio")
WAYS = {
    "single calls": ("unary", "--protocol", "oip"),
    "streams": ("streaming", "--protocol", "oip", "--streaming"),
    "REST v2": ("rest", "--protocol", "rest-v2"),
}
NOTE = (
    "A ratio is pyserver's figure by Triton's. The identity model computes nothing: these are the servers alone.\n"
    "Triton's model is in Python, in another process: the only backend in the wheel, and not its fastest.\n"
    "pyserver's is in C++, in the server. The load generator runs beside them and takes from the same cores."
)


@dataclass
class Measured:
    """What the load generator told."""

    servers: dict[str, str] = field(default_factory=dict)  # their command lines
    versions: dict[str, str] = field(default_factory=dict)  # as they tell them
    checks: dict[str, Told] = field(default_factory=dict)  # of Triton, by way
    compared: dict[str, Told] = field(default_factory=dict)  # by transport

    def figures(self) -> dict[str, Any]:
        return {
            "compared": NOTE,
            "servers": self.servers,
            "server_versions": self.versions,
            "requirements": wheel.requirements(),
            "checks": {way: told.figures() for way, told in self.checks.items()},
            "transports": {transport: told.figures() for transport, told in self.compared.items()},
        }


def measure(options: argparse.Namespace) -> Measured:
    triton = wheel.install()
    files = repositories.write(wheel.BUILT)
    asker = Asker(options, files)
    measured = Measured()
    with Tritonserver(triton, files.triton) as server:
        measured.servers["triton"], measured.versions["triton"] = server.command, server.version
        for way, (name, *arguments) in WAYS.items():
            address = server.rest_address if name == "rest" else server.address
            measured.checks[way] = asker.ask(name, address, arguments)
        for transport in TRANSPORTS:
            with Server(f"pyserver, {transport}", serve_command(files.pyserver, transport)) as ours:
                measured.servers[transport] = ours.command
                measured.versions[transport] = ready_version(ours.address)
                measured.compared[transport] = asker.compare(transport, server.address, ours.address)
    return measured


def serve_command(repository: Path, transport: str) -> list[str]:
    command = [sys.executable, "-m", "pyserver", "serve", str(repository), "--log-level", "warning"]
    return [*command, "--transport", transport, "--grpc-address", "127.0.0.1:0"]


def report(measured: Measured) -> str:
    ways = [[way, f"{told.answers:,}", str(told.failed), told.compared_with] for way, told in measured.checks.items()]
    rows = [comparison_row(transport, row) for transport, told in measured.compared.items() for row in told.rows]
    head = ["pyserver's transport", "measure", "Triton", "pyserver", "ratio", "95 % interval"]
    tables = [record.table(["Triton over", "answers", "failed", "each compared with"], ways), record.table(head, rows)]
    notes = [f"- {transport}, {note}" for transport, told in measured.compared.items() for note in told.notes]
    return "\n\n".join([*tables, NOTE, "\n".join(notes)]).rstrip()


def comparison_row(transport: str, row: ComparisonRow) -> list[str]:
    values = [f"{value:,.0f} /s" if row.unit == "answers/s" else f"{value * 1e6:,.0f} us" for value in (row.a, row.b)]
    # One round has no interval.
    interval = " to ".join(filter(None, (text(end, ".3g") for end in (row.ratio_low, row.ratio_high))))
    return [transport, row.measure, *values, f"{row.ratio:.3g}x", interval]


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="how long each measurement lasts, without its warm-up")
    parser.add_argument("--concurrency", type=int, default=8, help="requests in flight")
    parser.add_argument("--connections", type=int, default=1, help="that they share; REST opens one for each")
    parser.add_argument("--json", type=Path, default=record.RESULTS / "triton.json")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    measured = measure(options)
    print(f"\n{report(measured)}")
    record.write(options.json, measured.figures())


if __name__ == "__main__":
    main()

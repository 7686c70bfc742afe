"""How does the server behave as there is more of something: connections, bytes, instances?

  connections   512 requests of 256 B in flight at any time, on 1, 8, 64 and 512 connections
  payload       256 B to 4 MB there and back: one request in flight, and 8 on 2 connections
  instances     a model whose execution takes 5 ms of waiting and no CPU, 16 requests in flight, with 1, 2 and 4
                instances of it: at best 200/s for each of them

The model is `identity`, which answers with what it was asked, without batching; the transport is the native one, the
protocol Predict. The load comes from our own load generator, one thread, on the same machine: what it takes from the
cores is in the column of its CPU time. All settings of a table take turns.
Usage: ./dev bench scaling [--rounds N] [--seconds S] [--tables connections,payload,instances] [--json FILE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

# What benchmarks share lies in bench/support.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import record
import yaml
from rounds import NO_P99, Point, Taken, check_answers, in_turns, text
from server_process import Server

from pyserver_loadgen.inputs import RequestOptions
from pyserver_loadgen.run import Runner, Setting
from pyserver_loadgen.schedules import ClosedLoop
from pyserver_loadgen.subjects import Asked, prepare_server

FP32_BYTES = 4
SMALL = 256
CONNECTIONS = (1, 8, 64, 512)
IN_FLIGHT = 512
# 600 KB is a picture of 224 × 224 × 3 FP32 numbers; the others are powers of two.
PAYLOADS = {"256 B": SMALL, "4 KB": 4 << 10, "64 KB": 64 << 10, "600 KB": 602_112, "4 MB": 4 << 20}
# Connections, and requests in flight on all of them.
PAYLOAD_LOADS = ((1, 1), (2, 8))
INSTANCES = (1, 2, 4)
INSTANCES_IN_FLIGHT = 16
DELAY_US = 5000
MOST_WARMUP_S = 0.5
# Different ones, so that not every request finds its bytes in the caches.
POOL = 8


@dataclass(frozen=True)
class Table:
    """One kind of more: what is measured, and how its rows read."""

    points: Callable[[Server, float, ExitStack], list[Point]]
    head: list[str]
    row: Callable[[str, Taken], list[str]]


def write_repository(root: Path) -> Path:
    _write_model(root, "identity", {})
    for instances in INSTANCES:
        _write_model(root, _delayed(instances), {"instances": instances, "options": {"delay_us": DELAY_US}})
    return root


def _write_model(root: Path, name: str, more: dict[str, object]) -> None:
    told = {
        "engine": "identity",
        "max_batch_size": 0,
        "inputs": [{"name": "INPUT0", "datatype": "FP32", "shape": [-1]}],
        **more,
    }
    (root / name / "1").mkdir(parents=True)
    (root / name / "model.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")


def _delayed(instances: int) -> str:
    return f"delayed_{instances}"


def connection_points(server: Server, seconds: float, stack: ExitStack) -> list[Point]:
    run = _runner(server, "identity", SMALL, stack)
    return [_point(f"{count}", run, seconds, connections=count, in_flight=IN_FLIGHT) for count in CONNECTIONS]


def payload_points(server: Server, seconds: float, stack: ExitStack) -> list[Point]:
    points = []
    for name, size in PAYLOADS.items():
        run = _runner(server, "identity", size, stack)
        points += [
            _point(f"{name}, {in_flight}", run, seconds, connections=connections, in_flight=in_flight)
            for connections, in_flight in PAYLOAD_LOADS
        ]
    return points


def instance_points(server: Server, seconds: float, stack: ExitStack) -> list[Point]:
    return [
        _point(
            f"{count}",
            _runner(server, _delayed(count), SMALL, stack),
            seconds,
            connections=1,
            in_flight=INSTANCES_IN_FLIGHT,
        )
        for count in INSTANCES
    ]


def _runner(server: Server, model: str, size: int, stack: ExitStack) -> Runner:
    asked = Asked(model=model, requests=RequestOptions(shapes=(f"INPUT0={size // FP32_BYTES}",), pool=POOL))
    check_answers(server.address, asked)
    return Runner(prepare_server(server.address, asked, stack).subject)


def _point(name: str, run: Runner, seconds: float, *, connections: int, in_flight: int) -> Point:
    warmup_s = min(MOST_WARMUP_S, seconds / 2)
    setting = Setting(ClosedLoop(in_flight), duration_s=seconds, warmup_s=warmup_s, connections=connections)
    return Point(name, run, setting)


_COMMON = ["answers /s", "p50 ms", "p99 ms", "server CPU us each", "server cores", "client CPU us each"]


def _common(taken: Taken) -> list[str]:
    return [
        text(taken.per_second, ",.0f"),
        text(taken.percentile(50), ".3g", 1e3),
        text(taken.percentile(99), ".3g", 1e3),
        text(taken.server_cpu_s, ",.1f", 1e6),
        text(taken.server_cores, ".2f"),
        text(taken.client_cpu_s, ",.1f", 1e6),
    ]


def connection_row(name: str, taken: Taken) -> list[str]:
    return [name, *_common(taken)]


def payload_row(name: str, taken: Taken) -> list[str]:
    payload, in_flight = name.split(", ")
    size = PAYLOADS[payload]
    # There and back.
    return [payload, in_flight, *_common(taken), text(2 * size * taken.per_second, ".2f", 1e-9)]


def instance_row(name: str, taken: Taken) -> list[str]:
    best = int(name) * 1e6 / DELAY_US
    return [name, *_common(taken), f"{best:,.0f}", f"{taken.per_second / best:.1%}"]


TABLES = {
    "connections": Table(connection_points, ["connections", *_COMMON], connection_row),
    "payload": Table(payload_points, ["payload", "in flight", *_COMMON, "GB/s"], payload_row),
    "instances": Table(instance_points, ["instances", *_COMMON, "at best /s", "reached"], instance_row),
}


def measure(options: argparse.Namespace, folder: Path) -> tuple[str, dict[str, dict[str, Taken]]]:
    """The server's command, and what was taken, by table and point."""
    repository = write_repository(folder / "models")
    command = [sys.executable, "-m", "pyserver", "serve", str(repository), "--log-level", "warning"]
    command += ["--transport", "native", "--grpc-address", "127.0.0.1:0"]
    taken = {}
    with Server("pyserver", command) as server:
        for name in options.tables:
            with ExitStack() as stack:
                points = TABLES[name].points(server, options.seconds, stack)
                taken[name] = in_turns(points, options.rounds, name)
    return server.command, taken


def report(taken: dict[str, dict[str, Taken]]) -> str:
    tables = []
    for name, by_point in taken.items():
        table = TABLES[name]
        rows = [table.row(point, of_point) for point, of_point in by_point.items()]
        tables.append(f"{name}\n\n{record.table(table.head, rows)}\n")
    return "\n".join([*tables, NO_P99])


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="how long each measurement lasts, without its warm-up")
    parser.add_argument("--tables", type=_tables, default=list(TABLES), help="which ones, with commas")
    parser.add_argument("--json", type=Path, default=record.RESULTS / "scaling.json")
    return parser.parse_args()


def _tables(names: str) -> list[str]:
    wanted = names.split(",")
    if unknown := sorted(set(wanted) - set(TABLES)):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(TABLES)}, got {', '.join(unknown)}")
    return wanted


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as folder:
        command, taken = measure(options, Path(folder))
    print(report(taken))
    tables = {
        name: {point: of_point.figures() for point, of_point in by_point.items()} for name, by_point in taken.items()
    }
    record.write(options.json, {"server": command, "tables": tables})


if __name__ == "__main__":
    main()

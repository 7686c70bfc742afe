"""What does a connection cost that asks for nothing, and are many busy ones served?

For each server, in a process of its own: 10,000 HTTP/2 connections in cleartext, preface and settings exchanged on
each, and how much the server's resident memory grew by them; then, when these are closed, 1,000 connections with 10
streams each, all of whose requests must be answered rightly. The kernel's own memory for the sockets is not counted.
Usage: ./dev run python bench/overhead/connections.py [--connections N] [--servers native,grpcio,grpcpp]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

# What benchmarks share lies in bench/support.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import load
import messages
import record
import servers
from h2load import Shape
from idle_connections import IdleConnections, allow_open_files

GOAL_BYTES = 20_000
BUSY = Shape(1_000, 10)
BUSY_REQUESTS = 50_000
TIMEOUT_S = 120
# Memory counts as settled when it has moved by less than this between two looks.
SETTLED_BYTES = 256 * 1024
LOOK_S = 0.5


@dataclass(frozen=True)
class Held:
    """One server under its connections."""

    idle: int
    opened_s: float
    rss_before: int
    rss_with: int
    rss_closed: int  # when they have gone
    lost: int  # idle connections that the server ended
    busy: load.Burst

    @property
    def bytes_each(self) -> float:
        return (self.rss_with - self.rss_before) / self.idle


def hold(server: servers.Server, message: messages.Message, idle: int, folder: Path) -> Held:
    target = load.make_targets([server], message, folder)[0]
    # What it allocates once, for its first requests on several connections, is not the price of a connection.
    load.burst(target, Shape(16, 10), 2_000)
    before = settled_rss(server)
    with IdleConnections(server.address) as connections:
        opened_s = connections.open(idle, TIMEOUT_S)
        after = settled_rss(server)
        lost = connections.lost
    # Servers limit their connections; pyserver's native transport has 10,000 as default.
    closed = settled_rss(server)
    return Held(idle, opened_s, before, after, closed, lost, load.burst(target, BUSY, BUSY_REQUESTS))


def settled_rss(server: servers.Server) -> int:
    earlier = server.rss_bytes()
    while True:
        time.sleep(LOOK_S)
        now = server.rss_bytes()
        if abs(now - earlier) < SETTLED_BYTES:
            return now
        earlier = now


def report(held: dict[str, Held]) -> str:
    head = ["server", "idle connections", "RSS before, MB", "with them", "after them", "KB each",
            f"< {GOAL_BYTES // 1000} KB", f"{BUSY} requests answered", "requests/s", "idle ones lost"]  # fmt: skip
    rows = [
        [
            servers.TITLES[kind],
            f"{one.idle:,}",
            f"{one.rss_before / 1e6:.0f}",
            f"{one.rss_with / 1e6:.0f}",
            f"{one.rss_closed / 1e6:.0f}",
            f"{one.bytes_each / 1000:.1f}",
            "met" if one.bytes_each < GOAL_BYTES else "missed",
            f"{one.busy.requests:,}",
            f"{one.busy.per_second:,.0f}",
            f"{one.lost}",
        ]
        for kind, one in held.items()
    ]
    return record.table(head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000, help="idle ones")
    parser.add_argument("--json", type=Path, default=record.RESULTS / "connections.json")
    servers.add_options(parser)
    options = parser.parse_args()
    allow_open_files(options.connections + 4_096)
    held, commands = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        starter = servers.make_starter(options, Path(folder))
        message = messages.make_message(options.method, messages.SMALL)
        for kind in servers.chosen(options):
            with starter.start(kind) as server:
                held[kind] = hold(server, message, options.connections, Path(folder))
                commands[kind] = server.command
    print(report(held))
    figures = {kind: {**asdict(one), "bytes_each": one.bytes_each} for kind, one in held.items()}
    record.write(options.json, {"servers": commands, "connections": figures})


if __name__ == "__main__":
    main()

"""h2load, a client of others that sends one request again and again: how it is called, and what CPU time it took."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Windows of 2^24 - 1 bytes: they never hold a response back.
_FLAGS = ["-t1", "-w24", "-W24", "-H", "content-type: application/grpc", "-H", "te: trailers"]


@dataclass(frozen=True)
class Shape:
    """How the load comes: this many connections with this many streams each at any time."""

    connections: int
    streams: int

    def __str__(self) -> str:
        return f"{self.connections}x{self.streams}"


def command(shape: Shape, length: Sequence[str], body: Path, url: str) -> list[str]:
    """`length`: the flags for how many requests, or for how long. `body`: the file with the framed request."""
    return ["h2load", *_FLAGS, f"-c{shape.connections}", f"-m{shape.streams}", *length, "-d", str(body), url]


def children_cpu_s() -> float:
    """Of the processes that have ended: clients, not the servers."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime

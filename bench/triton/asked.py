"""The command lines of the load generator, and what its reports say."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import toolchain
from repositories import MODEL, Repositories
from rounds import known
from wheel import BUILT

from pyserver_loadgen.measurement import ComparisonRow, Measurement, Report
from pyserver_loadgen.report import document


@dataclass(frozen=True)
class Told:
    """One run of the load generator in which no request failed."""

    command: str
    report: Report
    compared_with: str

    @property
    def rows(self) -> list[ComparisonRow]:
        """Of two servers in turns."""
        return self.report.comparison.rows if self.report.comparison else []

    @property
    def answers(self) -> int:
        return sum(measured.succeeded for measured in self.report.measurements)

    @property
    def failed(self) -> int:
        return sum(measured.failed for measured in self.report.measurements)

    @property
    def notes(self) -> list[str]:
        """What the load generator says of the figures, such as that the machine was busy."""
        of_runs = [f"{run.label}: {note}" for run in self.report.measurements for note in run.notes]
        return [*self.report.notes, *of_runs]

    def figures(self) -> dict[str, Any]:
        """For JSON; null is what is not known."""
        return {
            "command": self.command,
            "answers_compared_with": self.compared_with,
            "notes": self.notes,
            "rows": [{name: _plain(value) for name, value in vars(row).items()} for row in self.rows],
            "runs": [_run(measured) for measured in self.report.measurements],
        }


@dataclass(frozen=True)
class Asker:
    """Asks with the same settings each time."""

    options: argparse.Namespace
    files: Repositories

    def compare(self, name: str, address: str, against: str) -> Told:
        """A is at `address`, B at `against`."""
        rounds = ["--against", against, "--rounds", str(self.options.rounds)]
        return self.ask(name, address, ["--protocol", "oip", *rounds])

    def ask(self, name: str, address: str, arguments: Sequence[str]) -> Told:
        """Raises SystemExit where a request fails, or where one is answered wrongly."""
        # JSON is compared as a whole, and so with what the server itself said first.
        first = "rest-v2" in arguments
        expected = "first" if first else str(self.files.expected)
        kept = BUILT / f"{name}.json"
        kept.unlink(missing_ok=True)
        line = [
            "bench", MODEL, "--address", address, *arguments,
            "--input", f"INPUT0={self.files.requests}", "--batch-size", "1", "--expect", expected,
            "--concurrency", str(self.options.concurrency), "--connections", str(self.options.connections),
            "--duration", f"{self.options.seconds:g}s", "--json", str(kept),
        ]  # fmt: skip
        command = shlex.join(["pyserver", *line])
        print(f"\n{command}", flush=True)
        # It ends with another code than 0, and so does the benchmark, where a single request fails.
        toolchain.run_logged([sys.executable, "-m", "pyserver", *line], f"bench-triton-{name}")
        told = Told(command, document.read(kept), "the first answer" if first else "the right tensor")
        for measured in told.report.measurements:
            if measured.failed or not measured.succeeded:
                raise SystemExit(f"{name}, {measured.label}: expected right answers only, got {measured.errors}")
        return told


def _run(measured: Measurement) -> dict[str, Any]:
    server = measured.server
    return {
        "label": measured.label,
        "target": measured.target,
        "answers": measured.succeeded,
        "failed": measured.failed,
        "per_second": known(measured.throughput),
        "p50_s": known(measured.latency.percentile(50)),
        "p99_s": known(measured.latency.percentile(99)),
        "server_cpu_s": server.cpu_s if server else None,
        "server_rss_bytes": server.rss_bytes if server else None,
        "mean_batch": server.mean_batch if server else None,
        "client_cpu_s": measured.client_cpu_s,
    }


def _plain(value: object) -> object:
    return known(value) if isinstance(value, float) else value

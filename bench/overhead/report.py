"""The tables and the goals of run.py, from every measurement that it took."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

import messages
import record
from h2load import Shape
from load import Burst
from servers import KINDS, TITLES

LOADS = {
    "small, multiplexed": (messages.SMALL, Shape(8, 32)),
    "small, one stream each": (messages.SMALL, Shape(32, 1)),
    "large": (messages.LARGE, Shape(4, 2)),
}
# Least ratios of native to the other in requests per server-CPU-second, by load and the other.
GOALS = {
    ("small, multiplexed", "grpcio"): 20.0,
    ("small, multiplexed", "grpcpp"): 3.0,
    ("small, one stream each", "grpcio"): 20.0,
    ("small, one stream each", "grpcpp"): 3.0,
    ("large", "grpcio"): 2.0,
    ("large", "grpcpp"): 1.3,
}
MOST_CPU_S_PER_1000 = 0.015


@dataclass
class Measured:
    """Every measurement, one entry a round."""

    servers: dict[str, str] = field(default_factory=dict)  # their command lines
    bursts: dict[str, dict[str, list[Burst]]] = field(default_factory=dict)  # by load, by server
    probes: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)  # by rate, by server


def ratio(bursts: dict[str, list[Burst]], other: str) -> float | None:
    """Of native to the other in requests per server-CPU-second: the median over the rounds."""
    if "native" not in bursts or other not in bursts:
        return None
    pairs = zip(bursts["native"], bursts[other], strict=True)
    return median(native.per_server_cpu_s / foreign.per_server_cpu_s for native, foreign in pairs)


def burst_rows(load: str, bursts: dict[str, list[Burst]]) -> list[list[str]]:
    shape = LOADS[load][1]
    rows = []
    for kind, runs in bursts.items():
        against = None if kind == "native" else ratio(bursts, kind)
        rows.append(
            [
                f"{load}, {shape}",
                TITLES[kind],
                f"{median([run.per_second for run in runs]):,.0f}",
                f"{median([run.server_cpu_s / run.requests * 1000 for run in runs]):.4f}",
                f"{median([run.client_cpu_s / run.requests * 1000 for run in runs]):.4f}",
                f"{median([run.server_cpu_s / run.seconds for run in runs]):.2f}",
                f"{median([run.per_server_cpu_s for run in runs]):,.0f}",
                "" if against is None else f"{against:.1f}x",
            ]
        )
    return rows


def probe_rows(rate: str, probes: dict[str, list[dict[str, Any]]]) -> list[list[str]]:
    rows = []
    for kind, runs in probes.items():
        percentiles = [median([run["latency_us"][name] for run in runs]) for name in ("p50", "p99")]
        lateness = median([run["lateness_us"]["p99"] for run in runs])
        rows.append([rate, TITLES[kind], *(f"{value:,.0f}" for value in percentiles), f"{lateness:,.0f}"])
    return rows


def goals(measured: Measured) -> list[str]:
    """A line for each: what was wanted, what came, and whether that is enough."""
    lines = []
    for (load, other), least in GOALS.items():
        came = ratio(measured.bursts[load], other)
        text = f"{load}: native ÷ {TITLES[other]} in requests per server-CPU-second, wanted ≥ {least:g}"
        lines.append(verdict(text, None if came is None else f"{came:.2f}", came is not None and came >= least))
    for load, bursts in measured.bursts.items():
        if LOADS[load][0] == messages.SMALL:
            spent = [run.server_cpu_s / run.requests * 1000 for run in bursts.get("native", [])]
            text = f"{load}: server CPU-s per 1,000 requests, aimed at ≤ {MOST_CPU_S_PER_1000}"
            came_text = f"{median(spent):.4f}" if spent else None
            lines.append(verdict(text, came_text, bool(spent) and median(spent) <= MOST_CPU_S_PER_1000))
    for rate, probes in measured.probes.items():
        p99 = {kind: median([run["latency_us"]["p99"] for run in runs]) for kind, runs in probes.items()}
        for other in KINDS[1:]:
            known = "native" in p99 and other in p99
            came_text = f"{p99['native']:,.0f} against {p99[other]:,.0f} us" if known else None
            text = f"p99 at {rate}: native, wanted < {TITLES[other]}"
            lines.append(verdict(text, came_text, known and p99["native"] < p99[other]))
    return lines


def verdict(text: str, came: str | None, met: bool) -> str:
    if came is None:
        return f"- not measured: {text}"
    return f"- {'met' if met else 'MISSED'}: {text}; got {came}"


def report(measured: Measured) -> str:
    bursts_head = ["load, connections x streams", "server", "requests/s", "server CPU s per 1,000",
                   "client CPU s per 1,000", "server cores", "requests per server-CPU-s", "native is"]  # fmt: skip
    probes_head = ["open loop", "server", "p50 us", "p99 us", "sent late, p99 us"]
    bursts = [row for load, runs in measured.bursts.items() for row in burst_rows(load, runs)]
    probes = [row for rate, runs in measured.probes.items() for row in probe_rows(rate, runs)]
    return "\n".join(
        [record.table(bursts_head, bursts), "", record.table(probes_head, probes), "", "Goals:", *goals(measured)]
    )

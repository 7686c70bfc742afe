"""The tables of a report as plain cells; table.py shows them on a terminal and html.py in the page.

Columns of which nothing is known are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from pyserver.errors import one_line
from pyserver_loadgen.measurement import PERCENTILES, Comparison, ComparisonRow, Ledger, Measurement, Report, ServerUse
from pyserver_loadgen.report.summary import Tone, better_text, interval_text, share_text
from pyserver_loadgen.report.units import (
    NONE,
    bytes_text,
    count_text,
    digits,
    microseconds_text,
    rate_text,
    ratio_text,
    seconds_text,
)
from pyserver_loadgen.spellings import duration_text

_STAGES = (
    "receive_us",
    "decode_us",
    "queue_us",
    "batch_us",
    "preprocess_us",
    "execute_us",
    "postprocess_us",
    "encode_us",
)


@dataclass(frozen=True)
class Cell:
    """A text, and whether it is good or bad news."""

    text: str
    tone: Tone = ""


@dataclass
class Grid:
    """A table: cells under columns. `texts`: the columns that are no numbers, and so are set to the left.

    `answer`: it says what was asked, and is no detail.
    """

    title: str
    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    texts: frozenset[int] = frozenset({0})
    answer: bool = False


# A column: its name, its text for a measurement, and whether anything is known.
_Column = tuple[str, Callable[[Measurement], str]]


def grids_of(report: Report) -> list[Grid]:
    """All that have rows; those that answer come last, where a terminal shows them."""
    measurements = report.measurements
    found = [_latencies(report), _requests(measurements), _server(measurements), _ledger(measurements)]
    found.append(_errors(measurements))
    if report.comparison is not None:
        found += [_comparison(report.comparison), _comparison_of_sweep(report.comparison)]
    found.append(_verdicts(report))
    return [_cleaned(grid) for grid in found if grid.rows]


def _cleaned(grid: Grid) -> Grid:
    """Without what would move a terminal's cursor: servers' sentences are among the cells."""
    rows = [[replace(cell, text=one_line(cell.text)) for cell in row] for row in grid.rows]
    return replace(grid, title=one_line(grid.title), columns=[one_line(name) for name in grid.columns], rows=rows)


def _latencies(report: Report) -> Grid:
    columns: list[_Column] = [("Throughput", lambda m: rate_text(m.throughput))]
    columns += [
        (f"Goodput ≤ {duration_text(slo.limit_s)}", _goodput(slo.limit_s))
        for slo in report.slos
        if slo.measure.startswith("p")
    ]
    columns.append(("Mean", lambda m: seconds_text(m.latency.mean_s)))
    columns += [(f"p{p:g}", _percentile(p)) for p in PERCENTILES]
    columns.append(("Max", lambda m: seconds_text(m.latency.max_s)))
    grid = _by_measurement("Throughput and latency", columns, report.measurements)
    grid.columns.append("Errors")
    for row, measured in zip(grid.rows, report.measurements, strict=True):
        row.append(Cell(count_text(measured.failed), "bad" if measured.failed else ""))
    return grid


def _goodput(limit_s: float) -> Callable[[Measurement], str]:
    return lambda measured: rate_text(measured.goodput(limit_s))


def _percentile(p: float) -> Callable[[Measurement], str]:
    return lambda measured: seconds_text(measured.latency.percentile(p))


def _requests(measurements: Sequence[Measurement]) -> Grid:
    columns: list[_Column] = [
        ("Measured", lambda m: seconds_text(m.duration_s)),
        ("Connections", lambda m: count_text(m.connections)),
        ("Sent", lambda m: count_text(m.sent)),
        ("Answered", lambda m: count_text(m.succeeded)),
        ("Due", lambda m: NONE if m.rate is None else rate_text(m.offered_rate)),
        ("Send lag p99", lambda m: NONE if m.rate is None else seconds_text(m.lag.percentile(99))),
        ("Bytes out", lambda m: _per_second(m.request_bytes, m)),
        ("Bytes in", lambda m: _per_second(m.response_bytes, m)),
        ("Client cores", lambda m: digits(m.client_cores)),
        ("CPU/request", lambda m: seconds_text(m.client_cpu_s / m.sent if m.sent else None)),
    ]
    return _by_measurement("Requests", columns, measurements)


def _server(measurements: Sequence[Measurement]) -> Grid:
    columns: list[_Column] = [
        ("Cores", lambda m: _used(m, lambda use: _share(use.cpu_s, m.duration_s), digits)),
        ("CPU/request", lambda m: _used(m, lambda use: _share(use.cpu_s, m.succeeded), seconds_text)),
        ("Memory", lambda m: _used(m, lambda use: use.rss_bytes, bytes_text)),
        ("Mean batch", lambda m: _used(m, lambda use: use.mean_batch, digits)),
        ("Queue", lambda m: _used(m, lambda use: use.queue_us, microseconds_text)),
        ("Input", lambda m: _used(m, lambda use: use.compute_input_us, microseconds_text)),
        ("Execution", lambda m: _used(m, lambda use: use.compute_infer_us, microseconds_text)),
        ("Output", lambda m: _used(m, lambda use: use.compute_output_us, microseconds_text)),
        ("GPU", lambda m: _used(m, lambda use: use.gpu_percent, lambda percent: f"{digits(percent)} %")),
        ("GPU memory", lambda m: _used(m, lambda use: use.gpu_memory_bytes, bytes_text)),
    ]
    known = [measured for measured in measurements if measured.server is not None and not measured.server.empty]
    return _by_measurement("Server", columns, known)


def _used(
    measured: Measurement, value: Callable[[ServerUse], float | None], text: Callable[[float | None], str]
) -> str:
    known = value(measured.server) if measured.server is not None else None
    return NONE if known is None else text(known)


def _ledger(measurements: Sequence[Measurement]) -> Grid:
    told = [measured for measured in measurements if measured.ledger is not None and measured.ledger.count]
    names = stages_of([measured.ledger for measured in told if measured.ledger is not None])
    columns: list[_Column] = [(stage_name(name).capitalize(), _stage(name)) for name in names]
    columns.append(("Mean batch", lambda m: digits(m.ledger.mean_batch if m.ledger else None)))
    return _by_measurement("Server's ledger (mean of a request)", columns, told)


def _stage(name: str) -> Callable[[Measurement], str]:
    return lambda measured: microseconds_text(measured.ledger.mean_us(name) if measured.ledger else None)


def stages_of(ledgers: Sequence[Ledger]) -> list[str]:
    """The fields in which some time was spent, in the order in which a request goes through them; unknown ones last."""
    names = {name: None for ledger in ledgers for name, sum_us in ledger.sums_us.items() if sum_us > 0}
    return sorted(names, key=lambda name: _STAGES.index(name) if name in _STAGES else len(_STAGES))


def stage_name(field_name: str) -> str:
    """`queue` for the ledger's `queue_us`."""
    return field_name.removesuffix("_us")


def _errors(measurements: Sequence[Measurement]) -> Grid:
    grid = Grid("Errors", ["Setting", "Code", "Requests", "Of all", "For example"], texts=frozenset({0, 1, 4}))
    for measured in measurements:
        for code, count in measured.errors.items():
            texts = [measured.label, code, count_text(count), share_text(count, measured.sent)]
            cells = [Cell(text, "bad" if text is code else "") for text in texts]
            grid.rows.append([*cells, Cell(measured.error_examples.get(code, ""))])
    return grid


def _comparison(comparison: Comparison) -> Grid:
    columns = ["Measure", "A", "B", "B / A", "95 % interval", "Outcome"]
    grid = Grid(f"A: {comparison.a}; B: {comparison.b}", columns, texts=frozenset({0, 5}), answer=True)
    for row in comparison.rows:
        grid.rows.append([Cell(text) for text in (row.measure, *_compared(row))])
    return grid


def _comparison_of_sweep(comparison: Comparison) -> Grid:
    """Measure after measure, so that one sees how its ratio goes with the load."""
    columns = ["Setting", "Measure", "A", "B", "B / A", "95 % interval", "Outcome"]
    grid = Grid(f"A: {comparison.a}; B: {comparison.b}", columns, texts=frozenset({0, 1, 6}), answer=True)
    for measure in dict.fromkeys(row.measure for point in comparison.points for row in point.rows):
        for point in comparison.points:
            if (row := point.row(measure)) is not None:
                grid.rows.append([Cell(text) for text in (point.setting, measure, *_compared(row))])
    return grid


def _compared(row: ComparisonRow) -> list[str]:
    texts = [_valued(row.a, row.unit), _valued(row.b, row.unit), ratio_text(row.ratio)]
    return [*texts, interval_text(row.ratio_low, row.ratio_high), better_text(row)]


def _valued(value: float, unit: str) -> str:
    if unit == "s":
        return seconds_text(value)
    return rate_text(value) if unit.endswith("/s") else f"{digits(value)} {unit}".strip()


def _verdicts(report: Report) -> Grid:
    grid = Grid("Goals", ["Goal", "Wanted", "Got", "Verdict"], texts=frozenset({0, 1, 2, 3}), answer=True)
    # What is the same of many runs, as that there were no errors, is one row.
    alike: dict[tuple[str, str, str, bool], list[str]] = {}
    for verdict in report.verdicts:
        kind = verdict.goal.split(", ")[0]
        alike.setdefault((kind, verdict.wanted, verdict.got, verdict.met), []).append(verdict.goal)
    for (kind, wanted, got, met), goals in alike.items():
        said = Cell("met", "good") if met else Cell("missed", "bad")
        goal = goals[0] if len(goals) == 1 else f"{kind}, {len(goals)} runs"
        grid.rows.append([Cell(goal), Cell(wanted), Cell(got), said])
    return grid


def _by_measurement(title: str, columns: Sequence[_Column], measurements: Sequence[Measurement]) -> Grid:
    texts = {name: [text(measured) for measured in measurements] for name, text in columns}
    known = [name for name, column in texts.items() if any(text != NONE for text in column)]
    grid = Grid(title, ["Setting", *known])
    for number, measured in enumerate(measurements):
        grid.rows.append([Cell(measured.label), *(Cell(texts[name][number]) for name in known)])
    return grid


def _per_second(count: int, measured: Measurement) -> str:
    return f"{bytes_text(count / measured.duration_s)}/s" if measured.duration_s else NONE


def _share(part: float | None, whole: float) -> float:
    return part / whole if part is not None and whole else math.nan

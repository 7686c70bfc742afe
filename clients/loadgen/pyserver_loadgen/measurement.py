"""What measuring gives: windows, measurements, verdicts and the report of a command. Plain data, no engine, no output.

Times are in seconds. `sent = answered + failed + lost`: `answered` are the right answers, `failed` those that came with
an error (or wrong), `lost` those that never came. Warm-up is in none of the numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Literal

from pyserver_loadgen.histogram import Histogram

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)  # those that every report shows
Kind = Literal["single", "sweep", "search", "compare", "mlperf"]
Better = Literal["a", "b", "no difference shown"]


@dataclass(frozen=True)
class Ledger:
    """Sums over many requests of what pyserver's Ledger told: where the server's time went."""

    sums_us: dict[str, int] = field(default_factory=dict)  # by field name, such as "queue_us"
    count: int = 0  # how many answers had a ledger
    batch_rows: int = 0  # sum of the ledgers' `batch_size`: rows that were executed together

    def mean_us(self, name: str) -> float:
        """The mean of a field over the answers; NaN where there were none."""
        return self.sums_us.get(name, 0) / self.count if self.count else math.nan

    @property
    def mean_batch(self) -> float:
        """Rows executed together, as the mean request saw them; NaN where no answer had a ledger."""
        return self.batch_rows / self.count if self.count else math.nan

    def __add__(self, other: Ledger) -> Ledger:
        sums = Counter(self.sums_us)
        sums.update(other.sums_us)
        return Ledger(dict(sums), self.count + other.count, self.batch_rows + other.batch_rows)


@dataclass(frozen=True)
class Window:
    """What came of the requests that were due (closed loop: sent) within one stretch of a run."""

    start_s: float  # from the start of the run, warm-up included
    length_s: float
    sent: int = 0
    answered: int = 0
    failed: int = 0
    lost: int = 0
    errors: dict[str, int] = field(default_factory=dict)  # by code: "UNAVAILABLE", "HTTP 503", "CONNECTION", "MISMATCH"
    request_bytes: int = 0
    response_bytes: int = 0
    latency: Histogram = field(default_factory=Histogram)  # of the answered, from due to the last byte
    lag: Histogram = field(default_factory=Histogram)  # from due to handed to the connection
    ledger: Ledger | None = None
    warmup: bool = False

    @property
    def throughput(self) -> float:
        """Right answers a second."""
        return self.answered / self.length_s if self.length_s else math.nan


@dataclass(frozen=True)
class ServerUse:
    """What the server spent and told of itself during a measurement. None: not known."""

    cpu_s: float | None = None  # user and system time of its process
    rss_bytes: int | None = None  # the most that was resident
    mean_batch: float | None = None  # inferences / executions, from the server's statistics
    queue_us: float | None = None  # means per request, from the server's statistics
    compute_input_us: float | None = None
    compute_infer_us: float | None = None
    compute_output_us: float | None = None
    gpu_percent: float | None = None  # utilisation of the GPUs, mean over the measurement
    gpu_memory_bytes: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing at all is known."""
        return all(getattr(self, f.name) is None for f in fields(self))


@dataclass
class Measurement:
    """One run at one setting."""

    label: str  # short, unlike the others of its report: "8 in flight", "2,000/s", "A 1"
    target: str  # "127.0.0.1:8001, Predict"
    schedule: str  # "closed loop, 8 in flight", "open loop, Poisson 2,000/s"
    duration_s: float  # measured part: to the end of the plan, or to the last answer where that came later
    windows: list[Window] = field(default_factory=list)  # without warm-up
    connections: int = 1
    threads: int = 1
    concurrency: int | None = None  # closed loop
    rate: float | None = None  # open loop: mean requests a second that were planned
    warmup_s: float = 0.0
    client_cpu_s: float = 0.0
    reconnects: int = 0
    server: ServerUse | None = None
    stable: bool | None = None  # None: not asked
    stopped: bool = False  # the user stopped it before its end, or the server was gone at its beginning
    unreachable: str = ""  # why no connection could be made; then nothing was measured
    error_examples: dict[str, str] = field(default_factory=dict)  # a sentence for each error code
    notes: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Requests that were due in the measured part."""
        return sum(window.sent for window in self.windows)

    @property
    def succeeded(self) -> int:
        """Requests that were answered rightly."""
        return sum(window.answered for window in self.windows)

    @property
    def failed(self) -> int:
        """Requests that failed or were never answered."""
        return sum(window.failed + window.lost for window in self.windows)

    @property
    def lost(self) -> int:
        """Requests that were never answered; `failed` counts them too."""
        return sum(window.lost for window in self.windows)

    @property
    def errors(self) -> dict[str, int]:
        """Failed requests by code, the most frequent first; lost ones are "NO ANSWER"."""
        total: Counter[str] = Counter()
        for window in self.windows:
            total.update(window.errors)
        if self.lost:
            total["NO ANSWER"] += self.lost
        return dict(total.most_common())

    @property
    def error_rate(self) -> float:
        """Failed requests of all sent, 0 to 1."""
        return self.failed / self.sent if self.sent else 0.0

    @property
    def throughput(self) -> float:
        """Right answers a second."""
        return self.succeeded / self.duration_s if self.duration_s else math.nan

    @property
    def offered_rate(self) -> float:
        """Requests that were due a second, of the planned time; in a closed loop those that were sent."""
        planned = sum(window.length_s for window in self.windows)
        return self.sent / planned if planned else math.nan

    def goodput(self, limit_s: float) -> float:
        """Right answers a second that came within the limit."""
        return self.throughput * self.latency.fraction_within(limit_s) if self.succeeded else 0.0

    @property
    def latency(self) -> Histogram:
        """Of all right answers, from due (closed loop: sent) to the last byte."""
        return Histogram.merged(window.latency for window in self.windows)

    @property
    def lag(self) -> Histogram:
        """How much later than due requests were handed to their connection."""
        return Histogram.merged(window.lag for window in self.windows)

    @property
    def ledger(self) -> Ledger | None:
        """Sums of the server's ledgers, where answers had them."""
        told = [window.ledger for window in self.windows if window.ledger is not None]
        return sum(told, Ledger()) if told else None

    @property
    def request_bytes(self) -> int:
        """Of all requests."""
        return sum(window.request_bytes for window in self.windows)

    @property
    def response_bytes(self) -> int:
        """Of all answers."""
        return sum(window.response_bytes for window in self.windows)

    @property
    def client_cores(self) -> float:
        """Cores that the engine's threads kept busy."""
        return self.client_cpu_s / self.duration_s if self.duration_s else math.nan


@dataclass(frozen=True)
class Slo:
    """An upper limit for a measure of latency: "p99" within 0.015 s."""

    measure: str  # "p99", "p99.9", "mean", "max"
    limit_s: float
    text: str  # as the user wrote it: "p99=15ms"

    def of(self, latency: Histogram) -> float:
        """The measure's value, in seconds; NaN where nothing was answered."""
        if self.measure in ("mean", "max"):
            return latency.mean_s if self.measure == "mean" else latency.max_s
        return latency.percentile(float(self.measure[1:]))


@dataclass(frozen=True)
class Verdict:
    """Whether a goal was met."""

    goal: str  # "p99 within 15 ms", "three windows agree within 5 %", "no errors"
    wanted: str  # "≤ 15 ms"
    got: str  # "12.3 ms"
    met: bool


@dataclass(frozen=True)
class ComparisonRow:
    """One measure of A and B."""

    measure: str  # "throughput", "p99 latency"
    unit: str  # "answers/s", "s"
    a: float  # geometric mean over the rounds
    b: float
    ratio: float  # b / a, geometric mean over the pairs
    ratio_low: float  # 95 % confidence interval of the ratio; NaN where there are too few rounds
    ratio_high: float
    better: Better


@dataclass(frozen=True)
class ComparisonPoint:
    """A against B at one setting of a sweep."""

    setting: str  # "8 in flight"
    rounds: int
    rows: list[ComparisonRow]

    def row(self, measure: str) -> ComparisonRow | None:
        """That of a measure; None where it is not known of both."""
        return next((row for row in self.rows if row.measure == measure), None)


@dataclass(frozen=True)
class Comparison:
    """A against B, of runs that alternated or of a saved report. Of a sweep `points` has the rows, and `rows` none."""

    a: str  # what A is: its target, or the file
    b: str
    rounds: int  # of a sweep: at each setting
    rows: list[ComparisonRow]
    notes: list[str] = field(default_factory=list)
    points: list[ComparisonPoint] = field(default_factory=list)  # one for every setting of a sweep

    @property
    def busiest(self) -> ComparisonPoint | None:
        """The setting of a sweep at which A or B answers most; None of a single setting."""
        return max(self.points, key=_most_answers, default=None)


def _most_answers(point: ComparisonPoint) -> float:
    row = point.row("throughput")
    return max(row.a, row.b) if row is not None else 0.0


@dataclass
class Report:
    """What a command found."""

    command: list[str]
    kind: Kind
    environment: dict[str, str]  # machine, CPU, cores, kernel, Python, pyserver, commit, date
    model: dict[str, object]  # name, version, protocol, inputs and outputs, what was sent
    measurements: list[Measurement] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    slos: list[Slo] = field(default_factory=list)
    comparison: Comparison | None = None
    knee: int | None = None  # sweep: index of the measurement at the curve's knee
    found: int | None = None  # search: index of the measurement that confirms the highest rate; None: no rate met it
    notes: list[str] = field(default_factory=list)

    @property
    def met(self) -> bool:
        """Whether every goal was met."""
        return all(verdict.met for verdict in self.verdicts)

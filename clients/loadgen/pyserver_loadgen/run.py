"""One run: a setting goes to the engine, a measurement comes back.

    runner = Runner(subject, listener)
    measurement = runner(Setting(Steady(2000), duration_s=10))

Everything that takes several runs (sweeps, searches, comparisons) is given a function from settings to measurements,
and so works as well with a simulated server. Ctrl-C ends a run early, not the program: what is in flight is awaited,
and the measurement, marked as stopped, holds what there is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pyserver.errors import ConfigError
from pyserver_loadgen.histogram import Histogram, bucket_bounds
from pyserver_loadgen.measurement import Ledger, Measurement, ServerUse, Window
from pyserver_loadgen.schedules import ClosedLoop, Replay, Schedule

_NS = 1e-9
_POLL_S = 0.1
# On each connection. The engine never asks for more than the server allows; an open loop should find no other limit.
_LEAST_IN_FLIGHT = 100
_MOST_IN_FLIGHT = 10_000

Until = Callable[[Sequence[Window]], bool]


@dataclass(frozen=True)
class Setting:
    """How one run asks. Times in seconds."""

    schedule: Schedule
    duration_s: float = 10.0
    warmup_s: float = 1.0
    max_requests: int | None = None  # ends the run when so many were sent after the warm-up
    connections: int = 1
    threads: int = 1
    timeout_s: float | None = None
    drain_s: float = 10.0  # how long answers are awaited after the end
    seed: int = 0
    bodies: npt.NDArray[np.int32] | None = None  # which body the n-th request has; None: in turn
    random_bodies: bool = False  # drawn with replacement instead of in turn
    label: str = ""
    window_s: float | None = None  # length of the windows; None: a second, and of short runs a tenth

    @property
    def window_length_s(self) -> float:
        """Of the windows into which the run is divided."""
        if self.window_s is not None:
            return self.window_s
        return 1.0 if self.duration_s >= 10 else max(self.duration_s / 10, 0.01)


class Load(Protocol):
    """What the engine does with one plan: `pyserver._core.LoadRun`."""

    def start(self) -> None: ...  # noqa: D102
    def wait(self, timeout_s: float) -> bool: ...  # noqa: D102
    def stop(self) -> None: ...  # noqa: D102
    def windows(self) -> list[Any]: ...  # noqa: D102
    def summary(self) -> Any: ...  # noqa: D102


class Watch(Protocol):
    """Looks at the server while it is measured."""

    def begin(self) -> None:
        """The measured part begins."""

    def poll(self) -> None:
        """Some time has passed."""

    def end(self) -> ServerUse | None:
        """The measured part has ended."""


class Run(Protocol):
    """From a setting to what was measured. `until` sees the measured windows so far; True ends the run early."""

    def __call__(self, setting: Setting, until: Until | None = None) -> Measurement: ...  # noqa: D102


class Listener(Protocol):
    """Is told what happens, as it happens."""

    def begin(self, setting: Setting) -> None:
        """A run begins."""

    def window(self, window: Window) -> None:
        """A window has closed; warm-up windows come too."""

    def end(self, measurement: Measurement) -> None:
        """The run has ended."""


@dataclass(frozen=True)
class Subject:
    """Whom is asked what: all that stays the same between runs."""

    name: str  # "127.0.0.1:8001, Predict"
    load: Callable[[Mapping[str, Any]], Load]  # from the keyword arguments of LoadPlan
    pool: int = 1  # how many different bodies there are
    watch: Watch | None = None


def engine_subject(target: Any, requests: Any, name: str, *, pool: int = 1, watch: Watch | None = None) -> Subject:
    """A subject of the native engine, of a LoadTarget and LoadRequests."""
    from pyserver import _core

    def load(plan: Mapping[str, Any]) -> Load:
        try:
            made: Load = _core.LoadRun(target, requests, _core.LoadPlan(**plan))
        except ValueError as error:
            raise ConfigError(str(error)) from None
        return made

    return Subject(name, load, pool, watch)


class Runner:
    """Measures one subject, one run after the other."""

    def __init__(self, subject: Subject, listener: Listener | None = None) -> None:
        self._subject = subject
        self._listener = listener

    def __call__(self, setting: Setting, until: Until | None = None) -> Measurement:
        """Runs it. Raises UnreachableError where no connection can be made.

        `until` is asked whenever measured windows have closed, with all that have; True ends the run.
        """
        load = self._subject.load(plan_of(setting, self._subject.pool))
        self._start(load)
        if self._listener:
            self._listener.begin(setting)
        windows, server, stopped = self._follow(load, setting, until)
        measurement = measurement_of(setting, self._subject.name, windows, load.summary(), stopped)
        measurement.server = server
        if self._listener:
            self._listener.end(measurement)
        return measurement

    def _start(self, load: Load) -> None:
        # Only here, so that reading results does not need gRPC.
        from pyserver.client import UnreachableError

        try:
            load.start()
        except ConnectionError as error:
            raise UnreachableError(f"no server answers at {self._subject.name}: {error}") from None

    def _follow(self, load: Load, setting: Setting, until: Until | None) -> tuple[list[Window], ServerUse | None, bool]:
        """Until the run has ended. The windows, what the server used, whether it was interrupted."""
        windows: list[Window] = []
        watch = _Watching(self._subject.watch, setting)
        stopped, interrupted, ended = False, False, False
        while not ended:
            try:
                ended = load.wait(_POLL_S)
                watch.poll(_POLL_S)
                self._take(load, windows)
                if not stopped and until and until([window for window in windows if not window.warmup]):
                    stopped = True
                    load.stop()
            except KeyboardInterrupt:  # noqa: PERF203 (polls ten times a second)
                if interrupted:
                    raise
                interrupted = stopped = True
                load.stop()
        use = watch.end()
        self._take(load, windows)
        return windows, use, interrupted

    def _take(self, load: Load, windows: list[Window]) -> None:
        for told in load.windows():
            window = window_of(told)
            windows.append(window)
            if self._listener:
                self._listener.window(window)


class _Watching:
    """Begins and ends a watch at the edges of the measured part, as nearly as polling can."""

    def __init__(self, watch: Watch | None, setting: Setting) -> None:
        from time import monotonic

        self._watch = watch
        self._clock = monotonic
        self._begin_at = monotonic() + setting.warmup_s
        self._end_at = self._begin_at + setting.duration_s
        self._use: ServerUse | None = None
        self._begun = self._ended = False

    def poll(self, ahead_s: float) -> None:
        """Call it at least every `ahead_s`: edges that are nearer than half of that are taken for reached."""
        if self._watch is None or self._ended:
            return
        now = self._clock() + ahead_s / 2
        if not self._begun:
            if now >= self._begin_at:
                self._watch.begin()
                self._begun = True
        elif now >= self._end_at:
            self.end()
        else:
            self._watch.poll()

    def end(self) -> ServerUse | None:
        """What was used from begin to end; None where the measured part was never reached."""
        if self._watch is not None and self._begun and not self._ended:
            self._use = self._watch.end()
            self._ended = True
        return self._use


def plan_of(setting: Setting, pool: int = 1) -> dict[str, Any]:
    """The keyword arguments of LoadPlan. `pool`: how many bodies there are."""
    plan: dict[str, Any] = {
        "duration_s": setting.duration_s,
        "warmup_s": setting.warmup_s,
        "max_requests": setting.max_requests,
        "connections": setting.connections,
        "threads": setting.threads,
        "max_in_flight": _MOST_IN_FLIGHT,
        "window_s": setting.window_length_s,
        "timeout_s": setting.timeout_s,
        "drain_s": setting.drain_s,
    }
    schedule = setting.schedule
    if isinstance(schedule, ClosedLoop):
        plan["concurrency"] = schedule.concurrency
        plan["max_in_flight"] = max(_LEAST_IN_FLIGHT, math.ceil(schedule.concurrency / setting.connections))
        count = max(pool * 16, 4096)  # the engine begins again at the end of the list
    else:
        plan["arrivals_ns"] = schedule.due_ns(setting.warmup_s, setting.duration_s, setting.seed)
        count = len(plan["arrivals_ns"])
    if setting.bodies is not None:
        plan["bodies"] = _bodies(setting, setting.bodies)
    elif setting.random_bodies and pool > 1:
        drawn = np.random.default_rng([setting.seed, 1]).integers(pool, size=max(count, 1))
        plan["bodies"] = drawn.astype(np.int32)
    return plan


def _bodies(setting: Setting, bodies: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    if isinstance(setting.schedule, Replay):
        # The warm-up repeats the recording's beginning.
        return np.concatenate([bodies[: setting.schedule.warmup_count(setting.warmup_s)], bodies])
    return bodies


def window_of(told: Any) -> Window:
    """Of a LoadWindow."""
    return Window(
        start_s=told.start_ns * _NS,
        length_s=told.length_ns * _NS,
        warmup=told.warmup,
        sent=told.sent,
        answered=told.answered,
        failed=told.failed,
        lost=told.lost,
        errors=dict(told.errors),
        request_bytes=told.request_bytes,
        response_bytes=told.response_bytes,
        latency=Histogram.from_buckets(told.latency, told.latency_sum_ns, told.latency_max_ns),
        lag=_lag(told),
        ledger=Ledger(dict(told.ledger), told.ledger_count, told.ledger_batch_rows) if told.ledger_count else None,
    )


def _lag(told: Any) -> Histogram:
    # The engine keeps no sum of the lags: the middles of the buckets give it within 0.4 %.
    if not told.lag:
        return Histogram()
    pairs = np.asarray(told.lag, dtype=np.int64)
    low, width = bucket_bounds(pairs[:, 0])
    return Histogram.from_buckets(told.lag, int(((low + (width - 1) / 2) * pairs[:, 1]).sum()), told.lag_max_ns)


def measurement_of(
    setting: Setting, target: str, windows: Sequence[Window], summary: Any, stopped: bool = False
) -> Measurement:
    """Of all windows of a run and its LoadSummary."""
    schedule = setting.schedule
    closed = isinstance(schedule, ClosedLoop)
    measurement = Measurement(
        label=setting.label or schedule.label,
        target=target,
        schedule=schedule.text,
        duration_s=0.0,
        windows=[window for window in windows if not window.warmup],
        connections=setting.connections,
        threads=setting.threads,
        concurrency=schedule.concurrency if isinstance(schedule, ClosedLoop) else None,
        rate=None if isinstance(schedule, ClosedLoop) else schedule.mean_rate,
        warmup_s=setting.warmup_s,
        client_cpu_s=summary.cpu_ns * _NS,
        reconnects=summary.reconnects,
        stopped=stopped,
        error_examples=dict(summary.errors_examples),
    )
    measurement.duration_s = _duration_s(measurement, summary.elapsed_ns * _NS, closed, setting.max_requests)
    return measurement


def _duration_s(measurement: Measurement, elapsed_s: float, closed: bool, max_requests: int | None) -> float:
    """The time that the answers took: the number of answers divided by it is the throughput.

    Closed loop: every answer within the windows let a request out, so as many answers came within the windows as
    requests left; the windows' length is the time. Open loop: a server that cannot keep up answers what was due in the
    windows long after their end, and that time counts. What any request takes, even the quickest, does not.
    """
    planned = sum(window.length_s for window in measurement.windows)
    if closed and max_requests is None:
        return planned
    quickest = measurement.latency.to_buckets()[:1]
    least_s = float(bucket_bounds(quickest[0][0])[0]) * _NS if quickest else 0.0
    if max_requests is not None:
        return elapsed_s
    return max(planned, elapsed_s - least_s)

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
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pyserver.errors import ConfigError
from pyserver_loadgen import processes
from pyserver_loadgen.measurement import Measurement, ServerUse, Window
from pyserver_loadgen.results import measurement_of, not_begun, window_of
from pyserver_loadgen.schedules import ClosedLoop, Replay
from pyserver_loadgen.setting import Setting

__all__ = ["Listener", "Load", "Run", "Runner", "Setting", "Subject", "Until", "Watch", "engine_subject", "plan_of"]

_POLL_S = 0.1
# On each connection. The engine never asks for more than the server allows; an open loop should find no other limit.
_LEAST_IN_FLIGHT = 100
_MOST_IN_FLIGHT = 10_000
_ENGINE_THREADS = "loadgen"  # how their names begin
_DISTURBED = 0.1  # of the time

Until = Callable[[Sequence[Window]], bool]


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
    in_process: bool = False  # what the watch sees of CPU time has the engine's own in it


def engine_subject(
    target: Any, requests: Any, name: str, *, pool: int = 1, watch: Watch | None = None, in_process: bool = False
) -> Subject:
    """A subject of the native engine, of a LoadTarget and LoadRequests."""
    from pyserver import _core

    def load(plan: Mapping[str, Any]) -> Load:
        try:
            made: Load = _core.LoadRun(target, requests, _core.LoadPlan(**plan))
        except ValueError as error:
            raise ConfigError(str(error)) from None
        return made

    return Subject(name, load, pool, watch, in_process)


class Runner:
    """Measures one subject, one run after the other."""

    def __init__(self, subject: Subject, listener: Listener | None = None) -> None:
        self._subject = subject
        self._listener = listener
        self._measured = False  # anything yet
        self._waited_s: dict[int, float] = {}  # for a CPU, by the engine's threads in the last run

    def __call__(self, setting: Setting, until: Until | None = None) -> Measurement:
        """Runs it. Raises UnreachableError where no connection can be made in the first run.

        In a later one there is something to report: then a server that is gone, or a Ctrl-C between two runs, gives
        an empty measurement that is `stopped`. `until` is asked whenever measured windows have closed, with all that
        have; True ends the run.
        """
        try:
            load = self._subject.load(plan_of(setting, self._subject.pool))
            load.start()
        except (ConnectionError, KeyboardInterrupt) as error:
            return self._not_begun(setting, error)
        if self._listener:
            self._listener.begin(setting)
        windows, server, stopped = self._follow(load, setting, until)
        measurement = measurement_of(setting, self._subject.name, windows, load.summary(), stopped)
        measurement.notes += self._disturbance(measurement)
        measurement.server = server
        if server is not None and server.cpu_s is not None and self._subject.in_process:
            measurement.server = replace(server, cpu_s=max(0.0, server.cpu_s - measurement.client_cpu_s))
        if self._listener:
            self._listener.end(measurement)
        self._measured = True
        return measurement

    def _not_begun(self, setting: Setting, error: ConnectionError | KeyboardInterrupt) -> Measurement:
        # Only here, so that reading results does not need gRPC.
        from pyserver.channel import UnreachableError

        gone = f"no server answers at {self._subject.name}: {error}" if isinstance(error, ConnectionError) else ""
        if self._measured:
            return not_begun(setting, self._subject.name, gone)
        if isinstance(error, KeyboardInterrupt):
            raise error
        raise UnreachableError(gone) from None

    def _follow(self, load: Load, setting: Setting, until: Until | None) -> tuple[list[Window], ServerUse | None, bool]:
        """Until the run has ended. The windows, what the server used, whether it was interrupted."""
        windows: list[Window] = []
        watch = _Watching(self._subject.watch, setting)
        stopped, interrupted, ended = False, False, False
        self._waited_s = {}
        while not ended:
            try:
                ended = load.wait(_POLL_S)
                watch.poll(_POLL_S)
                self._waited_s |= processes.waited_s(_ENGINE_THREADS)
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

    def _disturbance(self, measured: Measurement) -> list[str]:
        """Whether the engine's threads had to wait for a CPU, which is in the latencies."""
        length_s = measured.threads * (measured.warmup_s + measured.duration_s)
        part = sum(self._waited_s.values()) / length_s if length_s else 0.0
        if part < _DISTURBED:
            return []
        return [
            f"this machine is busy: the load generator waited {part:.0%} of the time for a CPU, which latencies hold"
        ]

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
        if setting.max_in_flight is not None:
            plan["max_in_flight"] = math.ceil(setting.max_in_flight / setting.connections)
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

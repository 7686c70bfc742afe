"""A server of known behaviour, as a `Run`: settings in, measurements out, in no time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pyserver_loadgen.histogram import Histogram
from pyserver_loadgen.measurement import Measurement, Window
from pyserver_loadgen.run import Setting, Until
from pyserver_loadgen.schedules import ClosedLoop


@dataclass
class SimulatedServer:
    """Serves one request after the other, each in `service_s`; a queue of any length waits."""

    service_s: float = 0.001
    settings: list[Setting] = field(default_factory=list)  # those that were run

    def __call__(self, setting: Setting, until: Until | None = None) -> Measurement:
        self.settings.append(setting)
        if isinstance(setting.schedule, ClosedLoop):
            return self._closed(setting, setting.schedule.concurrency)
        return self._open(setting, until)

    def _closed(self, setting: Setting, concurrency: int) -> Measurement:
        count = int(setting.duration_s / self.service_s)
        latency = np.full(count, concurrency * self.service_s * 1e9)
        return measurement(setting, [window(0, setting.duration_s, latency)])

    def _open(self, setting: Setting, until: Until | None) -> Measurement:
        due = setting.schedule.due_ns(0, setting.duration_s, setting.seed) * 1e-9  # type: ignore[union-attr]
        # Lindley: a request starts when it is due or when the one before it is done.
        done = np.maximum.accumulate(due - np.arange(len(due)) * self.service_s) + (
            np.arange(1, len(due) + 1) * self.service_s
        )
        length = setting.window_length_s
        windows: list[Window] = []
        for start in np.arange(0, setting.duration_s - 1e-9, length):
            inside = (due >= start) & (due < start + length)
            windows.append(window(start, length, (done - due)[inside] * 1e9))
            if until and until(windows):
                break
        made = measurement(setting, windows)
        last = done[due < windows[-1].start_s + length].max(initial=0.0)
        return replace(made, duration_s=max(made.duration_s, float(last)))


def window(start_s: float, length_s: float, latencies_ns: Sequence[float] | np.ndarray) -> Window:
    """In which all requests were answered."""
    histogram = Histogram()
    histogram.add(np.asarray(latencies_ns))
    count = len(latencies_ns)
    return Window(start_s, length_s, sent=count, answered=count, latency=histogram)


def measurement(setting: Setting, windows: list[Window]) -> Measurement:
    schedule = setting.schedule
    closed = isinstance(schedule, ClosedLoop)
    return Measurement(
        label=setting.label or schedule.label,
        target="simulated",
        schedule=schedule.text,
        duration_s=sum(one.length_s for one in windows),
        windows=windows,
        concurrency=schedule.concurrency if isinstance(schedule, ClosedLoop) else None,
        rate=None if closed else schedule.mean_rate,  # type: ignore[union-attr]
    )


def scripted(figures: Sequence[tuple[float, float]], length_s: float = 1.0) -> Callable[..., Measurement]:
    """A run whose windows have these throughputs and latencies, whatever the setting says but how many there are."""

    def run(setting: Setting, until: Until | None = None) -> Measurement:
        windows: list[Window] = []
        for place, (throughput, latency_s) in enumerate(figures):
            windows.append(window(place * length_s, length_s, np.full(int(throughput * length_s), latency_s * 1e9)))
            if until and until(windows):
                break
        return measurement(setting, windows)

    return run

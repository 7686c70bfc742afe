"""Measures until three windows in a row agree, or says that they do not.

One run, never interrupted, in which the setting's duration is the length of one measuring window: were the load taken
off between windows, a queue that grows all the time would be emptied and seem stable. Agreeing is: throughput and p99
of each of the three are within 5 % of the three's mean. The measurement is made of these three windows only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pyserver_loadgen.histogram import Histogram
from pyserver_loadgen.measurement import Measurement, ServerUse, Verdict, Window
from pyserver_loadgen.run import Run, Setting, Until
from pyserver_loadgen.spellings import duration_text
from pyserver_loadgen.statistics import agree, spread

WITHIN = 0.05
IN_A_ROW = 3
MOST = 10  # measuring windows; after these it is unstable


class Stable:
    """A `Run` that repeats its measuring window until it is stable."""

    def __init__(self, run: Run, *, most: int = MOST) -> None:
        self._run = run
        self._most = most

    def __call__(self, setting: Setting, until: Until | None = None) -> Measurement:
        """Stable or not is told by the measurement's `stable`. With `until` it also ends when that says so."""
        length = setting.window_length_s
        each = max(1, round(setting.duration_s / length))
        longer = replace(setting, duration_s=each * length * self._most, window_s=length)

        def settled(windows: Sequence[Window]) -> bool:
            groups = _grouped(windows, each)
            return _agree(groups[-IN_A_ROW:]) or bool(until and until(windows))

        measured = self._run(longer, until=settled)
        groups = _grouped(measured.windows, each)
        # Those that close while the run is being ended come after the three that agreed.
        ends = [end for end in range(IN_A_ROW, len(groups) + 1) if _agree(groups[end - IN_A_ROW : end])]
        end = ends[0] if ends else len(groups)
        kept = [window for group in groups[max(0, end - IN_A_ROW) : end] for window in group]
        return _made_of(measured, kept or measured.windows, bool(ends), end, each * length)


def stability_verdict(measurement: Measurement) -> Verdict:
    """Whether it came to rest."""
    wanted = f"{IN_A_ROW} windows within {WITHIN:.0%}"
    got = measurement.notes[-1] if measurement.notes else "not asked"
    return Verdict(f"stable, {measurement.label}", wanted, got, bool(measurement.stable))


def _grouped(windows: Sequence[Window], each: int) -> list[Sequence[Window]]:
    return [windows[start : start + each] for start in range(0, len(windows) - each + 1, each)]


def _figures(group: Sequence[Window]) -> tuple[float, float]:
    answered = sum(window.answered for window in group)
    length = sum(window.length_s for window in group)
    return answered / length, Histogram.merged(window.latency for window in group).percentile(99)


def _agree(groups: Sequence[Sequence[Window]]) -> bool:
    if len(groups) < IN_A_ROW:
        return False
    return all(agree(figures, WITHIN) for figures in zip(*map(_figures, groups), strict=True))


def _part_of(use: ServerUse | None, share: float) -> ServerUse | None:
    """CPU time grows with time; the rest are means and maxima."""
    return replace(use, cpu_s=use.cpu_s * share) if use is not None and use.cpu_s is not None else use


def _made_of(measured: Measurement, kept: Sequence[Window], stable: bool, windows: int, each_s: float) -> Measurement:
    share = len(kept) / len(measured.windows) if measured.windows else 1.0
    made = replace(
        measured,
        windows=list(kept),
        duration_s=sum(window.length_s for window in kept),
        client_cpu_s=measured.client_cpu_s * share,
        server=_part_of(measured.server, share),
        stable=stable,
        notes=list(measured.notes),
    )
    if stable:
        made.notes.append(f"stable after {windows} windows of {duration_text(each_s)}")
        return made
    last = _grouped(kept, max(1, len(kept) // IN_A_ROW))[-IN_A_ROW:]
    throughput, p99 = (list(figures) for figures in zip(*map(_figures, last), strict=True)) if last else ([0.0], [0.0])
    made.notes.append(
        f"unstable after {windows} windows of {duration_text(each_s)}: throughput is up to {spread(throughput):.0%}, "
        f"p99 {spread(p99):.0%} off the mean of the last {IN_A_ROW}"
    )
    return made

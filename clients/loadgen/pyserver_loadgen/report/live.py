"""What is seen while one measures: a progress bar, throughput and percentiles as they come, errors.

On a terminal one panel is drawn over and over, and every run that has ended leaves a line above it. Elsewhere (a pipe,
a CI log) every run is a line when it begins and one when it ends, and long ones say now and then how they are doing.
Both go to stderr unless another is given, so that stdout holds the results alone. A LiveView is a `run.Listener`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import TracebackType

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pyserver.errors import one_line
from pyserver_loadgen.measurement import Measurement, Window
from pyserver_loadgen.report.units import count_text, rate_text, seconds_text
from pyserver_loadgen.run import Setting

_BARS = "▁▂▃▄▅▆▇█"
_HISTORY = 40  # windows in the small curve
_LINE_EVERY_S = 10.0  # measured time between two lines of a long run, without a terminal


class LiveView:
    """Shows runs as they go. Used by one thread; nothing is shown outside of its `with` block."""

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._panel: _Panel | None = None
        self._live: Live | None = None
        self._open = False
        self._told_s = 0.0

    def __enter__(self) -> LiveView:
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._open = False

    def begin(self, setting: Setting) -> None:
        """A run begins."""
        self._panel = _Panel(setting)
        self._told_s = 0.0
        if not self._shown:
            return
        if self._console.is_terminal:
            self._live = Live(self._panel, console=self._console, auto_refresh=False, transient=True)
            self._live.start(refresh=True)
        else:
            seconds = f"{setting.duration_s:g} s after {setting.warmup_s:g} s of warm-up"
            self._line(f"{self._panel.label}: {setting.schedule.text}, {seconds}")

    def window(self, window: Window) -> None:
        """A window has closed."""
        panel = self._panel
        if panel is None:
            return
        panel.add(window)
        if self._live is not None:
            self._live.update(panel, refresh=True)
        elif self._shown and not window.warmup and panel.measured_s - self._told_s >= _LINE_EVERY_S:
            self._told_s = panel.measured_s
            self._line(f"{panel.label}: {panel.measured_s:.0f} s, {figures_text(window)}")

    def end(self, measurement: Measurement) -> None:
        """The run has ended."""
        self._stop()
        self._panel = None
        if self._shown:
            self._line(f"{measurement.label}: {total_text(measurement)}")

    @property
    def _shown(self) -> bool:
        return self._open and not self._quiet

    def _line(self, text: str) -> None:
        # Never folded: a log has one line for one thing.
        self._console.print(_words(text), soft_wrap=True)

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


class _Panel:
    """What is drawn on a terminal: three lines, of the run that goes on."""

    def __init__(self, setting: Setting) -> None:
        self.label = setting.label or setting.schedule.label
        self._schedule = setting.schedule.text
        self._whole_s = setting.warmup_s + setting.duration_s
        self._now_s = 0.0
        self._last: Window | None = None
        self._history: deque[float] = deque(maxlen=_HISTORY)
        self._failed = 0
        self.measured_s = 0.0

    def add(self, window: Window) -> None:
        """Takes a window in."""
        self._now_s = window.start_s + window.length_s
        self._last = window
        if not window.warmup:
            self._history.append(window.throughput)
            self._failed += window.failed + window.lost
            self.measured_s += window.length_s

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield _words(self.label, "bold").append(f"  {one_line(self._schedule)}", "dim")
        bar = Table.grid(padding=(0, 1))
        whole = max(self._whole_s, self._now_s)
        bar.add_row(
            ProgressBar(total=whole, completed=self._now_s, width=max(10, min(40, options.max_width - 30))),
            Text(f"{self._now_s:.0f} of {whole:.0f} s", style="dim"),
        )
        yield bar
        if self._last is None:
            yield Text("connected, the first window is open", style="dim")
            return
        figures = Text(figures_text(self._last))
        if self._last.warmup:
            figures.append("  warm-up", style="yellow")
        if self._failed:
            figures.append(f"  {count_text(self._failed)} failed", style="bold red")
        yield figures
        yield Text(curve_text(list(self._history)), style="cyan")


def _words(text: str, style: str = "") -> Text:
    # No markup, and nothing that moves the cursor: labels come from elsewhere.
    return Text(one_line(text), style=style)


def figures_text(window: Window) -> str:
    """`12,345/s, p50 1.20 ms, p99 3.40 ms`."""
    latency = window.latency
    p50, p99 = seconds_text(latency.percentile(50)), seconds_text(latency.percentile(99))
    return f"{rate_text(window.throughput)}, p50 {p50}, p99 {p99}"


def total_text(measurement: Measurement) -> str:
    """The same of a whole run, with its errors."""
    latency = measurement.latency
    p50, p99 = seconds_text(latency.percentile(50)), seconds_text(latency.percentile(99))
    failed = (
        f", {count_text(measurement.failed)} of {count_text(measurement.sent)} failed" if measurement.failed else ""
    )
    return f"{rate_text(measurement.throughput)}, p50 {p50}, p99 {p99}{failed}"


def curve_text(values: list[float]) -> str:
    """A small curve from zero: `▅▆▆▇█`."""
    most = max(values, default=0.0)
    if most <= 0:
        return ""
    return "".join(_BARS[round(value / most * (len(_BARS) - 1))] for value in values)

"""The highest rate that meets all goals.

    1. A closed loop, short, tells about how much the server can do; half of it is the first rate.
    2. The rate is doubled while the goals are met, halved while they are not: until there is one of each kind.
    3. Between the two the interval is halved (on a logarithmic scale), until it is narrower than 2 %. A step that the
       server kept up with, and that missed a limit all the same, is measured a second time: what disturbs a machine for
       a moment should not decide the search.
    4. A run three times as long confirms the highest rate that met them. Where it does not, 5 % less is tried, at most
       five times. So what is found was met by a long run at exactly that rate.

To meet the goals is also to keep up: a server that answers less than 98 % of what is due fails whatever the percentiles
of a short run say. Every step is measured by other arrivals (another seed), and every step is reported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from pyserver_loadgen.goals import Goals, keeps_up, keeps_up_verdict
from pyserver_loadgen.measurement import Measurement, Verdict
from pyserver_loadgen.run import Run, Setting
from pyserver_loadgen.schedules import Arrivals, ClosedLoop, Steady
from pyserver_loadgen.spellings import duration_text, rate_text

PRECISION = 0.02
CONFIRM_LONGER = 3
_CONFIRM_LESS = 0.95
_MOST_CONFIRMATIONS = 6
_MOST_BRACKETING = 24
_PROBE_CONCURRENCY = 16
_PROBE_S = 2.0
_BEYOND = 10  # answers that should lie beyond a percentile that a step judges
_MOST_LONGER = 6  # times the duration, for that
# How a step that did not, and one that did meet the goals is called.
_SAYS = {"step": ("missed", "met"), "confirmation": ("not confirmed", "confirmed")}


@dataclass
class Found:
    """Every step of a search, and which of them confirms the highest rate."""

    measurements: list[Measurement] = field(default_factory=list)
    found: int | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float | None:
        """The highest rate that was confirmed."""
        return None if self.found is None else self.measurements[self.found].rate


class Search:
    """One search. `start`: the first rate, None: found by a closed loop. `confirm_s`: length of the confirming run."""

    def __init__(
        self,
        run: Run,
        setting: Setting,
        goals: Goals,
        *,
        arrivals: Arrivals = "poisson",
        start: float | None = None,
        confirm_s: float | None = None,
    ) -> None:
        self._run = run
        self._setting = setting
        self._goals = goals
        self._arrivals = arrivals
        self._start = start
        self._confirm_s = confirm_s
        self._result = Found()
        self._stopped = False

    def __call__(self) -> Found:
        """Searches. Ctrl-C ends it with the steps so far and nothing found."""
        rate = self._start or self._probe()
        if rate is None:
            return self._ended("no request was answered, so there was no rate to begin with")
        low, high = self._bracket(rate)
        if self._stopped or low is None:
            return self._ended("no rate meets the goals" if low is None else "the search was stopped")
        while high is not None and high / low > 1 + PRECISION and not self._stopped:
            middle = math.sqrt(low * high)
            low, high = (middle, high) if self._meets_at_last(middle) else (low, middle)
        return self._confirmed(low, high)

    def _probe(self) -> float | None:
        setting = replace(
            self._setting,
            schedule=ClosedLoop(_PROBE_CONCURRENCY),
            duration_s=min(_PROBE_S, self._setting.duration_s),
            label="first look",
        )
        seen = self._run(setting)
        self._stopped = seen.stopped
        if not seen.succeeded:
            return None
        self._result.notes.append(
            f"first look: a closed loop with {_PROBE_CONCURRENCY} in flight reached {rate_text(seen.throughput)}, "
            f"p99 {duration_text(seen.latency.percentile(99))}"
        )
        return seen.throughput / 2

    def _bracket(self, rate: float) -> tuple[float | None, float | None]:
        """A rate that meets the goals and one that does not; None for one that was not found."""
        low: float | None = None
        high: float | None = None
        for _ in range(_MOST_BRACKETING):
            if self._stopped:
                break
            if self._meets_at_last(rate):
                low = rate
                rate *= 2
            else:
                high = rate
                rate /= 2
                if rate * self._setting.duration_s < 1:  # not one request in a run
                    break
            if low is not None and high is not None:
                break
        return low, high

    def _confirmed(self, low: float, high: float | None) -> Found:
        if high is None:
            self._result.notes.append(f"even {rate_text(low)} meets the goals: the limit lies higher")
        for _ in range(_MOST_CONFIRMATIONS):
            if self._stopped:
                return self._ended("the search was stopped")
            if self._meets(low, self._confirm_s or self._duration_s(low) * CONFIRM_LONGER):
                self._result.found = len(self._result.measurements) - 1
                measured = self._result.measurements[-1]
                self._result.verdicts = [*self._goals.verdicts(measured), keeps_up_verdict(measured)]
                return self._result
            low *= _CONFIRM_LESS
        return self._ended(f"no longer run confirmed a rate, down to {rate_text(low)}")

    def _meets_at_last(self, rate: float) -> bool:
        """Once, or twice where it was near."""
        if self._meets(rate):
            return True
        missed = self._result.measurements[-1]
        near = keeps_up(missed) and missed.failed <= self._goals.max_errors
        return near and not self._stopped and self._meets(rate)

    def _meets(self, rate: float, confirm_s: float | None = None) -> bool:
        step = len(self._result.measurements) + 1
        setting = replace(
            self._setting,
            schedule=Steady(rate, self._arrivals),
            duration_s=confirm_s or self._duration_s(rate),
            seed=self._setting.seed + step,
            label=f"{step}: {rate_text(rate)}",
        )
        measured = self._run(setting)
        met = self._goals.met(measured, setting.schedule)
        measured.label = f"{setting.label} {_SAYS['confirmation' if confirm_s else 'step'][met]}"
        self._result.measurements.append(measured)
        self._stopped = self._stopped or measured.stopped
        return met and not measured.stopped

    def _duration_s(self, rate: float) -> float:
        """So long that some answers lie beyond the highest percentile that is judged, within limits."""
        wanted = [float(slo.measure[1:]) for slo in self._goals.slos if slo.measure.startswith("p")]
        beyond = max((_BEYOND / (1 - percent / 100) / rate for percent in wanted), default=0.0)
        return min(max(self._setting.duration_s, beyond), self._setting.duration_s * _MOST_LONGER)

    def _ended(self, why: str) -> Found:
        wanted = ", ".join(slo.text for slo in self._goals.slos) or "no errors"
        self._result.verdicts = [Verdict("highest rate", wanted, why, False)]
        return self._result

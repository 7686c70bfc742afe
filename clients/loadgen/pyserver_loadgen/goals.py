"""Whether a measurement is as good as it was asked to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pyserver_loadgen.measurement import Measurement, Slo, Verdict
from pyserver_loadgen.schedules import ClosedLoop, Schedule
from pyserver_loadgen.spellings import duration_text, rate_text

# A server that answers less of an open loop than this falls behind: its latency grows for as long as one measures.
KEEPS_UP = 0.98


@dataclass(frozen=True)
class Goals:
    """What a run must be like."""

    slos: Sequence[Slo] = ()
    max_errors: int = 0  # so many requests may fail

    def verdicts(self, measurement: Measurement) -> list[Verdict]:
        """One for every goal."""
        return [*(slo_verdict(slo, measurement) for slo in self.slos), self.errors_verdict(measurement)]

    def errors_verdict(self, measurement: Measurement) -> Verdict:
        """Whether not too many requests failed, and any was answered."""
        wanted = f"at most {self.max_errors:,}" if self.max_errors else "none"
        told = ", ".join(f"{count:,} {code}" for code, count in measurement.errors.items())
        if not measurement.sent:
            return Verdict("errors", wanted, "nothing was sent", False)
        return Verdict("errors", wanted, told or "none", measurement.failed <= self.max_errors)

    def met(self, measurement: Measurement, schedule: Schedule) -> bool:
        """Whether all are met, and an open loop was kept up with: else a long run would show what a short one hides."""
        kept_up = isinstance(schedule, ClosedLoop) or keeps_up(measurement)
        return kept_up and all(verdict.met for verdict in self.verdicts(measurement))


def keeps_up(measurement: Measurement) -> bool:
    """Whether the server answered about as many requests as were due in the same time."""
    return measurement.throughput >= KEEPS_UP * measurement.offered_rate


def slo_verdict(slo: Slo, measurement: Measurement) -> Verdict:
    """Whether the latency's measure is within the limit."""
    got = slo.of(measurement.latency)
    met = not math.isnan(got) and got <= slo.limit_s
    goal = f"{slo.measure} latency, {measurement.label}"
    return Verdict(goal, f"≤ {duration_text(slo.limit_s)}", duration_text(got), met)


def keeps_up_verdict(measurement: Measurement) -> Verdict:
    """Whether the server kept up with an open loop."""
    wanted = f"≥ {KEEPS_UP:.0%} of {rate_text(measurement.offered_rate)}"
    return Verdict("keeps up", wanted, rate_text(measurement.throughput), keeps_up(measurement))

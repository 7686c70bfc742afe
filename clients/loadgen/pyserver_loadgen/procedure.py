"""Measures what was chosen, and makes the report of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pyserver.errors import ConfigError
from pyserver_loadgen.choice import Choice
from pyserver_loadgen.comparison import alternate, alternate_over, compare_rounds, compare_saved, compare_sweep
from pyserver_loadgen.goals import Goals, keeps_up, slo_verdict
from pyserver_loadgen.measurement import Comparison, Measurement, Report, Slo, Verdict
from pyserver_loadgen.mlperf import measure_scenario
from pyserver_loadgen.run import Run
from pyserver_loadgen.search import Search
from pyserver_loadgen.spellings import duration_text, rate_text
from pyserver_loadgen.stability import Stable, stability_verdict
from pyserver_loadgen.sweep import knee, sweep

# A client whose threads are busier than this may measure itself.
_BUSY = 0.9


@dataclass(frozen=True)
class Means:
    """What a measurement is made with. `second`: the other target of a comparison."""

    run: Run
    second: Run | None = None
    goals: Goals = field(default_factory=Goals)
    stable: bool = False
    rounds: int = 3
    samples: int = 1  # rows of one request


def measure(choice: Choice, means: Means, report: Report) -> None:
    """Fills the report's measurements and verdicts. Raises UnreachableError."""
    run = Stable(means.run) if means.stable else means.run
    if choice.kind == "compare" and means.second is not None:
        _compare((run, Stable(means.second) if means.stable else means.second), choice, means, report)
    elif choice.kind == "mlperf" and choice.scenario is not None:
        slo = choice.slos[0] if choice.slos else None
        outcome = measure_scenario(
            run, choice.setting, choice.scenario, samples=means.samples, slo=slo, rate=choice.rate
        )
        report.measurements, report.verdicts, report.found = outcome.measurements, outcome.verdicts, outcome.found
        report.notes += outcome.notes
    elif choice.kind == "search":
        found = Search(run, choice.setting, means.goals, arrivals=choice.arrivals)()
        report.measurements, report.verdicts, report.found = found.measurements, found.verdicts, found.found
        report.notes += found.notes
    elif choice.kind == "sweep" and choice.schedule is not None:
        report.measurements = sweep(run, choice.setting, choice.values, choice.schedule)
        report.knee = knee(report.measurements)
        report.verdicts = _sweep_verdicts(report.measurements, means.goals)
    else:
        report.measurements = [run(choice.setting)]
        report.verdicts = _verdicts(report.measurements, means.goals)
    for measured in report.measurements:
        measured.notes += client_notes(measured)
        if choice.kind != "mlperf":
            measured.notes += load_notes(measured)


def _compare(runs: tuple[Run, Run], choice: Choice, means: Means, report: Report) -> None:
    """Two targets in turns, at one setting or at every one of a sweep."""
    if len(choice.values) < 2 or choice.schedule is None:
        a, b = alternate(runs, choice.setting, means.rounds)
        report.measurements = _in_turns(a, b)
        report.comparison = compare_rounds(a, b, choice.slos)
        report.verdicts = _verdicts(report.measurements, means.goals)
        return
    taken = alternate_over(runs, choice.setting, choice.values, choice.schedule, means.rounds)
    report.measurements = [measured for rounds in taken for measured in _in_turns(rounds.a, rounds.b)]
    report.comparison = compare_sweep(taken, choice.slos)
    for side, of_side in (("A", [m for r in taken for m in r.a]), ("B", [m for r in taken for m in r.b])):
        report.verdicts += _somewhere_verdicts(of_side, means.goals, f", {side}")
    report.verdicts += _verdicts(report.measurements, Goals((), means.goals.max_errors))


def compare_with(saved: Report, name: str, report: Report, slos: Sequence[Slo]) -> Comparison:
    """The report's figures against those of a saved one. Raises ConfigError where they are of several settings."""
    return compare_saved(_one_setting(saved, name), _one_setting(report, "this report"), (name, "now"), slos)


def check_comparable(saved: Report, name: str) -> None:
    """Raises ConfigError where a report cannot be compared with: before measuring, not after."""
    _one_setting(saved, name)


def client_notes(measured: Measurement) -> list[str]:
    """Where the load generator itself may be what was measured; the report tells of late requests on its own."""
    notes = []
    if measured.client_cores > _BUSY * measured.threads:
        notes.append(
            f"the load generator was busy ({measured.client_cores:.2f} cores on {measured.threads} threads): "
            "more --threads and --connections may show more of the server"
        )
    return notes


def load_notes(measured: Measurement) -> list[str]:
    """Where the figures depend on how long one measured."""
    steady = measured.rate is not None and measured.succeeded and not measured.stopped
    if not steady or keeps_up(measured):
        return []
    return [
        f"the server does not keep up: {rate_text(measured.throughput)} were answered of "
        f"{rate_text(measured.offered_rate)} that were due, so latencies grow for as long as one measures"
    ]


def _verdicts(measurements: Sequence[Measurement], goals: Goals) -> list[Verdict]:
    verdicts = []
    for measured in measurements:
        told = goals.verdicts(measured)
        if len(measurements) > 1:
            # Of several, the errors of each; slo_verdict names its measurement already.
            told[-1] = Verdict(f"errors, {measured.label}", told[-1].wanted, told[-1].got, told[-1].met)
        verdicts += told
        if measured.stable is not None:
            verdicts.append(stability_verdict(measured))
    return verdicts


def _sweep_verdicts(measurements: Sequence[Measurement], goals: Goals) -> list[Verdict]:
    """Errors and stability of every measurement; a limit is met where any measurement meets it."""
    return _somewhere_verdicts(measurements, goals) + _verdicts(measurements, Goals((), goals.max_errors))


def _somewhere_verdicts(measurements: Sequence[Measurement], goals: Goals, whose: str = "") -> list[Verdict]:
    """Of the limits of a sweep: whether any measurement meets them. `whose` ends the goals' names."""
    verdicts = []
    for slo in goals.slos:
        good = [m.label for m in measurements if m.succeeded and slo_verdict(slo, m).met]
        values = [slo.of(measured.latency) for measured in measurements if measured.succeeded]
        at_best = f"nowhere; at best {duration_text(min(values))}" if values else "nothing was answered"
        wanted = f"≤ {duration_text(slo.limit_s)} somewhere"
        got = f"up to {good[-1]}" if good else at_best
        verdicts.append(Verdict(f"{slo.measure} latency{whose}", wanted, got, bool(good)))
    return verdicts


def _in_turns(a: Sequence[Measurement], b: Sequence[Measurement]) -> list[Measurement]:
    """As they were measured; the last one of B may be missing."""
    return [measured for place in range(len(a)) for measured in (*a[place : place + 1], *b[place : place + 1])]


def _one_setting(report: Report, name: str) -> list[Measurement]:
    if report.found is not None:
        return [report.measurements[report.found]]
    if report.kind != "single" or not report.measurements:
        raise ConfigError(f"{name}: a report of one setting can be compared, and this is a {report.kind}")
    return report.measurements

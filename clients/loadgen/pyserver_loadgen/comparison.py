"""A against B: two targets measured in turns, or a report against one that was saved.

In turns (A B A B …) what else the machine does falls upon both, and the ratio of each round is free of what both rounds
shared; the interval comes from the spread of the rounds' ratios. Against a saved report nothing is shared: there each
side has the spread of its own runs, or, of a single run, of its windows. That spread does not know how much runs at
different times differ, and the comparison says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pyserver_loadgen.measurement import Better, Comparison, ComparisonPoint, ComparisonRow, Measurement, Slo
from pyserver_loadgen.run import Run, Setting
from pyserver_loadgen.schedules import Schedule
from pyserver_loadgen.statistics import Ratio, geometric_mean, paired_ratio, unpaired_ratio

_SINGLE_ROUND = "a single round: no confidence interval (--rounds 3 or more)"
_LEAST_WINDOWS = 5  # fewer windows of one run tell nothing of its spread


@dataclass(frozen=True)
class _Measure:
    name: str
    unit: str
    of: Callable[[Measurement], float]
    more_is_better: bool = False


@dataclass(frozen=True)
class Rounds:
    """What came of both sides at one setting of a sweep."""

    setting: str  # its label
    a: Sequence[Measurement]
    b: Sequence[Measurement]


def alternate(runs: tuple[Run, Run], setting: Setting, rounds: int) -> tuple[list[Measurement], list[Measurement]]:
    """Measures A B A B …, so many rounds; both have the same arrivals within a round. Ctrl-C ends it."""
    taken: tuple[list[Measurement], list[Measurement]] = ([], [])
    for number in range(1, rounds + 1):
        for run, name, side in zip(runs, "AB", taken, strict=True):
            label = f"{name} {number}, {setting.label}" if setting.label else f"{name} {number}"
            measured = run(replace(setting, label=label, seed=setting.seed + number - 1))
            side.append(measured)
            if measured.stopped:
                return taken
    return taken


def alternate_over(
    runs: tuple[Run, Run], setting: Setting, values: Sequence[float], schedule: Callable[[float], Schedule], rounds: int
) -> list[Rounds]:
    """Measures A B A B … at every value of a sweep, in their order. Ctrl-C ends it."""
    taken: list[Rounds] = []
    for step, value in enumerate(values):
        made = schedule(value)
        # No two rounds have the same arrivals.
        here = replace(setting, schedule=made, label=made.label, seed=setting.seed + step * rounds)
        taken.append(Rounds(made.label, *alternate(runs, here, rounds)))
        if any(measured.stopped for measured in (*taken[-1].a, *taken[-1].b)):
            break
    return taken


def compare_rounds(a: Sequence[Measurement], b: Sequence[Measurement], slos: Sequence[Slo] = ()) -> Comparison:
    """Of runs that alternated. A round that was stopped is left out."""
    pairs = [(x, y) for x, y in zip(a, b, strict=False) if not (x.stopped or y.stopped)]
    rows = []
    for measure in _measures(slos):
        values_a, values_b = ([measure.of(side[place]) for side in pairs] for place in (0, 1))
        rows.extend(_row(measure, values_a, values_b, paired_ratio(values_a, values_b)))
    notes = [] if len(pairs) >= 2 else [_SINGLE_ROUND]
    return Comparison(_name(a), _name(b), len(pairs), rows, notes)


def compare_sweep(taken: Sequence[Rounds], slos: Sequence[Slo] = ()) -> Comparison:
    """Of a sweep over which both sides alternated: each setting by itself, since ratios depend on the load.

    A setting at which no round was measured to its end is left out.
    """
    compared = [(rounds.setting, compare_rounds(rounds.a, rounds.b, slos)) for rounds in taken]
    points = [ComparisonPoint(setting, of.rounds, of.rows) for setting, of in compared if of.rounds]
    least = min((point.rounds for point in points), default=0)
    a, b = _name(taken[0].a if taken else ()), _name(taken[0].b if taken else ())
    return Comparison(a, b, least, [], [_SINGLE_ROUND] if least < 2 else [], points)


def compare_saved(
    a: Sequence[Measurement], b: Sequence[Measurement], names: tuple[str, str], slos: Sequence[Slo] = ()
) -> Comparison:
    """Of runs that did not alternate: those of a saved report (A) and new ones (B)."""
    single = min(len(a), len(b)) < 2
    rows = []
    for measure in _measures(slos):
        values_a, values_b = (_spread_of(side, measure) if single else _values(side, measure) for side in (a, b))
        ratio = unpaired_ratio(values_a, values_b)
        if single:
            # The windows give the spread; the whole runs the figures.
            whole = (geometric_mean(_values(a, measure)), geometric_mean(_values(b, measure)))
            ratio = _around(ratio, whole[1] / whole[0]) if min(whole) > 0 else ratio
            values_a, values_b = [whole[0]], [whole[1]]
        rows.extend(_row(measure, values_a, values_b, ratio))
    notes = ["not measured in turns: how much runs at different times differ is not in the intervals"]
    if single:
        notes.append("the intervals come from the spread of the windows within one run of each")
    notes.extend(_different(a, b))
    return Comparison(*names, min(len(a), len(b)), rows, notes)


def _measures(slos: Sequence[Slo]) -> list[_Measure]:
    measures = [_Measure("throughput", "answers/s", lambda m: m.throughput, True)]
    measures += [
        _Measure(f"goodput ({slo.text})", "answers/s", _goodput(slo), True) for slo in slos if slo.measure[0] == "p"
    ]
    measures.append(_Measure("mean latency", "s", lambda m: m.latency.mean_s))
    measures += [_Measure(f"p{p:g} latency", "s", _percentile(p)) for p in (50.0, 90.0, 99.0, 99.9)]
    measures.append(_Measure("server CPU per answer", "s", _server_cpu))
    measures.append(_Measure("client CPU per answer", "s", lambda m: m.client_cpu_s / max(m.succeeded, 1)))
    return measures


def _goodput(slo: Slo) -> Callable[[Measurement], float]:
    return lambda measurement: measurement.goodput(slo.limit_s)


def _percentile(p: float) -> Callable[[Measurement], float]:
    return lambda measurement: measurement.latency.percentile(p)


def _server_cpu(measurement: Measurement) -> float:
    used = measurement.server.cpu_s if measurement.server else None
    return used / max(measurement.succeeded, 1) if used else 0.0


def _values(side: Sequence[Measurement], measure: _Measure) -> list[float]:
    return [measure.of(measurement) for measurement in side]


def _spread_of(side: Sequence[Measurement], measure: _Measure) -> list[float]:
    """The measure of every window; of CPU time, which windows do not have, nothing."""
    windows = [(measurement, window) for measurement in side for window in measurement.windows]
    if "CPU" in measure.name or len(windows) < _LEAST_WINDOWS:
        return _values(side, measure)[:1]
    return [measure.of(replace(m, windows=[window], duration_s=window.length_s)) for m, window in windows]


def _around(ratio: Ratio, value: float) -> Ratio:
    """The same interval, relatively, around another value."""
    return Ratio(value, value * ratio.low / ratio.value, value * ratio.high / ratio.value)


def _row(measure: _Measure, a: Sequence[float], b: Sequence[float], ratio: Ratio) -> list[ComparisonRow]:
    """One row, or none where the measure is not known of both."""
    mean_a, mean_b = geometric_mean(a), geometric_mean(b)
    if not (mean_a > 0 and mean_b > 0):
        return []
    better: Better = "no difference shown"
    if ratio.shows_difference:
        better = "b" if (ratio.value > 1) == measure.more_is_better else "a"
    return [ComparisonRow(measure.name, measure.unit, mean_a, mean_b, ratio.value, ratio.low, ratio.high, better)]


def _name(side: Sequence[Measurement]) -> str:
    return side[0].target if side else "-"


def _different(a: Sequence[Measurement], b: Sequence[Measurement]) -> list[str]:
    """What was set otherwise: then ratios say little."""
    if not a or not b:
        return []
    told = []
    for what in ("schedule", "connections", "threads"):
        first, second = getattr(a[0], what), getattr(b[0], what)
        if first != second:
            told.append(f"the {what} differs: {first} against {second}")
    return told

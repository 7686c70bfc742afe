"""The four scenarios of MLPerf Inference, by its rules.

    SingleStream  the next query when the last is answered; result: 90th percentile of latency
    MultiStream   the same with 8 samples a query; result: 99th percentile of latency
    Server        Poisson arrivals; result: the highest rate whose 99th percentile is within the limit
    Offline       all samples at once; result: samples a second

Every scenario takes at least 600 s; MultiStream at least 662 queries and Offline at least 24,576 samples; percentiles
are subject to early stopping, which SingleStream can do with from 64 queries on. Samples are drawn at random from the
pool, with replacement. What is shorter, or has errors, is INVALID, and says so. What we measure is not a result of
MLPerf: that takes its models, its data, its LoadGen and its accuracy run.

Sources: MLPerf Inference Rules, sections "Scenarios", "LoadGen Operation" and appendix "Early Stopping Criterion",
https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc, and the constants of LoadGen's
https://github.com/mlcommons/inference/blob/master/loadgen/mlperf.conf (min_duration, min_query_count,
samples_per_query, target_latency_percentile).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pyserver_loadgen.early_stopping import estimated_percentile, least_queries, most_overlong
from pyserver_loadgen.goals import Goals
from pyserver_loadgen.measurement import Measurement, Slo, Verdict
from pyserver_loadgen.run import Run, Setting
from pyserver_loadgen.schedules import AllAtOnce, ClosedLoop, Steady
from pyserver_loadgen.search import Search
from pyserver_loadgen.spellings import duration_text, rate_text

Scenario = Literal["single-stream", "multi-stream", "server", "offline"]
SCENARIOS: tuple[Scenario, ...] = ("single-stream", "multi-stream", "server", "offline")
MIN_DURATION_S = 600.0
MULTI_STREAM_SAMPLES = 8
SERVER_PERCENTILE = 0.99

_TITLES = {
    "single-stream": "SingleStream",
    "multi-stream": "MultiStream",
    "server": "Server",
    "offline": "Offline",
}
_STREAM_PERCENTILES = {"single-stream": 0.9, "multi-stream": 0.99}
_MULTI_STREAM_QUERIES = 662
_OFFLINE_SAMPLES = 24576
_FIRST_LOOK_S = 2.0
# Offline: all samples are due at once, and so many are handed to the server; the rest waits here. Servers refuse what
# their queues cannot hold, and MLPerf's own harnesses hold it back too.
_OFFLINE_IN_FLIGHT = 256
_SEARCH_STEP_S = 10.0


@dataclass
class Outcome:
    """What a scenario found: the result is the first note, whether it is valid the first verdict."""

    measurements: list[Measurement] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    found: int | None = None


def measure_scenario(
    run: Run,
    setting: Setting,
    scenario: Scenario,
    *,
    samples: int = 1,
    slo: Slo | None = None,
    rate: float | None = None,
) -> Outcome:
    """Runs one scenario. The setting gives durations, connections and the seed; its schedule is not used.

    `samples`: of one request. `slo`: Server's limit for p99. `rate`: Server's; None: searched for.
    """
    setting = replace(setting, random_bodies=True, label=_TITLES[scenario])
    if scenario == "server":
        if slo is None:
            raise ValueError("the Server scenario needs a limit for p99")
        return _server(run, setting, samples, slo, rate)
    if scenario == "offline":
        return _offline(run, setting, samples)
    return _stream(run, setting, scenario, samples)


def _stream(run: Run, setting: Setting, scenario: Scenario, samples: int) -> Outcome:
    percentile = _STREAM_PERCENTILES[scenario]
    measured = run(replace(setting, schedule=ClosedLoop(1), connections=1, threads=1))
    queries = measured.succeeded
    rules = [_duration(measured), _no_errors(measured)]
    if scenario == "multi-stream":
        rules.append(_at_least("samples a query", MULTI_STREAM_SAMPLES, samples))
        rules.append(_at_least("queries", _MULTI_STREAM_QUERIES, queries))
    reported = estimated_percentile(queries, percentile)
    rules.append(_at_least("queries for early stopping", _least_for_estimate(percentile), queries))
    seen = duration_text(measured.latency.percentile(percentile * 100))
    notes = [f"{_TITLES[scenario]}: p{percentile * 100:g} latency as measured {seen}"]
    if reported is not None:
        estimate = duration_text(measured.latency.percentile(reported))
        notes.insert(0, f"{_TITLES[scenario]}: p{percentile * 100:g} latency {estimate} (early-stopping estimate)")
    return Outcome([measured], _judged(scenario, rules), notes)


def _server(run: Run, setting: Setting, samples: int, slo: Slo, rate: float | None) -> Outcome:
    if rate is not None:
        outcome = Outcome([run(replace(setting, schedule=Steady(rate, "poisson")))], found=0)
    else:
        goals = Goals([replace(slo, measure="p99")])
        step = replace(setting, duration_s=min(_SEARCH_STEP_S, setting.duration_s))
        found = Search(run, step, goals, confirm_s=setting.duration_s)()
        outcome = Outcome(found.measurements, [], found.notes, found.found)
        if found.found is None:
            outcome.verdicts = _judged("server", found.verdicts)
            return outcome
    measured = outcome.measurements[outcome.found or 0]
    queries = measured.succeeded
    overlong = queries - round(measured.latency.fraction_within(slo.limit_s) * queries) if queries else 0
    rules = [
        _duration(measured),
        _no_errors(measured),
        Verdict(
            f"MLPerf: p99 within {duration_text(slo.limit_s)}, by early stopping",
            f"≥ {least_queries(overlong, SERVER_PERCENTILE):,} queries where {overlong:,} are overlong",
            f"{queries:,}",
            queries > 0 and overlong <= most_overlong(queries, SERVER_PERCENTILE),
        ),
    ]
    outcome.verdicts = _judged("server", rules)
    result = rate_text((measured.rate or 0.0) * samples)
    outcome.notes.insert(0, f"Server: {result} with p99 {duration_text(measured.latency.percentile(99))}")
    return outcome


def _offline(run: Run, setting: Setting, samples: int) -> Outcome:
    look = run(
        replace(
            setting,
            schedule=ClosedLoop(_OFFLINE_IN_FLIGHT),
            duration_s=min(_FIRST_LOOK_S, setting.duration_s),
            label="first look",
        )
    )
    if not look.succeeded or look.stopped:
        return Outcome([look], _judged("offline", [_no_errors(look)]), ["Offline: nothing was measured"])
    # A little more than the rate of the first look would answer in the time, so that the run does not end before it.
    count = max(1, round(look.throughput * setting.duration_s * 1.1))
    if setting.duration_s >= MIN_DURATION_S:
        count = max(count, -(-_OFFLINE_SAMPLES // samples))
    allowed_s = 4 * count / look.throughput + 60
    all_at_once = AllAtOnce(count)
    measured = run(
        replace(setting, schedule=all_at_once, max_in_flight=_OFFLINE_IN_FLIGHT, duration_s=1.0, drain_s=allowed_s)
    )
    rules = [
        _duration(measured),
        _at_least("samples", _OFFLINE_SAMPLES, measured.succeeded * samples),
        _no_errors(measured),
    ]
    measured.notes.append("latencies are from the start of the run, when all requests were due")
    result = rate_text(measured.throughput * samples)
    return Outcome([measured], _judged("offline", rules), [f"Offline: {result.removesuffix('/s')} samples/s"], 0)


def _judged(scenario: Scenario, rules: Sequence[Verdict]) -> list[Verdict]:
    missed = [rule.goal.removeprefix("MLPerf: ") for rule in rules if not rule.met]
    got = f"INVALID: {', '.join(missed)}" if missed else "VALID"
    return [Verdict(f"MLPerf {_TITLES[scenario]}", "VALID", got, not missed), *rules]


def _duration(measured: Measurement) -> Verdict:
    # Windows and clocks may be a thousandth off.
    met = measured.duration_s >= MIN_DURATION_S * 0.999 and not measured.stopped
    wanted = f"≥ {duration_text(MIN_DURATION_S)}"
    return Verdict("MLPerf: duration", wanted, duration_text(measured.duration_s), met)


def _at_least(what: str, least: int, got: int) -> Verdict:
    return Verdict(f"MLPerf: {what}", f"≥ {least:,}", f"{got:,}", got >= least)


def _no_errors(measured: Measurement) -> Verdict:
    verdict = Goals().errors_verdict(measured)
    return replace(verdict, goal="MLPerf: errors")


def _least_for_estimate(percentile: float) -> int:
    """The least number of queries of which one may be overlong."""
    return least_queries(1, percentile)

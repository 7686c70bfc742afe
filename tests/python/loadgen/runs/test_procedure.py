"""From a choice to a report's verdicts, with simulated servers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from simulated import SimulatedServer, measurement, window

from pyserver.errors import ConfigError
from pyserver_loadgen.choice import Wishes, choose
from pyserver_loadgen.goals import Goals
from pyserver_loadgen.measurement import Measurement, Report, Verdict
from pyserver_loadgen.procedure import Means, check_comparable, client_notes, compare_with, measure
from pyserver_loadgen.report import document, html
from pyserver_loadgen.report import table as report_table
from pyserver_loadgen.report.summary import notes_of
from pyserver_loadgen.results import not_begun
from pyserver_loadgen.run import Run, Setting, Until


def report_of(
    run: Run, second: Run | None = None, *, stable: bool = False, max_errors: int = 0, **wishes: object
) -> Report:
    choice = choose(Wishes(warmup="0s", two_targets=second is not None, **wishes))  # type: ignore[arg-type]
    report = Report([], choice.kind, {}, {}, slos=list(choice.slos))
    goals = Goals(choice.slos, max_errors)
    measure(choice, Means(run, second, goals, stable=stable), report)
    return report


def verdict(report: Report, goal: str) -> Verdict:
    return next(verdict for verdict in report.verdicts if goal in verdict.goal)


def failing(count: int) -> Run:
    def run(setting: Setting, until: Until | None = None) -> Measurement:  # noqa: ARG001
        seen = replace(window(0, 1, [1e6] * 90), sent=90 + count, failed=count, errors={"UNAVAILABLE": count})
        return measurement(setting, [seen])

    return run


def test_a_single_measurement_is_judged_by_errors_and_limits() -> None:
    report = report_of(SimulatedServer(0.001), rate="500", slos=["p99=20ms", "p50=1us"])
    assert [(v.goal.split(",")[0], v.met) for v in report.verdicts] == [
        ("p99 latency", True),
        ("p50 latency", False),
        ("errors", True),
    ]
    assert not report.met


def test_errors_fail_unless_so_many_are_allowed() -> None:
    assert verdict(report_of(failing(10)), "errors").got == "10 UNAVAILABLE"
    assert not report_of(failing(10)).met
    assert report_of(failing(10), max_errors=10).met


def test_nothing_sent_is_no_success() -> None:
    def silent(setting: Setting, until: Until | None = None) -> Measurement:  # noqa: ARG001
        return measurement(setting, [window(0, 1, [])])

    assert not report_of(silent).met


def test_a_sweep_has_a_knee_and_meets_a_limit_somewhere() -> None:
    report = report_of(SimulatedServer(0.001), rate="100:900:+100", duration="20s", slos=["p99=5ms"])
    assert report.kind == "sweep"
    assert report.knee is not None
    assert len(report.measurements) == 9
    told = verdict(report, "p99 latency")
    assert told.met
    assert told.got.startswith("up to ")
    nowhere = report_of(SimulatedServer(0.001), concurrency="1,2,4", slos=["p99=1us"])
    assert not verdict(nowhere, "p99 latency").met


def test_a_search_tells_which_measurement_it_found() -> None:
    report = report_of(SimulatedServer(0.001), slos=["p99=20ms"])
    assert report.found is not None
    assert report.met
    assert report.measurements[report.found].latency.percentile(99) <= 0.020


def test_a_comparison_keeps_both_and_their_ratios() -> None:
    report = report_of(SimulatedServer(0.001), SimulatedServer(0.002), concurrency="2")
    assert [measured.label for measured in report.measurements] == ["A 1", "B 1", "A 2", "B 2", "A 3", "B 3"]
    assert report.comparison is not None
    throughput = report.comparison.rows[0]
    assert (throughput.ratio, throughput.better) == (pytest.approx(0.5), "a")


def test_a_comparison_over_a_sweep_has_ratios_and_limits_of_each_side() -> None:
    report = report_of(SimulatedServer(0.001), SimulatedServer(0.002), concurrency="1,4", slos=["p99=1.5ms"])
    assert report.kind == "compare"
    assert [m.label for m in report.measurements[:3]] == ["A 1, 1 in flight", "B 1, 1 in flight", "A 2, 1 in flight"]
    assert len(report.measurements) == 12
    assert report.comparison is not None
    rows = [point.row("throughput") for point in report.comparison.points]
    assert [(row.ratio, row.better) for row in rows if row is not None] == [(pytest.approx(0.5), "a")] * 2
    assert verdict(report, "p99 latency, A").met
    assert not verdict(report, "p99 latency, B").met
    assert len([told for told in report.verdicts if told.goal.startswith("errors, ")]) == 12


def test_the_best_of_a_sweep_is_found_by_its_value_and_not_by_its_text() -> None:
    nowhere = report_of(SimulatedServer(0.004), concurrency="1,4", slos=["p99=1us"])
    assert verdict(nowhere, "p99 latency").got == "nowhere; at best 4 ms"


class GoneAfter:
    """A server that answers so many runs, and then no connection."""

    def __init__(self, runs: int) -> None:
        self._left = runs
        self._server = SimulatedServer(0.001)

    def __call__(self, setting: Setting, until: Until | None = None) -> Measurement:
        self._left -= 1
        return self._server(setting, until) if self._left >= 0 else not_begun(setting, "simulated", "it is gone")


@pytest.mark.parametrize(
    ("wishes", "measured"),
    [
        ({"concurrency": "1,2,4"}, 2),
        ({"concurrency": "1,2,4", "stable": True}, 2),
        ({"slos": ["p99=20ms"]}, 1),
        ({"scenario": "offline"}, 0),
        ({"scenario": "server", "slos": ["p99=20ms"]}, 1),
    ],
)
def test_where_the_server_goes_away_the_report_is_of_what_was_measured_before(
    wishes: dict[str, Any], measured: int
) -> None:
    stable = bool(wishes.pop("stable", False))
    runs = measured if "concurrency" in wishes else measured + 1  # others have a first look, which is no measurement
    report = report_of(GoneAfter(runs), stable=stable, duration="2s", **wishes)
    assert [bool(m.unreachable) for m in report.measurements] == [False] * measured + [True]
    assert not report.met
    for one in (report_table.render(report), html.page(report)):
        assert one
    assert any("it is gone" in note for note in notes_of(report))
    assert document.from_json(document.to_json(report)).measurements[-1].unreachable == "it is gone"


def test_unstable_is_a_missed_goal() -> None:
    report = report_of(SimulatedServer(0.001), stable=True, rate="1500", duration="1s")
    assert not verdict(report, "stable").met
    even = report_of(SimulatedServer(0.001), stable=True, rate="100", arrivals="constant", duration="1s")
    assert verdict(even, "stable").met


def test_a_scenario_brings_its_result_as_a_note() -> None:
    report = report_of(SimulatedServer(0.01), scenario="single-stream", duration="1s")
    assert report.kind == "mlperf"
    assert report.notes[0].startswith("SingleStream: p90 latency")
    assert not report.met  # too short, and so INVALID


def test_a_saved_report_of_one_setting_is_compared_with() -> None:
    saved = report_of(SimulatedServer(0.001), concurrency="2", duration="10s")
    now = report_of(SimulatedServer(0.002), concurrency="2", duration="10s")
    comparison = compare_with(saved, "old.json", now, [])
    assert (comparison.a, comparison.b) == ("old.json", "now")
    assert comparison.rows[0].ratio == pytest.approx(0.5)
    with pytest.raises(ConfigError, match=r"old.json: a report of one setting can be compared, and this is a sweep"):
        check_comparable(report_of(SimulatedServer(0.001), concurrency="1,2"), "old.json")


def test_a_server_that_falls_behind_is_told() -> None:
    (behind,) = report_of(SimulatedServer(0.001), rate="2000").measurements
    assert "the server does not keep up: 1,000/s were answered of" in behind.notes[-1]
    (kept_up,) = report_of(SimulatedServer(0.001), rate="500").measurements
    assert kept_up.notes == []


def test_a_client_that_is_busy_is_told() -> None:
    seen = SimulatedServer(0.001)(Setting(choose(Wishes()).setting.schedule, duration_s=10))
    assert client_notes(replace(seen, client_cpu_s=1)) == []
    assert "the load generator was busy (0.95 cores on 1 threads)" in client_notes(replace(seen, client_cpu_s=9.5))[0]

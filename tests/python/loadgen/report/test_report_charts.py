"""Charts: which there are, what they say, and that every point lies where its values are."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import sample_reports

from pyserver_loadgen.measurement import Measurement, Report, Slo
from pyserver_loadgen.report.charts import Axis, Chart, Point, Ring, Rule, Series
from pyserver_loadgen.report.figures import charts_of, curves_of
from pyserver_loadgen.report.layout import WIDTH, Box, Dot, Layout, Line, Words, lay_out, text_width
from pyserver_loadgen.report.palette import DARK, DARK_PAPER, LIGHT, PAPER
from pyserver_loadgen.report.scales import LinearScale
from pyserver_loadgen.report.svg import svg

REPORTS = [
    sample_reports.single(),
    sample_reports.sweep(),
    sample_reports.compared(),
    sample_reports.compared_sweep(),
]


def named(report: Report) -> dict[str, Chart]:
    return {chart.key: chart for chart in charts_of(report)}


def chart_of(*series: Series, rules: tuple[Rule, ...] = (), rings: tuple[Ring, ...] = ()) -> Chart:
    axes = Axis("Across (s)", LinearScale(0, 10)), Axis("Up (ms)", LinearScale(0, 100))
    return Chart("test", "Title", "Summary.", *axes, series, rules, rings)


def marks(laid: Layout, kind: type, tone: str) -> list:
    return [mark for mark in laid.marks if isinstance(mark, kind) and mark.tone == tone]


def test_every_kind_of_report_has_its_charts() -> None:
    always = ["latency-cdf", "latency-percentiles", "timeline-throughput", "timeline-latency"]
    single, sweep, compared, compared_sweep = REPORTS
    assert list(named(single)) == [*always, "timeline-errors", "ledger"]
    assert list(named(sweep)) == ["throughput-latency", *always, "ledger"]
    assert list(named(compared)) == ["ratios", *always, "ledger"]
    ratios = ["ratios-throughput", "ratios-p50", "ratios-p99"]
    assert list(named(compared_sweep)) == ["throughput-latency", *ratios, *always, "ledger"]


def test_points_lie_where_their_values_are() -> None:
    laid = lay_out(chart_of(Series("a", "s0", [Point(0, 0), Point(2.5, 50), Point(10, 100)], "points")))
    plot = laid.plot
    dots = marks(laid, Dot, "s0")
    width, height = plot.right - plot.left, plot.bottom - plot.top
    expected = [(plot.left, plot.bottom), (plot.left + width / 4, plot.bottom - height / 2), (plot.right, plot.top)]
    assert [(dot.x, dot.y) for dot in dots] == [pytest.approx(place) for place in expected]
    (line,) = marks(laid, Line, "s0")
    assert list(line.points) == [pytest.approx(place) for place in expected]


def test_steps_hold_until_the_next_value() -> None:
    laid = lay_out(chart_of(Series("a", "s0", [Point(0, 20), Point(5, 80), Point(10, 80)], "steps")))
    (line,) = marks(laid, Line, "s0")
    at = laid.plot.at
    assert list(line.points) == [at(0, 20), at(5, 20), at(5, 80), at(10, 80)]


def test_bars_stand_on_the_axis_and_are_as_high_as_their_value() -> None:
    laid = lay_out(chart_of(Series("a", "bad", [Point(0, 0), Point(2, 40), Point(4, 0)], "bars")))
    (bar,) = marks(laid, Box, "bad")
    assert bar.y + bar.height == pytest.approx(laid.plot.bottom)
    assert bar.height == pytest.approx(0.4 * (laid.plot.bottom - laid.plot.top))
    assert (bar.x, bar.x + bar.width) == pytest.approx((laid.plot.at(2, 0)[0], laid.plot.at(4, 0)[0]), abs=1)


def test_ticks_stand_beside_their_value() -> None:
    laid = lay_out(chart_of(Series("a", "s0", [])))
    texts = {mark.text: mark for mark in laid.marks if isinstance(mark, Words)}
    assert texts["60"].y == pytest.approx(laid.plot.at(0, 60)[1] + 4)
    assert texts["4"].x == pytest.approx(laid.plot.at(4, 0)[0])


def test_rings_and_rules_lie_where_they_point() -> None:
    laid = lay_out(
        chart_of(Series("a", "s0", []), rules=(Rule("y", 15, "limit", "bad"),), rings=(Ring(4, 30, "knee"),))
    )
    (rule,) = marks(laid, Line, "bad")
    assert {y for _, y in rule.points} == {laid.plot.at(0, 15)[1]}
    (ring,) = [mark for mark in laid.marks if isinstance(mark, Dot) and mark.open]
    assert (ring.x, ring.y) == laid.plot.at(4, 30)
    assert "knee" in [mark.text for mark in laid.marks if isinstance(mark, Words)]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.kind)
def test_every_chart_has_titles_units_and_a_legend(report: Report) -> None:
    for chart in charts_of(report):
        texts = [mark.text for mark in lay_out(chart).marks if isinstance(mark, Words)]
        assert chart.title in texts
        assert chart.x.title in texts
        assert any(unit in chart.x.title for unit in ("(ms)", "(s)", "(answers/s)", "(ratio)", "Percentile"))
        assert chart.y.title in (*texts, "")
        if len(legend := [series.name for series in chart.series if series.name]) > 1:
            assert set(legend) <= set(texts)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.kind)
def test_marks_lie_within_the_canvas(report: Report) -> None:
    for chart in charts_of(report):
        laid = lay_out(chart)
        for mark in laid.marks:
            if isinstance(mark, Line):
                assert all(0 <= x <= WIDTH and 0 <= y <= laid.height for x, y in mark.points), chart.key
            elif isinstance(mark, Words) and not mark.turned:
                width = text_width(mark.text, mark.size)
                begin = mark.x - {"start": 0.0, "middle": width / 2, "end": width}[mark.anchor]
                assert begin >= 0, (chart.key, mark.text)
                assert begin + width <= WIDTH + 8, (chart.key, mark.text)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.kind)
def test_labels_of_points_do_not_lie_over_each_other(report: Report) -> None:
    for chart in charts_of(report):
        labels = {point.label for series in chart.series for point in series.points if point.label}
        boxes = []
        for mark in lay_out(chart).marks:
            if isinstance(mark, Words) and mark.text in labels:
                width = text_width(mark.text, mark.size)
                begin = mark.x - (width if mark.anchor == "end" else 0)
                boxes.append((begin, mark.y, begin + width, mark.y + mark.size))
        for number, a in enumerate(boxes):
            assert not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for b in boxes[:number])


def test_the_distribution_goes_through_the_percentiles() -> None:
    report = sample_reports.single()
    latency = report.measurements[0].latency
    (series,) = named(report)["latency-cdf"].series
    xs, ys = np.array([point.x for point in series.points]), np.array([point.y for point in series.points])
    assert (np.diff(ys) >= 0).all()
    assert ys[0] == 0
    assert ys[-1] == 100
    for p in (10, 50, 90, 99):
        at = xs[np.searchsorted(ys, p)]
        assert at == pytest.approx(latency.percentile(p), rel=0.02)


def test_latency_by_percentile_goes_through_the_percentiles() -> None:
    report = sample_reports.single()
    latency = report.measurements[0].latency
    (series,) = named(report)["latency-percentiles"].series
    for p in (1, 50, 90, 99, 99.9):
        holding = next(a for a, b in pairwise(series.points) if a.x <= p < b.x or b is series.points[-1])
        assert holding.y == pytest.approx(latency.percentile(p), rel=0.02)
    assert series.points[-1].y == pytest.approx(latency.max_s, rel=0.01)


def test_a_bimodal_server_is_a_step_and_not_a_slope() -> None:
    window = replace(sample_reports.window(0, 10, 1.0), latency=sample_reports.histogram([1.0] * 800 + [50.0] * 200))
    report = Report([], "single", {}, {}, [Measurement("x", "t", "s", 1.0, [replace(window, answered=1000)])])
    laid = lay_out(named(report)["latency-percentiles"])
    line = next(mark for mark in laid.marks if isinstance(mark, Line) and mark.tone == "s0")
    jumps = [(a, b) for a, b in pairwise(line.points) if abs(a[1] - b[1]) > 100]
    assert len(jumps) == 1
    assert jumps[0][0][0] == pytest.approx(jumps[0][1][0])
    assert jumps[0][0][0] == pytest.approx(laid.plot.at(80, 1)[0], abs=1)


def test_a_sweep_has_a_point_a_setting_and_its_knee_is_marked() -> None:
    report = sample_reports.sweep()
    chart = named(report)["throughput-latency"]
    p50, p99 = chart.series
    assert [point.x for point in p99.points] == [measured.throughput for measured in report.measurements]
    assert [point.y for point in p50.points] == [measured.latency.percentile(50) for measured in report.measurements]
    (ring,) = chart.rings
    knee = report.measurements[3]
    assert (ring.x, ring.y, ring.text) == (knee.throughput, knee.latency.percentile(99), "knee: 8 in flight")


def test_a_search_goes_by_rate_and_marks_what_it_found() -> None:
    report = sample_reports.sweep()
    shuffled = [replace(m, concurrency=None, rate=m.throughput) for m in report.measurements]
    report = replace(report, kind="search", knee=None, found=0, measurements=shuffled[::-1])
    chart = named(report)["throughput-latency"]
    xs = [point.x for point in chart.series[0].points]
    assert xs == sorted(xs)
    assert [ring.text for ring in chart.rings] == ["found: 64 in flight"]


def test_the_rounds_of_a_comparison_are_one_curve_a_side() -> None:
    report = sample_reports.compared()
    a, b = curves_of(report)
    assert a.name == "A: 127.0.0.1:8001, Predict"
    assert a.latency.count == sum(m.succeeded for m in report.measurements if m.label.startswith("A"))
    assert b.latency.count == sum(m.succeeded for m in report.measurements if m.label.startswith("B"))


def test_a_comparison_over_a_sweep_has_both_curves_and_ratios_by_setting() -> None:
    report = sample_reports.compared_sweep()
    charts = named(report)
    curves = charts["throughput-latency"].series
    assert [series.name for series in curves] == ["A p50", "A p99", "B p50", "B p99"]
    assert [point.label for point in curves[1].points] == ["1 in flight", "8 in flight", "64 in flight"]
    assert {"ratios-throughput", "ratios-p50", "ratios-p99"} <= set(charts)
    shown = {point.y: point.x for series in charts["ratios-throughput"].series for point in series.points}
    assert shown == {0: 1.02, 1: 0.9, 2: 0.7}


def test_of_a_comparison_over_a_sweep_the_distribution_is_where_the_two_answer_most() -> None:
    report = sample_reports.compared_sweep()
    a, b = curves_of(report)
    assert (a.name, b.name) == (
        "A, 64 in flight: 127.0.0.1:8001, Predict",
        "B, 64 in flight: 127.0.0.1:9001, OIP",
    )
    there = [m for m in report.measurements if m.label in ("A 1, 64 in flight", "A 2, 64 in flight")]
    assert a.latency.count == sum(m.succeeded for m in there)


def test_a_long_sweep_shows_seven_curves_among_them_the_knee() -> None:
    base = sample_reports.sweep()
    many = [replace(base.measurements[0], label=f"{n} in flight") for n in range(1, 40)]
    names = [curve.name for curve in curves_of(replace(base, measurements=many, knee=17))]
    assert len(names) == 7
    assert names[0] == "1 in flight"
    assert names[-1] == "39 in flight"
    assert "18 in flight" in names


def test_limits_are_drawn_where_they_are_near_the_values() -> None:
    report = sample_reports.single()
    near, far = Slo("p99", 0.02, "p99=20ms"), Slo("p99", 60.0, "p99=60s")
    chart = named(replace(report, slos=[near, far]))["latency-cdf"]
    assert [rule.text for rule in chart.rules] == ["p99=20ms"]


def test_the_timeline_breaks_where_nothing_was_answered() -> None:
    report = sample_reports.single()
    windows = report.measurements[0].windows
    windows[5] = replace(windows[5], answered=0, latency=sample_reports.histogram([]), lost=2000)
    lines = [series for series in named(report)["timeline-latency"].series if series.tone == "s1"]
    assert len(lines) == 2
    assert lines[0].points[-1].x == 5
    assert lines[1].points[0].x == 6
    assert [series.name for series in lines] == ["p99", ""]


def test_a_stall_stands_where_it_was_due() -> None:
    report = sample_reports.single()
    windows = report.measurements[0].windows
    windows[3] = replace(windows[3], latency=sample_reports.histogram(np.linspace(1, 1000, windows[3].answered)))
    p99 = next(series for series in named(report)["timeline-latency"].series if series.name == "p99")
    assert max(p99.points, key=lambda point: point.y).x == 3
    assert max(point.y for point in p99.points) == pytest.approx(0.99, rel=0.02)


def test_errors_stand_in_their_window() -> None:
    report = sample_reports.single()
    (bars,) = named(report)["timeline-errors"].series
    assert [(point.x, point.y) for point in bars.points if point.y] == [(6, 40)]
    assert "UNAVAILABLE 40" in next(point.tip for point in bars.points if point.y)


def test_measurements_follow_each_other_on_the_time_axis() -> None:
    chart = named(sample_reports.compared())["timeline-throughput"]
    assert [(rule.value, rule.text) for rule in chart.rules] == [
        (0, "A 1"),
        (10, "B 1"),
        (20, "A 2"),
        (30, "B 2"),
        (40, "A 3"),
        (50, "B 3"),
    ]


def test_stages_of_the_ledger_follow_each_other() -> None:
    chart = named(sample_reports.single())["ledger"]
    spans = [series.points[0] for series in chart.series]
    assert spans[0].low == 0
    assert all(a.high == b.low for a, b in pairwise(spans))
    ledger = sample_reports.single().measurements[0].ledger
    assert ledger is not None
    total = sum(ledger.mean_us(name) for name in ledger.sums_us) * 1e-6
    assert spans[-1].high == pytest.approx(total)


def test_without_an_answer_there_is_nothing_about_latency() -> None:
    window = replace(sample_reports.window(0, 1, 1.0), answered=0, failed=10, latency=sample_reports.histogram([]))
    report = Report([], "single", {}, {}, [Measurement("x", "t", "s", 1.0, [replace(window, ledger=None)])])
    assert list(named(report)) == ["timeline-throughput", "timeline-errors"]
    assert charts_of(Report([], "single", {}, {})) == []


def test_hostile_texts_stay_texts() -> None:
    hostile = '</svg><script>alert("1")</script>&'
    drawn = svg(chart_of(Series(hostile, "s0", [Point(1, 1, hostile, hostile)], "points"), Series("b", "s1", [])))
    assert "<script>" not in drawn
    assert "&lt;/svg&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;" in drawn


def contrast(one: str, other: str) -> float:
    """By WCAG 2.2's definition of relative luminance."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("tones", "paper"), [(LIGHT, PAPER), (DARK, DARK_PAPER)], ids=["light", "dark"])
def test_tones_can_be_told_from_their_page(tones: dict[str, str], paper: str) -> None:
    for tone, colour in tones.items():
        if tone != "grid":
            least = 4.5 if tone in ("ink", "muted", "bad") else 3.0
            assert contrast(colour, paper) >= least, tone


def test_light_and_dark_have_the_same_tones() -> None:
    assert list(LIGHT) == list(DARK)

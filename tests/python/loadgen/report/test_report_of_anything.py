"""Whatever a run ends with can be told: every output takes every report, however odd its figures and names."""

import io
import json

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rich.console import Console

from pyserver_loadgen.histogram import Histogram
from pyserver_loadgen.measurement import (
    Comparison,
    ComparisonPoint,
    ComparisonRow,
    Ledger,
    Measurement,
    Report,
    ServerUse,
    Slo,
    Verdict,
    Window,
)
from pyserver_loadgen.report import document, html
from pyserver_loadgen.report.figures import charts_of
from pyserver_loadgen.report.layout import WIDTH, Dot, Line, lay_out
from pyserver_loadgen.report.png import drawn
from pyserver_loadgen.report.table import render

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
TIMES_NS = st.one_of(st.integers(0, 200), st.integers(0, 10**9), st.integers(10**9, 4 * 10**12))
COUNTS = st.integers(0, 10**6)
FLOATS = st.floats(0, 1e7)
MAYBE = st.none() | FLOATS


def histogram_of(values: list[int]) -> Histogram:
    made = Histogram()
    made.add(values)
    return made


@st.composite
def windows(draw: st.DrawFn) -> Window:
    latencies = draw(st.lists(TIMES_NS, max_size=20))
    failed, lost = draw(COUNTS), draw(st.integers(0, 3))
    return Window(
        start_s=draw(FLOATS),
        length_s=draw(st.floats(0, 100)),
        sent=len(latencies) + failed + lost,
        answered=len(latencies),
        failed=failed,
        lost=lost,
        errors={draw(TEXTS): failed} if failed else {},
        latency=histogram_of(latencies),
        lag=histogram_of(draw(st.lists(TIMES_NS, max_size=5))),
        ledger=draw(st.none() | st.builds(Ledger, st.dictionaries(TEXTS, COUNTS, max_size=10), COUNTS, COUNTS)),
    )


MEASUREMENTS = st.builds(
    Measurement,
    label=TEXTS | st.sampled_from(["A 1", "B 1", "A 2"]),
    target=TEXTS,
    schedule=TEXTS,
    duration_s=st.floats(0, 1e5),
    windows=st.lists(windows(), max_size=4),
    rate=MAYBE,
    concurrency=st.none() | COUNTS,
    client_cpu_s=FLOATS,
    reconnects=st.integers(0, 2),
    server=st.none() | st.builds(ServerUse, MAYBE, st.none() | COUNTS, MAYBE, MAYBE, gpu_percent=MAYBE),
    stable=st.none() | st.booleans(),
    stopped=st.booleans(),
    error_examples=st.dictionaries(TEXTS, TEXTS, max_size=2),
    notes=st.lists(TEXTS, max_size=2),
)
NUMBERS = st.floats(allow_nan=True, allow_infinity=False)
ROWS = st.builds(
    ComparisonRow,
    measure=TEXTS | st.sampled_from(["throughput", "p50 latency", "p99 latency"]),
    unit=st.sampled_from(["s", "answers/s", ""]),
    a=NUMBERS,
    b=NUMBERS,
    ratio=NUMBERS,
    ratio_low=NUMBERS,
    ratio_high=NUMBERS,
    better=st.sampled_from(["a", "b", "no difference shown"]),
)


POINTS = st.builds(ComparisonPoint, TEXTS, COUNTS, st.lists(ROWS, max_size=4))
COMPARISONS = st.builds(
    Comparison, TEXTS, TEXTS, COUNTS, st.lists(ROWS, max_size=4), points=st.lists(POINTS, max_size=3)
)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    measurements = draw(st.lists(MEASUREMENTS, max_size=9))
    indexes = st.none() | st.integers(0, len(measurements) - 1) if measurements else st.none()
    limits = st.floats(1e-9, 1e6)
    return Report(
        command=draw(st.lists(TEXTS, max_size=3)),
        kind=draw(st.sampled_from(["single", "sweep", "search", "compare", "mlperf"])),
        environment=draw(st.dictionaries(TEXTS, TEXTS, max_size=2)),
        model={"name": draw(TEXTS), "inputs": [draw(TEXTS)]},
        measurements=measurements,
        verdicts=draw(st.lists(st.builds(Verdict, TEXTS, TEXTS, TEXTS, st.booleans()), max_size=2)),
        slos=draw(
            st.lists(st.builds(Slo, st.sampled_from(["p99", "p99.9", "mean", "max"]), limits, TEXTS), max_size=2)
        ),
        comparison=draw(st.none() | COMPARISONS),
        knee=draw(indexes),
        found=draw(indexes),
        notes=draw(st.lists(TEXTS, max_size=2)),
    )


# Without shrinking: of reports as large as these it takes minutes and gigabytes.
ANYTHING = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@given(reports())
@ANYTHING
def test_every_report_can_be_told(report: Report) -> None:
    assert html.page(report).endswith("</html>\n")
    Console(file=io.StringIO(), width=80).print(render(report))
    told = json.loads(json.dumps(document.to_json(report), allow_nan=False))
    again = document.from_json(told)
    assert json.dumps(document.to_json(again)) == json.dumps(told)


@given(reports())
@ANYTHING
def test_no_mark_leaves_its_canvas(report: Report) -> None:
    for chart in charts_of(report):
        laid = lay_out(chart)
        for mark in laid.marks:
            places = mark.points if isinstance(mark, Line) else [(mark.x, mark.y)] if isinstance(mark, Dot) else []
            assert all(0 <= x <= WIDTH and 0 <= y <= laid.height for x, y in places), chart.key


@given(reports())
@settings(ANYTHING, max_examples=5)
def test_every_report_can_be_drawn(report: Report) -> None:
    charts = charts_of(report)
    assert drawn(charts[:2], "title", "subtitle").width in (WIDTH * 2, WIDTH * 4)

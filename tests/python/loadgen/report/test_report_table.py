"""What is printed at the end: right numbers, all of them, on terminals of every width."""

import io
import math
import re
from dataclasses import replace

import pytest
import sample_reports
from rich.console import Console

from pyserver_loadgen.measurement import Comparison, Ledger, Measurement, Report, Verdict
from pyserver_loadgen.report.grids import Grid, grids_of
from pyserver_loadgen.report.summary import figures_of, headline, interval_text, notes_of, subtitle_of, title_of
from pyserver_loadgen.report.table import render
from pyserver_loadgen.report.units import seconds_text


def printed(report: Report, width: int = 200) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(render(report))
    return out.getvalue()


def grid_of(report: Report, title: str) -> Grid:
    return next(grid for grid in grids_of(report) if grid.title.startswith(title))


def row_of(report: Report, title: str, number: int = 0) -> dict[str, str]:
    grid = grid_of(report, title)
    return {name: cell.text for name, cell in zip(grid.columns, grid.rows[number], strict=True)}


def test_latencies_and_throughput() -> None:
    report = sample_reports.single()
    measured = report.measurements[0]
    assert row_of(report, "Throughput and latency") == {
        "Setting": "2,000/s",
        "Throughput": f"{measured.throughput:,.0f}/s",
        "Goodput ≤ 15 ms": f"{measured.goodput(0.015):,.0f}/s",
        "Mean": seconds_text(measured.latency.mean_s),
        **{f"p{p:g}": seconds_text(measured.latency.percentile(p)) for p in (50, 90, 95, 99, 99.9)},
        "Max": seconds_text(measured.latency.max_s),
        "Errors": "40",
    }


def test_errors_by_code_with_an_example() -> None:
    assert row_of(sample_reports.single(), "Errors") == {
        "Setting": "2,000/s",
        "Code": "UNAVAILABLE",
        "Requests": "40",
        "Of all": "0.0668 %",
        "For example": "the queue of model 'minilm' is full",
    }


def test_an_open_loop_tells_what_was_due_and_how_late_it_was_sent() -> None:
    row = row_of(sample_reports.single(), "Requests")
    measured = sample_reports.single().measurements[0]
    assert row["Due"] == f"{measured.offered_rate:,.0f}/s"
    assert row["Send lag p99"] == seconds_text(measured.lag.percentile(99))
    assert row["CPU/request"] == "12.0 µs"
    assert "Due" not in row_of(sample_reports.sweep(), "Requests")


def test_the_servers_ledger_and_use() -> None:
    report = sample_reports.single()
    row = row_of(report, "Server's ledger")
    assert row["Receive"] == "9.00 µs"
    assert row["Mean batch"] == "6.00"
    use = row_of(report, "Server")
    assert use["Cores"] == "1.90"
    assert use["Memory"] == "182 MB"
    assert "GPU" not in use


def test_stages_of_the_ledger_come_in_the_order_of_a_request() -> None:
    report = sample_reports.single()
    sums = {"batch_us": 10, "encode_us": 5, "other_us": 1, "preprocess_us": 0, "queue_us": 30, "receive_us": 2}
    windows = [replace(report.measurements[0].windows[0], ledger=Ledger(sums, 1, 1))]
    report.measurements[0] = replace(report.measurements[0], windows=windows)
    grid = grid_of(report, "Server's ledger")
    assert grid.columns == ["Setting", "Receive", "Queue", "Batch", "Encode", "Other", "Mean batch"]


def test_the_comparison_has_ratios_and_intervals() -> None:
    assert row_of(sample_reports.compared(), "A: ") == {
        "Measure": "throughput",
        "A": "1,250/s",
        "B": "980/s",
        "B / A": "0.784×",  # noqa: RUF001
        "95 % interval": "0.771 to 0.797",
        "Outcome": "A is better",
    }
    assert row_of(sample_reports.compared(), "A: ", 3)["Outcome"] == "no difference shown"
    assert row_of(sample_reports.compared(), "A: ", 5)["95 % interval"] == "-"


def test_a_comparison_over_a_sweep_has_a_ratio_for_every_setting() -> None:
    grid = grid_of(sample_reports.compared_sweep(), "A: ")
    told = [tuple(cell.text for cell in row) for row in grid.rows if row[1].text == "throughput"]
    assert grid.columns == ["Setting", "Measure", "A", "B", "B / A", "95 % interval", "Outcome"]
    assert (told[0][0], told[0][4], told[0][6]) == ("1 in flight", "1.02×", "no difference shown")  # noqa: RUF001
    assert told[2][4:] == ("0.700×", "0.679 to 0.721", "A is better")  # noqa: RUF001
    assert len(grid.rows) == 9


def test_an_interval_that_is_beyond_all_sense_is_told_by_its_ends() -> None:
    assert interval_text(7.9e-8, 14_127_173.0) == "below 0.00100 to above 1,000"


def test_verdicts_come_last() -> None:
    text = printed(sample_reports.single())
    assert re.search(r"errors +none +40 UNAVAILABLE +missed\s*$", text)
    assert re.search(r"p99 latency, 2,000/s +≤ 15 ms +13\.2 ms +met", text)


def test_verdicts_that_are_alike_are_one_row() -> None:
    good = [Verdict(f"errors, A {n}", "none", "none", True) for n in range(3)]
    bad = Verdict("errors, B 1", "none", "3 UNAVAILABLE", False)
    rows = grid_of(replace(sample_reports.single(), verdicts=[*good, bad]), "Goals").rows
    assert [[cell.text for cell in row] for row in rows] == [
        ["errors, 3 runs", "none", "none", "met"],
        ["errors, B 1", "none", "3 UNAVAILABLE", "missed"],
    ]


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("name", ["single", "sweep", "compared", "compared_sweep"])
def test_numbers_are_whole_on_terminals_of_every_width(name: str, width: int) -> None:
    report = getattr(sample_reports, name)()
    lines = printed(report, width).splitlines()
    assert max(map(len, lines)) <= width
    for grid in grids_of(report):
        for row in grid.rows:
            for number, cell in enumerate(row):
                if number not in grid.texts:
                    assert any(cell.text in line for line in lines), cell.text


def test_markup_in_texts_is_not_taken_for_markup() -> None:
    report = sample_reports.single()
    report.measurements[0] = replace(report.measurements[0], label="[red]x[/]", notes=["[bold]y"])
    assert "[red]x[/]" in printed(report)
    assert "[bold]y" in printed(report)


def test_sentences_of_servers_cannot_move_the_cursor() -> None:
    report = sample_reports.single()
    report.measurements[0] = replace(
        report.measurements[0], label="a\x1b[2Jb", notes=["\r\x08"], error_examples={"UNAVAILABLE": "\x1b]0;title\x07"}
    )
    assert set(re.findall(r"[\x00-\x09\x0b-\x1f\x7f]", printed(report))) == set()


def test_titles_say_what_was_done_to_whom() -> None:
    assert title_of(sample_reports.sweep()) == "minilm: sweep"
    assert title_of(Report([], "search", {}, {})) == "Highest rate"
    saved = replace(sample_reports.single(), comparison=Comparison("monday.json", "now", 1, []))
    assert title_of(saved) == "minilm: load test, compared with monday.json"
    assert subtitle_of(sample_reports.sweep()) == "127.0.0.1:8001, Predict · 7 settings · 2026-11-21T17:30:00+00:00"
    assert "127.0.0.1:8001, Predict against 127.0.0.1:9001, OIP" in subtitle_of(sample_reports.compared())


def test_the_headline_is_the_answer_to_the_question() -> None:
    sweep = sample_reports.sweep()
    assert headline(sweep) is sweep.measurements[3]
    assert headline(replace(sweep, knee=None)) is sweep.measurements[6]
    assert headline(replace(sweep, kind="search", found=1)) is sweep.measurements[1]
    assert headline(Report([], "single", {}, {})) is None
    found = figures_of(replace(sweep, kind="search", knee=None, found=1))[0]
    assert found.name == "Highest rate within p99=15ms"
    assert found.value == f"{sweep.measurements[1].throughput:.0f}/s"


def test_what_spoils_a_measurement_is_noted() -> None:
    report = sample_reports.single()
    late = [replace(w, lag=sample_reports.histogram([9.0] * w.sent)) for w in report.measurements[0].windows]
    report.measurements[0] = replace(report.measurements[0], windows=late, stable=False, stopped=True, reconnects=2)
    notes = notes_of(report)
    assert any("sent late" in note for note in notes)
    assert any("unstable" in note for note in notes)
    assert any("stopped before its end" in note for note in notes)
    assert any("opened again 2 times" in note for note in notes)
    assert notes_of(sample_reports.single()) == []


def test_without_an_answer_there_are_dashes_and_not_zeros() -> None:
    row = row_of(Report([], "single", {}, {}, [Measurement("x", "t", "s", 2.0)]), "Throughput and latency")
    assert row == {"Setting": "x", "Throughput": "0/s", "Errors": "0"}
    assert math.isnan(Measurement("x", "t", "s", 2.0).latency.percentile(50))

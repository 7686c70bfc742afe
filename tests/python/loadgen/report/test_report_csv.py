"""CSV: one line a measurement or a window, with figures that agree with the report."""

import csv
from pathlib import Path

import pytest
import sample_reports

from pyserver_loadgen.measurement import Measurement, Report
from pyserver_loadgen.report import csv as report_csv


def lines_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_a_line_a_measurement(tmp_path: Path) -> None:
    report = sample_reports.sweep()
    report_csv.write(report, tmp_path / "report.csv")
    lines = lines_of(tmp_path / "report.csv")
    assert [line["label"] for line in lines] == [measured.label for measured in report.measurements]
    for line, measured in zip(lines, report.measurements, strict=True):
        assert float(line["throughput_per_s"]) == pytest.approx(measured.throughput)
        assert float(line["latency_p99_s"]) == pytest.approx(measured.latency.percentile(99))
        assert float(line["latency_p99.9_s"]) == pytest.approx(measured.latency.percentile(99.9))
        assert float(line["latency_max_s"]) == pytest.approx(measured.latency.max_s)
        assert int(line["answered"]) == measured.succeeded
        assert int(line["concurrency"]) == measured.concurrency
        assert line["rate_per_s"] == ""
        assert float(line["server_mean_batch"]) == 5.8


def test_columns_name_their_units(tmp_path: Path) -> None:
    report_csv.write(sample_reports.single(), tmp_path / "report.csv")
    (line,) = lines_of(tmp_path / "report.csv")
    no_units = {"label", "target", "schedule", "connections", "threads", "concurrency", "sent", "answered", "failed"}
    no_units |= {"lost", "errors", "reconnects", "server_mean_batch", "ledger_mean_batch", "stable", "stopped"}
    for name in set(line) - no_units:
        assert name.endswith(("_s", "_per_s", "_bytes", "_percent")), name


def test_errors_are_told_by_code(tmp_path: Path) -> None:
    report_csv.write(sample_reports.single(), tmp_path / "report.csv")
    assert lines_of(tmp_path / "report.csv")[0]["errors"] == "UNAVAILABLE=40"


def test_a_line_a_window(tmp_path: Path) -> None:
    report = sample_reports.compared()
    report_csv.write_windows(report, tmp_path / "windows.csv")
    lines = lines_of(tmp_path / "windows.csv")
    assert len(lines) == sum(len(measured.windows) for measured in report.measurements)
    assert [line["label"] for line in lines[:11]] == ["A 1"] * 10 + ["B 1"]
    assert sum(int(line["answered"]) for line in lines) == sum(m.succeeded for m in report.measurements)
    window = report.measurements[0].windows[4]
    assert float(lines[4]["start_s"]) == pytest.approx(window.start_s)
    assert float(lines[4]["latency_p50_s"]) == pytest.approx(window.latency.percentile(50))


def test_a_line_a_ratio(tmp_path: Path) -> None:
    report_csv.write_ratios(sample_reports.compared_sweep(), tmp_path / "ratios.csv")
    lines = lines_of(tmp_path / "ratios.csv")
    assert [line["setting"] for line in lines] == [f"{n} in flight" for n in (1, 1, 1, 8, 8, 8, 64, 64, 64)]
    assert (lines[0]["measure"], lines[0]["unit"], lines[0]["rounds"]) == ("throughput", "answers/s", "2")
    last = lines[-3]
    assert [float(last[name]) for name in ("ratio", "ratio_low", "ratio_high")] == pytest.approx([0.7, 0.679, 0.721])
    assert last["better"] == "a"
    report_csv.write_ratios(sample_reports.compared(), tmp_path / "ratios.csv")
    assert [line["setting"] for line in lines_of(tmp_path / "ratios.csv")] == [""] * 6


def test_separators_in_labels_stay_in_their_field(tmp_path: Path) -> None:
    hostile = 'a,"b"\r\nc;d'
    report = Report([], "single", {}, {}, [Measurement(hostile, "x", "y", 1.0)])
    report_csv.write(report, tmp_path / "report.csv")
    (line,) = lines_of(tmp_path / "report.csv")
    assert line["label"] == hostile


def test_what_is_not_known_is_empty(tmp_path: Path) -> None:
    report = Report([], "single", {}, {}, [Measurement("none", "x", "y", 1.0)])
    report_csv.write(report, tmp_path / "report.csv")
    (line,) = lines_of(tmp_path / "report.csv")
    assert {line[name] for name in ("latency_p99_s", "lag_max_s", "server_cpu_s", "stable", "rate_per_s")} == {""}
    assert line["stopped"] == "false"


def test_a_report_without_measurements_has_the_columns(tmp_path: Path) -> None:
    report_csv.write(Report([], "single", {}, {}), tmp_path / "report.csv")
    text = (tmp_path / "report.csv").read_text(encoding="utf-8")
    assert text.startswith("label,target,schedule,")
    assert text.count("\n") == 1

"""A report as JSON: nothing is lost on the way there and back, and the document is the one that docs/ describes."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sample_reports

from pyserver.errors import ConfigError
from pyserver_loadgen.measurement import Report
from pyserver_loadgen.report import document

ROOT = Path(__file__).parents[4]


@pytest.fixture(params=["single", "sweep", "compared"])
def report(request: pytest.FixtureRequest) -> Report:
    made: Report = getattr(sample_reports, request.param)()
    return made


def without_nan(report: Report) -> Report:
    """NaN is unlike itself, so that a comparison with it would fail."""
    if report.comparison is None:
        return report
    rows = [row for row in report.comparison.rows if math.isfinite(row.ratio_low)]
    return replace(report, comparison=replace(report.comparison, rows=rows))


def keys_of(told: Any, names: frozenset[str]) -> Iterator[str]:
    """Every key of a document; of objects whose keys are data (codes, names), only that they are there."""
    if isinstance(told, dict):
        for name, value in told.items():
            yield name
            if name not in names:
                yield from keys_of(value, names)
    elif isinstance(told, list):
        for value in told:
            yield from keys_of(value, names)


def test_a_report_comes_back_as_it_was(report: Report, tmp_path: Path) -> None:
    document.write(without_nan(report), tmp_path / "report.json")
    assert document.read(tmp_path / "report.json") == without_nan(report)


def test_what_is_no_number_is_null_and_comes_back() -> None:
    report = sample_reports.compared()
    told = json.loads(json.dumps(document.to_json(report), allow_nan=False))
    assert told["comparison"]["rows"][-1]["ratio_low"] is None
    back = document.from_json(told)
    assert back.comparison is not None
    assert math.isnan(back.comparison.rows[-1].ratio_low)


def test_results_are_those_of_the_measurement(report: Report) -> None:
    told = document.to_json(report)
    for measured, written in zip(report.measurements, told["measurements"], strict=True):
        results = written["results"]
        assert results["throughput_per_s"] == measured.throughput
        assert results["latency_s"]["p99"] == measured.latency.percentile(99)
        assert results["answered"] == measured.succeeded
        assert results["errors"] == measured.errors
        assert results["goodput_per_s"] == {slo.text: measured.goodput(slo.limit_s) for slo in report.slos}


def test_keys_that_are_not_known_are_passed_over() -> None:
    told = document.to_json(sample_reports.sweep())
    told["future"] = 1
    told["measurements"][0]["windows"][0]["future"] = [1]
    assert document.from_json(told) == sample_reports.sweep()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["format"], "other", r'"format": "pyserver-load-report"'),
        (["version"], 2, r"version 2: this program reads version 1"),
        (["kind"], "fast", r"report\.kind: expected one of single, sweep"),
        (["measurements"], {}, r"report\.measurements: expected a list"),
        (["measurements", 0, "label"], 7, r"report\.measurements\[0\]\.label: expected a text, not 7"),
        (["measurements", 0, "connections"], True, r"connections: expected a whole number, not True"),
        (["measurements", 0, "connections"], 1.5, r"connections: expected a whole number, not 1\.5"),
        (
            ["measurements", 1, "windows", 2, "latency", "buckets"],
            [[1, 2, 3]],
            r"\[1\]\.windows\[2\]\.latency",
        ),
        (["measurements", 0, "windows", 0, "latency", "buckets"], [[10**9, 1]], r"a bucket below"),
        (["measurements", 0, "windows", 0, "latency", "buckets"], [[-1, 1]], r"a bucket below"),
        (["measurements", 0, "windows", 0, "latency", "buckets"], [[1, 10**30]], r"and a count"),
        (["measurements", 0, "windows", 0, "latency"], None, r"latency: expected an object, not None"),
        (["environment", "date"], 1, r"report\.environment\.date: expected a text"),
        (["knee"], 99, r"report\.knee: there is no measurement 99"),
    ],
)
def test_what_is_wrong_is_named(path: list[Any], value: Any, message: str) -> None:
    told = document.to_json(sample_reports.sweep())
    inner: Any = told
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(ConfigError, match=message):
        document.from_json(told)


def test_a_missing_key_is_named() -> None:
    told = document.to_json(sample_reports.sweep())
    del told["measurements"][3]["target"]
    with pytest.raises(ConfigError, match=r"report\.measurements\[3\]\.target: missing"):
        document.from_json(told)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"format": "pyserver-load-report"', "null", "\udc80"])
def test_a_file_that_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=r"other\.json: "):
        document.read(file)


def test_the_guide_describes_every_key() -> None:
    guide = (ROOT / "docs" / "load_generator.md").read_text(encoding="utf-8")
    schema = guide[guide.index("## The JSON document") :]
    described = set(re.findall(r"`([a-zA-Z_0-9.]+)`", schema))
    data = frozenset({"environment", "model", "errors", "error_examples", "sums_us", "goodput_per_s"})
    written: set[str] = set()
    for name in ("single", "sweep", "compared", "compared_sweep"):
        written |= set(keys_of(document.to_json(getattr(sample_reports, name)()), data))
    assert written - described == set()
    # And nothing that no document has. The table's first column holds the keys.
    rows = re.findall(r"^\| `([a-zA-Z_0-9.]+)`", schema, re.MULTILINE)
    assert set(rows) - written == set()


def test_the_guide_names_the_version() -> None:
    guide = (ROOT / "docs" / "load_generator.md").read_text(encoding="utf-8")
    assert f"`version` is {document.VERSION}" in guide

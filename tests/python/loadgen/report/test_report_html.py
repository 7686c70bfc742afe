"""The HTML page: one file that asks for nothing, says all that was measured, and takes hostile texts for texts."""

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sample_reports

from pyserver_loadgen.measurement import Report
from pyserver_loadgen.report import html
from pyserver_loadgen.report.figures import charts_of
from pyserver_loadgen.report.grids import grids_of

HOSTILE = """</title></script><script>alert('x')</script><img src=x onerror="alert(1)">&lt;"""
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Collects elements, attributes and texts; says where elements are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attributes]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, text: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(text)


@pytest.fixture(params=["single", "sweep", "compared"])
def report(request: pytest.FixtureRequest) -> Report:
    made: Report = getattr(sample_reports, request.param)()
    return made


def hostile_report() -> Report:
    report = sample_reports.single()
    report.measurements[0] = replace(
        report.measurements[0],
        label=HOSTILE,
        target=HOSTILE,
        schedule=HOSTILE,
        error_examples={"UNAVAILABLE": HOSTILE},
        notes=[HOSTILE],
    )
    report.command = ["pyserver", "bench", HOSTILE]
    report.environment[HOSTILE] = HOSTILE
    report.model = {"name": HOSTILE, HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}]}
    return report


def test_elements_are_closed_in_order(report: Report) -> None:
    page = Page(html.page(report))
    assert page.wrong == []
    assert page.open == []


def test_the_page_asks_for_nothing(report: Report) -> None:
    text = html.page(report)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    page = Page(text)
    asking = {"src", "href", "srcset", "action", "data", "poster", "xlink:href", "background"}
    assert [found for found in page.attributes if found[1] in asking] == [("link", "href", "data:,")]
    assert page.elements.keys().isdisjoint({"iframe", "object", "embed", "img", "base", "form"})
    assert page.elements["script"] == 1
    policies = [value for tag, name, value in page.attributes if tag == "meta" and value.startswith("default-src")]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none';")


def test_every_chart_is_there_with_its_titles_units_and_legend(report: Report) -> None:
    page = Page(html.page(report))
    charts = charts_of(report)
    assert page.elements["svg"] == len(charts) == page.elements["figure"]
    for chart in charts:
        wanted = [chart.title, chart.summary, chart.x.title, chart.y.title]
        legend = [series.name for series in chart.series if series.name]
        wanted += legend if len(legend) > 1 else []
        for text in filter(None, wanted):
            assert text in page.texts, (chart.key, text)


def test_every_cell_of_every_table_is_there(report: Report) -> None:
    page = Page(html.page(report))
    for grid in grids_of(report):
        assert grid.title in page.texts
        for text in [*grid.columns, *(cell.text for row in grid.rows for cell in row if cell.text)]:
            assert text in page.texts


def test_the_exact_command_and_the_environment_are_there() -> None:
    report = replace(sample_reports.sweep(), command=["pyserver", "bench", "a model", "--slo", "p99=15ms", "$HOME"])
    texts = Page(html.page(report)).texts
    assert "pyserver bench 'a model' --slo p99=15ms '$HOME'" in texts
    for name, told in report.environment.items():
        assert name in texts
        assert told in texts


def test_points_tell_their_values_without_a_script() -> None:
    page = Page(html.page(sample_reports.sweep()))
    knee = sample_reports.sweep().measurements[3]
    tips = [text for text in page.texts if text.startswith("8 in flight\n") and "/s\np99" in text]
    assert len(tips) == 1
    assert f"{knee.throughput:,.0f}/s" in tips[0]


def test_hostile_texts_stay_texts() -> None:
    report = hostile_report()
    page = Page(html.page(report))
    assert page.wrong == []
    assert page.elements["script"] == 1
    assert page.elements["img"] == 0
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert HOSTILE in page.texts


def test_the_page_is_written_as_utf_8(tmp_path: Path) -> None:
    report = replace(sample_reports.single(), model={"name": "modèle ✓"})
    html.write(report, tmp_path / "report.html")
    assert "modèle ✓" in (tmp_path / "report.html").read_bytes().decode("utf-8")


def test_a_report_without_an_answer_still_has_a_page() -> None:
    page = Page(html.page(Report(["pyserver", "bench"], "single", {}, {})))
    assert page.wrong == []
    assert page.elements["svg"] == 0
    assert "nothing was answered" in page.texts


def test_pages_stay_small_enough_to_be_sent() -> None:
    report = sample_reports.sweep()
    for number, measured in enumerate(report.measurements):
        long = sample_reports.measurement("x", 50, 5, seconds=600, seed=number)
        measured.windows[:] = long.windows
    assert len(html.page(report)) < 1_500_000

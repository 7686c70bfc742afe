"""The picture: it opens, shows every chart, and every series in its colour."""

from dataclasses import replace
from pathlib import Path

import pytest
import sample_reports
from PIL import Image, ImageColor, ImageFont

from pyserver_loadgen.measurement import Report
from pyserver_loadgen.report import png
from pyserver_loadgen.report.figures import charts_of
from pyserver_loadgen.report.layout import WIDTH, Dot, lay_out
from pyserver_loadgen.report.palette import LIGHT


@pytest.fixture(params=["single", "sweep", "compared"])
def report(request: pytest.FixtureRequest) -> Report:
    made: Report = getattr(sample_reports, request.param)()
    return made


def colours_of(picture: Image.Image) -> set[tuple[int, ...]]:
    found = picture.convert("RGB").getcolors(maxcolors=1 << 24) or []
    return {colour for _, colour in found if isinstance(colour, tuple)}


def test_it_opens_and_shows_every_series(report: Report, tmp_path: Path) -> None:
    png.write(report, tmp_path / "report.png")
    with Image.open(tmp_path / "report.png") as picture:
        assert picture.format == "PNG"
        assert picture.width == 2 * WIDTH * png.SCALE
        colours = colours_of(picture)
    for chart in charts_of(report):
        for series in chart.series:
            assert ImageColor.getrgb(LIGHT[series.tone]) in colours, (chart.key, series.tone)
    assert ImageColor.getrgb(LIGHT["ink"]) in colours


def test_points_are_drawn_where_they_lie() -> None:
    chart = next(chart for chart in charts_of(sample_reports.sweep()) if chart.key == "throughput-latency")
    picture = png.drawn([chart], "title", "subtitle")
    dots = [mark for mark in lay_out(chart).marks if isinstance(mark, Dot) and mark.tone == "s1" and mark.y > 70]
    assert len(dots) == 7
    top = picture.height / png.SCALE - lay_out(chart).height - 12
    for dot in dots:
        place = round(dot.x * png.SCALE), round((top + dot.y) * png.SCALE)
        assert picture.getpixel(place) == ImageColor.getrgb(LIGHT["s1"])


def test_without_the_font_another_one_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = ImageFont.load_default(20)

    def missing(*_: object, **__: object) -> ImageFont.FreeTypeFont:
        raise OSError("cannot open resource")

    # Pillow's own font comes through truetype as well; it was loaded before.
    monkeypatch.setattr(ImageFont, "truetype", missing)
    monkeypatch.setattr(ImageFont, "load_default", lambda _: own)
    report = replace(sample_reports.single(), model={"name": "µ ≥"})
    png.write(report, tmp_path / "report.png")
    with Image.open(tmp_path / "report.png") as picture:
        assert ImageColor.getrgb(LIGHT["ink"]) in colours_of(picture)


def test_labels_that_no_font_has_do_not_stop_it(tmp_path: Path) -> None:
    report = sample_reports.sweep()
    report.measurements[0] = replace(report.measurements[0], label="漢字 \x00\n\u202e")
    png.write(report, tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 10_000


def test_a_report_without_an_answer_is_a_title(tmp_path: Path) -> None:
    png.write(Report([], "single", {}, {}), tmp_path / "report.png")
    with Image.open(tmp_path / "report.png") as picture:
        assert picture.height < 200
        assert ImageColor.getrgb(LIGHT["ink"]) in colours_of(picture)

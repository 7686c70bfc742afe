"""Draws a report's charts into one PNG, with Pillow: the same charts, laid out as in the page, on white."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pyserver.errors import one_line
from pyserver_loadgen.measurement import Report
from pyserver_loadgen.report.charts import Chart
from pyserver_loadgen.report.figures import charts_of
from pyserver_loadgen.report.layout import WIDTH, Box, Dot, Line, Mark, Words, dot_corners, lay_out
from pyserver_loadgen.report.palette import LIGHT, PAPER
from pyserver_loadgen.report.summary import subtitle_of, title_of

SCALE = 2  # pixels of the picture for a point of the canvas
# Pillow draws lines without smoothing: they are drawn larger and reduced.
_OVERSAMPLE = 2
_DASH = (5.0, 4.0)
_HEADER = 72.0
_GUTTER = 12.0
# Has the letters that we write. Pillow's own font, used where it is not installed, lacks some; others stand in.
_FONTS = {False: "DejaVuSans.ttf", True: "DejaVuSans-Bold.ttf"}
_STAND_INS = str.maketrans({"µ": "u", "\N{MULTIPLICATION SIGN}": "x", "≥": ">=", "≤": "<=", "→": "->"})

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def write(report: Report, file: str | os.PathLike[str]) -> None:
    """Writes the picture. Raises OSError."""
    picture = drawn(charts_of(report), title_of(report), subtitle_of(report) or "nothing was measured")
    with Path(file).open("wb") as out:
        picture.save(out, "PNG", optimize=True)


def drawn(charts: Sequence[Chart], title: str, subtitle: str) -> Image.Image:
    """The charts two by two, below a title. There may be none."""
    laid = [lay_out(chart) for chart in charts]
    columns = 2 if len(laid) > 1 else 1
    rows = [laid[first : first + columns] for first in range(0, len(laid), columns)]
    height = _HEADER + sum(max(one.height for one in row) + _GUTTER for row in rows)
    picture = Image.new("RGB", (round(columns * WIDTH * SCALE), round(height * SCALE)), PAPER)
    _paste(picture, 0, 0, columns * WIDTH, _HEADER, _header(title, subtitle))
    top = _HEADER
    for row in rows:
        for column, one in enumerate(row):
            _paste(picture, column * WIDTH, top, WIDTH, one.height, one.marks)
        top += max(one.height for one in row) + _GUTTER
    return picture


def _header(title: str, subtitle: str) -> list[Mark]:
    return [Words(16, 34, title, 22, bold=True), Words(16, 58, subtitle, 13, "muted")]


def _paste(picture: Image.Image, left: float, top: float, width: float, height: float, marks: Sequence[Mark]) -> None:
    brush = _Brush(width, height)
    for mark in marks:
        brush.draw(mark)
    picture.paste(brush.reduced(), (round(left * SCALE), round(top * SCALE)))


class _Brush:
    """A canvas on which marks are drawn."""

    def __init__(self, width: float, height: float) -> None:
        self._k = SCALE * _OVERSAMPLE
        self._image = Image.new("RGB", (round(width * self._k), round(height * self._k)), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def reduced(self) -> Image.Image:
        """At the size in which it is shown."""
        return self._image.reduce(_OVERSAMPLE)

    def draw(self, mark: Mark) -> None:
        """Draws one mark over the others."""
        if isinstance(mark, Line):
            self._line(mark)
        elif isinstance(mark, Box):
            corners = [self._px(mark.x, mark.y), self._px(mark.x + mark.width, mark.y + mark.height)]
            self._draw.rectangle(corners, fill=LIGHT[mark.tone])
        elif isinstance(mark, Dot):
            self._dot(mark)
        else:
            self._words(mark)

    def _px(self, x: float, y: float) -> tuple[float, float]:
        return x * self._k, y * self._k

    def _line(self, line: Line) -> None:
        width = max(1, round(line.width * self._k))
        for part in _dashes(line.points) if line.dashed else [line.points]:
            self._draw.line([self._px(x, y) for x, y in part], fill=LIGHT[line.tone], width=width, joint="curve")

    def _dot(self, dot: Dot) -> None:
        if dot.hidden:
            return
        colour = LIGHT[dot.tone]
        if dot.shape != "circle":
            self._draw.polygon([self._px(x, y) for x, y in dot_corners(dot)], fill=colour)
            return
        corners = [
            self._px(dot.x - dot.radius, dot.y - dot.radius),
            self._px(dot.x + dot.radius, dot.y + dot.radius),
        ]
        if dot.open:
            self._draw.ellipse(corners, outline=colour, width=round(1.5 * self._k))
        else:
            self._draw.ellipse(corners, fill=colour)

    def _words(self, words: Words) -> None:
        font, text = _font(words.size * self._k, words.bold, words.text)
        across = {"start": "l", "middle": "m", "end": "r"}[words.anchor]
        if not words.turned:
            halo = round(2 * self._k) if words.halo else 0
            place, anchor = self._px(words.x, words.y), f"{across}s"
            self._draw.text(place, text, LIGHT[words.tone], font, anchor, stroke_width=halo, stroke_fill=PAPER)
            return
        # On a strip of its own, turned, and laid over the canvas.
        length, high = round(self._draw.textlength(text, font)) + 4, round(words.size * self._k * 1.5)
        strip = Image.new("L", (length, high), 0)
        ImageDraw.Draw(strip).text((length / 2, high * 0.75), text, 255, font, "ms")
        turned = strip.rotate(90, expand=True)
        x, y = self._px(words.x, words.y)
        self._image.paste(LIGHT[words.tone], (round(x - high * 0.75), round(y - length / 2)), turned)


def _font(size: float, bold: bool, text: str) -> tuple[Font, str]:
    text = one_line(text)
    try:
        # Basic layout: the other one is not in every Pillow, and refuses some texts.
        return ImageFont.truetype(_FONTS[bold], size, layout_engine=ImageFont.Layout.BASIC), text
    except OSError:
        return ImageFont.load_default(size), text.translate(_STAND_INS)


def _dashes(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """The parts of a polyline that are drawn; dashes go on round the corners."""
    parts: list[list[tuple[float, float]]] = []
    drawing, left = True, _DASH[0]
    part = [points[0]]
    for (ax, ay), (bx, by) in pairwise(points):
        length = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5
        done = 0.0
        while length - done > left:
            done += left
            place = (ax + (bx - ax) * done / length, ay + (by - ay) * done / length)
            if drawing:
                parts.append([*part, place])
            part = [place]
            drawing = not drawing
            left = _DASH[0] if drawing else _DASH[1]
        left -= length - done
        if drawing:
            part.append((bx, by))
    if drawing and len(part) > 1:
        parts.append(part)
    return parts

"""Draws a laid-out chart as SVG that lies in an HTML page.

Colours are CSS classes, so that the page decides about light and dark. Whatever came from outside is escaped. Tips are
`<title>` elements, which browsers show without a script.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from pyserver.errors import one_line
from pyserver_loadgen.report.charts import Chart
from pyserver_loadgen.report.layout import WIDTH, Box, Dot, Layout, Line, Mark, dot_corners, lay_out

_DASHES = "5 4"


def svg(chart: Chart) -> str:
    """The chart as one `<svg>` element."""
    laid = lay_out(chart)
    return "".join(_element(laid))


def _element(laid: Layout) -> Iterable[str]:
    chart = laid.chart
    label, size = escape(f"{chart.title}. {chart.summary}"), f"{_n(WIDTH)} {_n(laid.height)}"
    yield f'<svg id="{escape(chart.key)}" viewBox="0 0 {size}" role="img" aria-label="{label}">\n'
    for mark in laid.marks:
        yield _drawn(mark) + "\n"
    yield "</svg>"


def _drawn(mark: Mark) -> str:
    if isinstance(mark, Line):
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in mark.points)
        dashes = f' stroke-dasharray="{_DASHES}"' if mark.dashed else ""
        return f'<polyline class="line {mark.tone}" points="{points}" stroke-width="{_n(mark.width)}"{dashes}/>'
    if isinstance(mark, Box):
        place = f'x="{_n(mark.x)}" y="{_n(mark.y)}" width="{_n(mark.width)}" height="{_n(mark.height)}"'
        return f'<rect class="fill {mark.tone}{_hover(mark.tip)}" {place}>{_tip(mark.tip)}</rect>'
    if isinstance(mark, Dot):
        return _dot(mark)
    turn = f' transform="rotate(-90 {_n(mark.x)} {_n(mark.y)})"' if mark.turned else ""
    weight = ' font-weight="600"' if mark.bold else ""
    place = f'x="{_n(mark.x)}" y="{_n(mark.y)}" font-size="{_n(mark.size)}" text-anchor="{mark.anchor}"'
    halo = " halo" if mark.halo else ""
    return f'<text class="fill {mark.tone}{halo}" {place}{weight}{turn}>{escape(one_line(mark.text))}</text>'


def _dot(dot: Dot) -> str:
    kind = f"{'ring' if dot.open else 'fill'} {dot.tone}{_hover(dot.tip)}{' hidden' if dot.hidden else ''}"
    x, y, r = dot.x, dot.y, dot.radius
    if dot.shape == "circle":
        return f'<circle class="{kind}" cx="{_n(x)}" cy="{_n(y)}" r="{_n(r)}">{_tip(dot.tip)}</circle>'
    corners = dot_corners(dot)
    points = " ".join(f"{_n(a)},{_n(b)}" for a, b in corners)
    return f'<polygon class="{kind}" points="{points}">{_tip(dot.tip)}</polygon>'


def _hover(tip: str) -> str:
    return " tip" if tip else ""


def _tip(tip: str) -> str:
    lines = "\n".join(one_line(line) for line in tip.split("\n"))
    return f"<title>{escape(lines)}</title>" if tip else ""


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")

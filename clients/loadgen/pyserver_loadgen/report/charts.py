"""What a chart is: titled axes, series of values, and what is pointed out. layout.py says where it all goes.

Colours are named by tone: "ink", "muted", "grid", "bad", "s0" … "s7" (series to be told apart), "r0" … "r6" (series
that have an order).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pyserver_loadgen.report.scales import Scale

# "line": from value to value, without dots; "points": the same with dots; "steps" and "bars": a value begins at its x
# and holds up to the next one's, and the last only says where the one before ends; "interval": dots, and a line from
# low to high; "spans": a bar from low to high.
Style = Literal["line", "points", "steps", "bars", "interval", "spans"]
MarkerShape = Literal["circle", "square", "diamond"]


@dataclass(frozen=True)
class Point:
    """A value of a series. `tip` is told when the pointer is over it, `label` always."""

    x: float
    y: float
    tip: str = ""
    label: str = ""
    low: float | None = None  # of an interval along x
    high: float | None = None
    tone: str = ""  # where it differs from its series'


@dataclass(frozen=True)
class Series:
    """Values that belong together. One without a name is not in the legend."""

    name: str
    tone: str
    points: Sequence[Point]
    style: Style = "line"
    dashed: bool = False
    shape: MarkerShape = "circle"
    # Points to hover over that are not drawn; those that are drawn have their own tips.
    stops: Sequence[Point] = ()


@dataclass(frozen=True)
class Rule:
    """A line across the plot at a value of one axis, with its name."""

    axis: Literal["x", "y"]
    value: float
    text: str
    tone: str = "muted"


@dataclass(frozen=True)
class Ring:
    """Marks one point as special."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Axis:
    """Title with the unit, and the scale."""

    title: str
    scale: Scale
    grid: bool = True


@dataclass(frozen=True)
class Chart:
    """A plot with its titles. `key` names it in the page; `summary` says in a sentence what there is to see."""

    key: str
    title: str
    summary: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    rules: Sequence[Rule] = ()
    rings: Sequence[Ring] = ()
    rows: int | None = None  # a vertical axis of so many categories

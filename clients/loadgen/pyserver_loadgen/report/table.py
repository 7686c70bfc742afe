"""What a report says on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pyserver.errors import one_line
from pyserver_loadgen.measurement import Report
from pyserver_loadgen.report.grids import Cell, Grid, grids_of
from pyserver_loadgen.report.summary import notes_of, subtitle_of, title_of

_STYLES = {"": "", "good": "green", "bad": "bold red"}
_BETWEEN = 3  # columns of the terminal between those of a table
_EDGES = 2


def render(report: Report) -> Group:
    """Everything that `pyserver bench` prints at its end, for rich's Console.print."""
    parts: list[RenderableType] = [_line(title_of(report), "bold"), _line(subtitle_of(report), "dim"), Text()]
    for grid in grids_of(report):
        parts += [_line(grid.title, "bold"), Fitted(grid)]
    parts += [_line(f"Note: {note}") for note in notes_of(report)]
    return Group(*parts)


def _line(text: str, style: str = "") -> Text:
    # No markup, and nothing that moves the cursor: labels, codes and sentences come from elsewhere.
    return Text(one_line(text), style=style)


@dataclass(frozen=True)
class Fitted:
    """A grid as one table, or as several below each other where the terminal is too narrow.

    Numbers are never folded; each table begins with the first column.
    """

    grid: Grid

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for columns in columns_that_fit(self.grid, options.max_width):
            yield _table(self.grid, columns)


def columns_that_fit(grid: Grid, width: int) -> list[list[int]]:
    """The columns of every table. Columns of text can be folded, and so take the room that is left."""
    widths = [
        max(cell_len(text) for text in (name, *(row[n].text for row in grid.rows)))
        for n, name in enumerate(grid.columns)
    ]
    tables = [[0]]
    used = first = _EDGES + widths[0]
    for number in range(1, len(widths)):
        if number in grid.texts:
            tables[-1].append(number)
            continue
        if used + _BETWEEN + widths[number] > width and len(tables[-1]) > 1:
            tables.append([0])
            used = first
        tables[-1].append(number)
        used += _BETWEEN + widths[number]
    return tables


def _table(grid: Grid, columns: Sequence[int]) -> Table:
    made = Table(box=box.SIMPLE, pad_edge=False)
    for number in columns:
        text = number in grid.texts
        made.add_column(grid.columns[number], justify="left" if text else "right", overflow="fold", no_wrap=not text)
    for row in grid.rows:
        made.add_row(*(_text(row[number]) for number in columns))
    return made


def _text(cell: Cell) -> Text:
    return Text(cell.text, style=_STYLES[cell.tone])

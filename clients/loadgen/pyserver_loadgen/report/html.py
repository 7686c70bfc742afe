"""Writes a report as one HTML file that needs nothing else: it asks no server for anything, and prints well.

Its policy forbids browsers every request. Whatever came from outside (labels, codes, error sentences, names) is
escaped.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path

from pyserver_loadgen.measurement import Report
from pyserver_loadgen.report.figures import charts_of
from pyserver_loadgen.report.grids import Cell, Grid, grids_of
from pyserver_loadgen.report.palette import DARK, DARK_PAPER, LIGHT, PAPER
from pyserver_loadgen.report.summary import figures_of, notes_of, subtitle_of, title_of
from pyserver_loadgen.report.svg import svg

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_CLASSES = {"": "", "good": "good", "bad": "bad-news"}
# Beside the charts' tones: the page behind the cards, and good news.
_LIGHT_PAGE = {"paper": PAPER, "ground": "#f5f6f8", "good": "#0b7a53"}
_DARK_PAGE = {"paper": DARK_PAPER, "ground": "#0d0f13", "good": "#4fd1a1"}


def write(report: Report, file: str | os.PathLike[str]) -> None:
    """Writes the page. Raises OSError."""
    Path(file).write_text(page(report), encoding="utf-8")


def page(report: Report) -> str:
    """The page's text."""
    return "\n".join(_page(report)) + "\n"


def _page(report: Report) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">'
    yield f"<title>{escape(title_of(report))}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n<main>"
    yield f'<header><h1>{escape(title_of(report))}</h1>\n<p class="subtitle">{escape(subtitle_of(report))}</p></header>'
    yield from _figures(report)
    yield from _section("Notes", _notes(report))
    yield from _section("Charts", _charts(report))
    yield from _section("Tables", _tables(report))
    yield from _section("How this was measured", _about(report))
    yield "<footer>Written by <code>pyserver bench</code>. Latencies count from when a request was due.</footer>"
    yield f'</main>\n<div id="told" role="status"></div>\n<script>\n{_resource("page.js")}</script>\n</body>\n</html>'


def _style() -> str:
    light = {**LIGHT, **_LIGHT_PAGE}
    dark = {**DARK, **_DARK_PAGE}
    # Paper is white, whatever the screen is.
    on_dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(dark)} }} }}"
    tones = "\n".join(f".{tone} {{ --tone: var(--{tone}); }}" for tone in LIGHT)
    return f":root {{ {_variables(light)} }}\n{on_dark}\n{tones}\n{_resource('page.css')}"


def _variables(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _section(title: str, parts: Iterable[str]) -> Iterator[str]:
    inside = list(parts)
    if inside:
        yield f"<section><h2>{escape(title)}</h2>"
        yield from inside
        yield "</section>"


def _figures(report: Report) -> Iterator[str]:
    yield '<dl class="figures">'
    for figure in figures_of(report):
        kind = f"value {_CLASSES[figure.tone]}".strip()
        yield f'<div><dt>{escape(figure.name)}</dt><dd class="{kind}">{escape(figure.value)}</dd>'
        yield f'<dd class="detail">{escape(figure.detail)}</dd></div>'
    yield "</dl>"


def _notes(report: Report) -> Iterator[str]:
    notes = notes_of(report)
    if notes:
        yield '<div class="card"><ul>'
        yield from (f"<li>{escape(note)}</li>" for note in notes)
        yield "</ul></div>"


def _charts(report: Report) -> Iterator[str]:
    charts = charts_of(report)
    if charts:
        yield '<div class="charts">'
        yield from (f"<figure>{svg(chart)}</figure>" for chart in charts)
        yield "</div>"


def _tables(report: Report) -> Iterator[str]:
    # A page is read from its top.
    grids = sorted(grids_of(report), key=lambda grid: not grid.answer)
    if grids:
        yield '<div class="tables">'
        yield from (f'<div class="card">{_table(grid)}</div>' for grid in grids)
        yield "</div>"


def _table(grid: Grid) -> str:
    head = "".join(f"<th{_set(grid, n)}>{escape(name)}</th>" for n, name in enumerate(grid.columns))
    rows = "\n".join(
        "<tr>" + "".join(_cell(grid, n, cell) for n, cell in enumerate(row)) + "</tr>" for row in grid.rows
    )
    return (
        f"<table><caption>{escape(grid.title)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>"
    )


def _set(grid: Grid, column: int) -> str:
    return ' class="text"' if column in grid.texts else ""


def _cell(grid: Grid, column: int, cell: Cell) -> str:
    text = escape(cell.text)
    said = f'<span class="{_CLASSES[cell.tone]}">{text}</span>' if cell.tone else text
    return f"<td{_set(grid, column)}>{said}</td>"


def _about(report: Report) -> Iterator[str]:
    yield '<div class="about">'
    yield f'<div class="card"><pre>{escape(shlex.join(report.command))}</pre></div>'
    for title, facts in (("Environment", report.environment), ("Model", report.model)):
        if facts:
            rows = "\n".join(
                f"<tr><td>{escape(name)}</td><td>{escape(_text(told))}</td></tr>" for name, told in facts.items()
            )
            yield f'<div class="card"><table><caption>{title}</caption><tbody>{rows}</tbody></table></div>'
    yield "</div>"


def _text(told: object) -> str:
    if isinstance(told, Mapping):
        return "; ".join(f"{name}: {_text(value)}" for name, value in told.items())
    if isinstance(told, list | tuple):
        return ", ".join(_text(each) for each in told)
    return str(told)

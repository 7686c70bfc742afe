"""How tables look, on a terminal and in a pipe."""

import sys
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Wide enough that no row is folded where no terminal says how wide it is.
_PIPE_WIDTH = 1000


class PlainTable(Table):
    """A table whose cells are texts as they are, without rich's markup."""

    def add_row(self, *cells: object, **_: object) -> None:
        """Adds a row of texts."""
        super().add_row(*(Text(str(cell)) for cell in cells))


def table(*columns: str) -> PlainTable:
    """An empty table with these columns."""
    made = PlainTable(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def console() -> Console:
    """Writes to stdout; lines are only folded on a terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def shape_text(shape: Iterable[int]) -> str:
    """`[-1, 3]`, and `scalar` for no dimensions."""
    sizes = list(shape)
    return f"[{', '.join(str(size) for size in sizes)}]" if sizes else "scalar"

"""`pyserver inspect`."""

from pathlib import Path
from typing import Annotated

import typer

from pyserver.cli.exit_codes import EPILOG
from pyserver.cli.tables import console, shape_text, table

_HELP = """Show what a model file takes and gives, and whether it batches. Nothing is compiled or served.

Example: `pyserver inspect model.onnx`
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("inspect", help=_HELP, epilog=EPILOG)(inspect)


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model file, or a SavedModel folder.")],
) -> None:
    """Prints the signature of a model file."""
    from pyserver.engines import inspect_model

    signature = inspect_model(file)
    rows = table("", "Name", "Datatype", "Shape")
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            rows.add_row(kind, spec.name, spec.datatype, shape_text(spec.shape))
    out = console()
    out.print(rows)
    if signature.max_batch_size:
        out.print(f"Batches: yes, up to {signature.max_batch_size} rows; the batch dimension is not listed above.")
    else:
        out.print("Batches: no; every request is executed alone.")

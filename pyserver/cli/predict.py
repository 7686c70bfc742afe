"""`pyserver predict`."""

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from pyserver.cli.exit_codes import EPILOG
from pyserver.cli.options import (
    DEFAULT_SERVER,
    AddressOption,
    TlsCaOption,
    TlsCertOption,
    TlsKeyOption,
    TlsOption,
    client_tls,
)
from pyserver.cli.tables import shape_text, table
from pyserver.client import Client
from pyserver.errors import ConfigError

_HELP = """Run a model once, with inputs from files.

An INPUT is `NAME=FILE`, or just `FILE` where the model has one input. FILE ends in:

- `.npy`: sent as it is, in its own datatype
- `.json`: nested lists, sent in the model's datatype
- `.png`, `.jpg`, `.bmp`, `.webp`: the pixels, 0 to 255, times `--scale`, in the model's datatype and layout
  ([H, W], [H, W, C] or [C, H, W]; where the shape may be both, say `--layout`); an image of another size is refused,
  never resized

Where the model decodes pictures itself (its first op is `decode_image`), the file is sent as it is, and MODEL may be
left out if only one model does: `pyserver predict cat.jpg`. Classes and detections are shown as tables; `--boxes`
writes the picture with the detections drawn into it.

Where the model batches and the file holds one row without a batch dimension, it is added. What is sent is told on
stderr, the outputs on stdout.

Example: `pyserver predict digits image=seven.png --scale 0.00392 --output answer.json`
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("predict", help=_HELP, epilog=EPILOG)(predict)


def predict(
    model: Annotated[
        str,
        typer.Argument(metavar="[MODEL]", help="The model's name, or just a picture."),
    ],
    inputs: Annotated[list[str] | None, typer.Argument(metavar="INPUT…", help="NAME=FILE, or FILE.")] = None,
    address: AddressOption = DEFAULT_SERVER,
    version: Annotated[
        int, typer.Option("--version", min=0, max=2**63 - 1, help="The version; 0: the default one.")
    ] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the outputs to a .npy, .npz or .json file."),
    ] = None,
    outputs: Annotated[
        str, typer.Option("--outputs", metavar="NAME,…", help="The outputs wanted; default: all.", show_default=False)
    ] = "",
    request_id: Annotated[str, typer.Option("--id", help="The request's id, for the server's log.")] = "",
    ledger: Annotated[bool, typer.Option("--ledger", help="Show where the server's time went.")] = False,
    scale: Annotated[float, typer.Option("--scale", help="Multiplies the pixels of images.")] = 1.0,
    layout: Annotated[
        str, typer.Option("--layout", metavar="hwc|chw", help="Layout of images, where the shape does not tell it.")
    ] = "",
    boxes: Annotated[
        Path | None,
        typer.Option("--boxes", metavar="FILE", help="Write the picture with the boxes of its detections."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", metavar="FILE", help="What classes are called: a text file, a line each.")
    ] = None,
    timeout_s: Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="The request's deadline.")] = 60.0,
    tls: TlsOption = False,
    tls_ca: TlsCaOption = None,
    tls_cert: TlsCertOption = None,
    tls_key: TlsKeyOption = None,
) -> None:
    """Sends one request and prints what came back."""
    # numpy and Pillow are only needed here.
    from pyserver.cli.answers import answers, draw_boxes
    from pyserver.cli.inputs import model_of_picture, picture_of, read_inputs
    from pyserver.cli.outputs import check_output, write_outputs
    from pyserver.cli.tables import console
    from pyserver.tensors import datatype_of

    check_output(output)
    if layout not in ("", "hwc", "chw"):
        raise ConfigError(f"--layout {layout}: expected hwc or chw")
    if not 0 < timeout_s < math.inf:
        raise typer.BadParameter(f"expected a number of seconds above 0, got {timeout_s:g}", param_hint="--timeout")
    names = _lines(labels)
    with Client(address, timeout_s=timeout_s, tls=client_tls(tls, tls_ca, tls_cert, tls_key)) as client:
        sources = inputs or []
        if not sources and Path(model).is_file():
            model, sources = model_of_picture(Path(model), client.status()), [model]
        status = client.metadata(model, version=version)
        arrays, datatypes = read_inputs(sources, status, scale, layout)
        for name, array in arrays.items():
            datatype = datatypes.get(name, datatype_of(array))
            print(f"sent {name} {datatype} {shape_text(array.shape)}", file=sys.stderr)
        wanted = [name for name in outputs.split(",") if name]
        result = client.predict(
            model, arrays, version=version, outputs=wanted, id=request_id, ledger=ledger, datatypes=datatypes
        )
    if output is not None:
        write_outputs(output, result.outputs)
        print(f"{result.model} version {result.version}: {len(result.outputs)} outputs written to {output}")
    else:
        for told in answers(result.outputs, status, names):
            if isinstance(told, str):
                print(told)
            else:
                console().print(told)
    if boxes is not None:
        count = draw_boxes(picture_of(sources, status), boxes, result.outputs, status, names)
        print(f"{count} {'box' if count == 1 else 'boxes'} drawn into {boxes}")
    if result.ledger is not None:
        _print_ledger(result.ledger)


def _lines(labels: Path | None) -> list[str]:
    if labels is None:
        return []
    try:
        return labels.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--labels {labels}: {error}") from None


def _print_ledger(ledger: dict[str, int]) -> None:
    from pyserver.cli.tables import console

    rows = table("Stage", "µs")
    for stage, value in ledger.items():
        if stage.endswith("_us"):
            rows.add_row(stage.removesuffix("_us"), value)
    out = console()
    out.print(rows)
    out.print(f"rows executed together: {ledger['batch_size']}")

"""Answers for people: classes and detections as tables, all else as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from pyserver.cli.outputs import output_text
from pyserver.cli.tables import shape_text, table
from pyserver.errors import PyserverError
from pyserver.tensors import Array, datatype_of
from pyserver.v1 import model_status_pb2

# The columns of what the op `nms` gives; a row whose class is -1 holds nothing.
_DETECTION_COLUMNS = 6
_BOX_COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080")


def answers(
    outputs: dict[str, Array], model: model_status_pb2.ModelVersionStatus, labels: Sequence[str] = ()
) -> list[str | Table]:
    """What to print for each output, in its order."""
    told: list[str | Table] = []
    for name, array in outputs.items():
        last = _last_op(name, model)
        if last == "top_k" and datatype_of(array) == "BYTES":
            told += [_title(name, array), _classes(array)]
        elif last == "nms" and array.shape[-1:] == (_DETECTION_COLUMNS,):
            told += [_title(name, array), _detections(array, labels)]
        else:
            told.append(output_text(name, array))
    return told


def draw_boxes(
    picture: Path, target: Path, outputs: dict[str, Array], model: model_status_pb2.ModelVersionStatus,
    labels: Sequence[str] = (),
) -> int:  # fmt: skip
    """Writes the picture with the boxes of its detections, and says how many. Raises PyserverError."""
    from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError

    found = [array for name, array in outputs.items() if _last_op(name, model) == "nms"]
    if not found:
        raise PyserverError("there are no boxes to draw: none of the outputs comes from the op nms")
    detections = [row for array in found for row in _found(array)]
    try:
        with Image.open(picture) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
        draw = ImageDraw.Draw(image)
        width = max(2, min(image.size) // 200)
        for x1, y1, x2, y2, score, number in detections:
            colour = _BOX_COLOURS[int(number) % len(_BOX_COLOURS)]
            draw.rectangle((x1, y1, max(x1, x2), max(y1, y2)), outline=colour, width=width)
            text = f"{_label(number, labels)} {score:.2f}"
            place = (x1 + width, max(0.0, y1 - 12))
            draw.rectangle(draw.textbbox(place, text), fill=colour)
            draw.text(place, text, fill="white")
        image.save(target)
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise PyserverError(f"{picture} cannot be drawn on and written to {target}: {error}") from None
    return len(detections)


def _last_op(output: str, model: model_status_pb2.ModelVersionStatus) -> str:
    return next((chain.ops[-1] for chain in model.postprocessing if chain.name == output), "")


def _title(name: str, array: Array) -> str:
    return f"{name} {datatype_of(array)} {shape_text(array.shape)}"


def _classes(array: Array) -> Table:
    """`score:index:label`, one text a class; a label may hold colons."""
    rows = array.reshape(-1, array.shape[-1])
    made = table(*(["Row"] if len(rows) > 1 else []), "Score", "Class", "Label")
    for index, row in enumerate(rows):
        for value in row:
            score, number, label = [*value.decode("utf-8", "replace").split(":", 2), "", ""][:3]
            made.add_row(*([index] if len(rows) > 1 else []), score, number, label)
    return made


def _detections(array: Array, labels: Sequence[str]) -> Table:
    made = table("Score", "Class", "Left", "Top", "Right", "Bottom")
    for x1, y1, x2, y2, score, number in _found(array):
        made.add_row(f"{score:.3f}", _label(number, labels), *(f"{place:.1f}" for place in (x1, y1, x2, y2)))
    return made


def _found(array: Array) -> Any:
    rows = array.reshape(-1, _DETECTION_COLUMNS).astype(np.float64)
    return rows[rows[:, -1] >= 0].tolist()


def _label(number: float, labels: Sequence[str]) -> str:
    return labels[int(number)] if int(number) < len(labels) else str(int(number))

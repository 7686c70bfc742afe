"""Recorded traffic: when requests came and what was in them, one JSON object a line.

    {"pyserver_trace": 1, "model": "digits"}                          the first line; may be left out
    {"time_s": 1711.250, "inputs": {"image": [[0.0, 0.5]]}}           nested lists, in the model's datatypes
    {"time_s": 1711.262, "files": {"image": "seven.npy"}}             beside the trace, or absolute
    {"time_s": 1711.301, "shapes": {"image": [4, 28, 28]}}            made up, in this shape
    {"time_s": 1711.302, "same_as": 0}                                as in the entry of that number, from 0
    {"time_s": 1711.377}                                              made up

`time_s` counts from any moment; what is due first is due at the start. It never goes back. `inputs`, `files` and
`shapes` may stand together, each for other inputs; inputs that none of them names come from where they come without a
trace.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from pyserver_loadgen.protocols.errors import RequestError

FORMAT_VERSION = 1
_FIELDS = {"time_s", "inputs", "files", "shapes", "same_as"}


@dataclass(frozen=True)
class TraceEntry:
    """One request. `same_as` is the number of an earlier entry, whose inputs these are."""

    time_s: float
    inputs: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    same_as: int | None = None

    def key(self) -> str:
        """The same for entries that ask the same."""
        return json.dumps([self.inputs, self.files, self.shapes], sort_keys=True)


class TraceWriter:
    """Writes entries as they come. The file is the caller's to close."""

    def __init__(self, file: TextIO, model: str = "") -> None:
        self._file = file
        self._write({"pyserver_trace": FORMAT_VERSION, **({"model": model} if model else {})})

    def write(self, entry: TraceEntry) -> None:
        """One line."""
        line: dict[str, Any] = {"time_s": entry.time_s}
        for name in ("inputs", "files", "shapes"):
            if value := getattr(entry, name):
                line[name] = dict(value)
        if entry.same_as is not None:
            line["same_as"] = entry.same_as
        self._write(line)

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")


def write_trace(path: Path, entries: Iterable[TraceEntry], model: str = "") -> None:
    """The whole file."""
    with path.open("w", encoding="utf-8") as file:
        writer = TraceWriter(file, model)
        for entry in entries:
            writer.write(entry)


def read_trace(path: Path) -> list[TraceEntry]:
    """The entries, with times from the first one's, and those that are the same as others filled in.

    Raises RequestError, which names the line.
    """
    entries: list[TraceEntry] = []
    first_s = 0.0
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise RequestError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path} line {number}"
        told = _object(line, where)
        if "pyserver_trace" in told:
            if told["pyserver_trace"] != FORMAT_VERSION:
                raise RequestError(f"{where}: expected pyserver_trace {FORMAT_VERSION}, got {told['pyserver_trace']!r}")
            continue
        entry = _entry(told, where, entries)
        first_s = first_s if entries else entry.time_s
        due_s = entry.time_s - first_s
        if entries and due_s < entries[-1].time_s:
            raise RequestError(f"{where}: time_s {entry.time_s:g} is before that of the entry before it")
        entries.append(TraceEntry(due_s, entry.inputs, entry.files, entry.shapes))
    if not entries:
        raise RequestError(f"{path}: expected at least one request, got none")
    return entries


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{where}: no JSON: {error}") from None
    if not isinstance(told, dict):
        raise RequestError(f"{where}: expected a JSON object, got {type(told).__name__}")
    return told


def _entry(told: dict[str, Any], where: str, before: list[TraceEntry]) -> TraceEntry:
    if unknown := sorted(set(told) - _FIELDS):
        raise RequestError(f"{where}: unknown field {unknown[0]!r}; known are {', '.join(sorted(_FIELDS))}")
    time_s = told.get("time_s")
    if isinstance(time_s, bool) or not isinstance(time_s, int | float) or not math.isfinite(time_s):
        raise RequestError(f"{where}: expected time_s in seconds, got {time_s!r}")
    if "same_as" in told:
        number = told["same_as"]
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(before):
            raise RequestError(f"{where}: same_as {number!r} is not the number of an entry before it")
        if len(told) > 2:
            raise RequestError(f"{where}: same_as goes without inputs, files and shapes")
        same = before[number]
        return TraceEntry(float(time_s), same.inputs, same.files, same.shapes)
    inputs, files, shapes = (told.get(name, {}) for name in ("inputs", "files", "shapes"))
    for name, value in (("inputs", inputs), ("files", files), ("shapes", shapes)):
        if not isinstance(value, dict):
            raise RequestError(f"{where}: {name} is no object with the inputs' names")
    for name, file in files.items():
        if not isinstance(file, str):
            raise RequestError(f"{where}: the file of input {name!r} is no text")
    for name, shape in shapes.items():
        if not isinstance(shape, list) or not all(type(size) is int and 0 < size < 2**31 for size in shape):
            raise RequestError(f"{where}: the shape of input {name!r} is no list of whole numbers from 1")
    twice = [name for name in inputs | files | shapes if (name in inputs) + (name in files) + (name in shapes) > 1]
    if twice:
        raise RequestError(f"{where}: input {twice[0]!r} is given twice")
    return TraceEntry(float(time_s), inputs, files, {name: tuple(shape) for name, shape in shapes.items()})

"""Tensors from files: .npy, .npz, .json, text, pictures, and folders of these.

A file holds one sample: a whole tensor, or one row where the model batches. Rows are stacked to the wanted batch. For
BYTES inputs a .txt file holds a sample a line, and files of other kinds are one sample as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyserver.errors import PyserverError
from pyserver.tensor_files import IMAGE_SUFFIXES, array_of_json, read_tensor_file
from pyserver.tensors import Array
from pyserver_loadgen.inputs.source import TensorSource, Wanted
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import ModelMetadata, TensorSpec


class SamplesSource(TensorSource):
    """Samples that were read, in turn."""

    sized = False

    def __init__(
        self, spec: TensorSpec, samples: Sequence[Array], origin: str, *, batches: bool, batch_size: int | None = None
    ) -> None:
        """`batch_size` that was asked for cuts whole tensors of other sizes into rows."""
        rank = len(spec.shape) if spec.shape is not None else None
        if batches and batch_size is not None and any(_has_rows(sample, rank, batch_size) for sample in samples):
            samples = [row for sample in samples for row in (sample if sample.ndim == rank else [sample])]
            samples = [np.asarray(row) for row in samples]
        self._spec = spec
        self._samples = samples
        self._origin = origin
        self._are_rows = [batches and rank is not None and sample.ndim == rank - 1 for sample in samples]
        self.count = len(samples)
        if batch_size is not None and all(self._are_rows):
            self.count = max(1, len(samples) // batch_size)

    def tensor(self, wanted: Wanted) -> Array:
        """See TensorSource."""
        place = wanted.index % len(self._samples)
        if not self._are_rows[place]:
            return self._samples[place]
        first = wanted.index * wanted.rows
        rows = [self._samples[(first + row) % len(self._samples)] for row in range(wanted.rows)]
        if any(row.shape != rows[0].shape for row in rows):
            told = " and ".join(sorted({str(list(row.shape)) for row in rows}))
            raise RequestError(f"input {self._spec.name!r}: rows of shapes {told} cannot be one batch")
        return np.stack(rows)

    def describe(self) -> str:
        """See TensorSource."""
        return f"{len(self._samples)} samples from {self._origin}" if len(self._samples) > 1 else self._origin


def read_samples(path: Path, spec: TensorSpec, *, batches: bool, scale: float = 1.0, layout: str = "") -> list[Array]:
    """The samples of one input in a file or folder. Raises RequestError."""
    files = files_of(path)
    try:
        samples = [sample for file in files for sample in _read(file, spec, batches, scale, layout)]
    except PyserverError as error:
        raise error if isinstance(error, RequestError) else RequestError(error.message) from None
    if not samples:
        raise RequestError(f"{path}: expected samples of input {spec.name!r}, got none")
    return samples


def read_requests(path: Path, model: ModelMetadata) -> dict[str, list[Array]] | None:
    """The samples of all inputs, from .npz files or JSON objects; None where the files hold one input only.

    Raises RequestError.
    """
    files = [file for file in files_of(path) if file.suffix.lower() in (".npz", ".json")]
    requests: list[Mapping[str, Array]] = []
    for file in files:
        if file.suffix.lower() == ".npz":
            requests.append(read_npz(file))
        else:
            requests += _objects(file, model)
    if not requests:
        return None
    needed = [spec.name for spec in model.inputs if not spec.optional]
    for request in requests:
        for name in request:
            model.input(name)
        missing = [name for name in [*requests[0], *needed] if name not in request]
        if missing:
            raise RequestError(f"{path}: a request without input {missing[0]!r}: all need the same inputs")
    return {name: [request[name] for request in requests] for name in requests[0]}


def read_npz(path: Path) -> dict[str, Array]:
    """Arrays by name. Raises RequestError."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: _plain(arrays[name]) for name in arrays.files}
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror or error}") from None
    except Exception as error:  # whatever zipfile and NumPy raise for bytes that are no .npz
        raise RequestError(f"{path}: no .npz file that can be read: {error}") from None


def _plain(array: Array) -> Array:
    """Strings of fixed width become BYTES elements, which lose no trailing zeros later."""
    return array.astype(object) if array.dtype.kind in "SU" else array


def files_of(path: Path) -> list[Path]:
    """The file itself, or the folder's by name without hidden ones. Raises RequestError."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
        if not files:
            raise RequestError(f"{path}: expected a folder with files, got an empty one")
        return files
    if not path.exists():
        raise RequestError(f"{path}: no such file or folder")
    return [path]


def _has_rows(sample: Array, rank: int | None, batch_size: int) -> bool:
    return sample.ndim == rank and sample.ndim > 0 and sample.shape[0] != batch_size


def _read(path: Path, spec: TensorSpec, batches: bool, scale: float, layout: str) -> list[Array]:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        arrays = read_npz(path)
        if spec.name not in arrays:
            raise RequestError(f"{path}: expected an array {spec.name!r}, got {', '.join(arrays) or 'none'}")
        return [arrays[spec.name]]
    if spec.datatype == "BYTES" and suffix not in (".npy", ".json"):
        return _elements(path, spec, batches, suffix)
    shape = spec.shape or ()
    # A picture is a row. Where the batch dimension is fixed to 1 it is put before it here.
    fixed_row = suffix in IMAGE_SUFFIXES and not batches and len(shape) == 4 and shape[0] == 1
    row = shape[1:] if fixed_row or (batches and suffix in IMAGE_SUFFIXES) else shape
    array = read_tensor_file(path, spec.name, spec.datatype, row, scale=scale, layout=layout, resize=True)
    return [_plain(array[np.newaxis] if fixed_row else array)]


def _elements(path: Path, spec: TensorSpec, batches: bool, suffix: str) -> list[Array]:
    try:
        values = [line for line in path.read_bytes().splitlines() if line] if suffix == ".txt" else [path.read_bytes()]
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror or error}") from None
    rank = len(spec.shape) if spec.shape is not None else 1
    samples = []
    for value in values:
        element = np.empty((1,) * (rank - 1 if batches else rank), object)
        element[...] = value
        samples.append(element)
    return samples


def _objects(path: Path, model: ModelMetadata) -> list[Mapping[str, Array]]:
    """The requests in a JSON file of one object or a list of objects; none where it holds nested lists."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{path}: no JSON: {error}") from None
    objects = told if isinstance(told, list) else [told]
    if not all(isinstance(one, dict) for one in objects):
        return []
    return [inputs_of_json(one, model, str(path)) for one in objects]


def inputs_of_json(values: Mapping[str, Any], model: ModelMetadata, where: str) -> dict[str, Array]:
    """Nested lists by input. Raises RequestError."""
    arrays = {}
    for name, value in values.items():
        spec = model.input(name)
        try:
            arrays[name] = array_of_json(value, name, spec.datatype)
        except ValueError as error:
            raise RequestError(f"{where}: {error}") from None
    return arrays

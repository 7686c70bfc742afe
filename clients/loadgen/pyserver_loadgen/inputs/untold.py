"""For servers that do not tell a model's inputs, as MLServer may: they are those of the files that are to be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pyserver.errors import PyserverError
from pyserver.tensors import Array, datatype_of
from pyserver_loadgen.inputs.files import files_of, read_npz
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import ModelMetadata, TensorSpec


def with_inputs_of_files(model: ModelMetadata, inputs: Sequence[str], inputs_path: Path | None) -> ModelMetadata:
    """The model with the names and datatypes that .npy and .npz files have; any shape. Raises RequestError."""
    arrays: dict[str, Array] = {}
    if inputs_path is not None:
        arrays = read_npz(files_of(inputs_path)[0])
    for text in inputs:
        name, equals, path = text.partition("=")
        if not equals or not path.endswith(".npy"):
            raise _asks_for_files(model, f", not --input {text}")
        try:
            arrays[name] = np.load(path, allow_pickle=False, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise RequestError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if not arrays:
        raise _asks_for_files(model, "")
    try:
        specs = tuple(TensorSpec(name, datatype_of(array), None) for name, array in arrays.items())
    except PyserverError as error:
        raise RequestError(error.message) from None
    return replace(model, inputs=specs, max_batch_size=0)


def _asks_for_files(model: ModelMetadata, got: str) -> RequestError:
    return RequestError(
        f"the server tells no inputs of model {model.name!r}: give them with --input NAME=FILE.npy or "
        f"--inputs FILE.npz{got}"
    )

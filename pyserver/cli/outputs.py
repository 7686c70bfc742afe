"""What a model answered, as text and as files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pyserver.cli.tables import shape_text
from pyserver.errors import ConfigError, PyserverError
from pyserver.tensors import datatype_of

Array = npt.NDArray[Any]
_SUFFIXES = (".npy", ".npz", ".json")


def check_output(path: Path | None) -> None:
    """Raises ConfigError where outputs cannot be written to such a file."""
    if path is not None and path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"--output {path}: expected a file that ends in {', '.join(_SUFFIXES)}")


def write_outputs(path: Path, outputs: Mapping[str, Array]) -> None:
    """Writes the outputs in the form that the file's ending names. Raises ConfigError, PyserverError."""
    suffix = path.suffix.lower()
    if suffix == ".npy" and len(outputs) != 1:
        raise ConfigError(f"--output {path}: a .npy file holds one output, and there are {len(outputs)}: use .npz")
    try:
        if suffix == ".json":
            path.write_text(json.dumps({name: json_values(array) for name, array in outputs.items()}), encoding="utf-8")
        elif suffix == ".npy":
            np.save(path, _plain(next(iter(outputs.values()))), allow_pickle=False)
        else:
            arrays: dict[str, Any] = {name: _plain(array) for name, array in outputs.items()}
            np.savez(path, **arrays)
    except OSError as error:
        raise PyserverError(f"{path}: {error.strerror or error}") from None


def json_values(array: Array) -> Any:
    """Nested lists. BYTES that are no UTF-8 have their odd bytes replaced."""
    if datatype_of(array) != "BYTES":
        return array.tolist()
    texts = np.array([value.decode("utf-8", "replace") for value in array.ravel().tolist()], dtype=object)
    return texts.reshape(array.shape).tolist()


def output_text(name: str, array: Array) -> str:
    """`label INT64 [1]`, and the values, shortened where there are many."""
    values = np.array2string(array, threshold=40, precision=6, suppress_small=True)
    return f"{name} {datatype_of(array)} {shape_text(array.shape)}\n{values}"


def _plain(array: Array) -> Array:
    """Object arrays need pickle, which files from elsewhere should not; BYTES become fixed-width byte strings."""
    return array.astype(np.bytes_) if array.dtype == object else array

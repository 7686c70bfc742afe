"""`NAME=FILE` arguments as inputs of a model. What the files may be is told in `pyserver.tensor_files`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pyserver.errors import ConfigError, PyserverError
from pyserver.tensor_files import read_tensor_file
from pyserver.tensors import Array, datatype_name
from pyserver.v1 import model_status_pb2, tensor_pb2


def read_inputs(
    sources: Sequence[str],
    model: model_status_pb2.ModelVersionStatus,
    scale: float = 1.0,
    layout: str = "",
) -> tuple[dict[str, Array], dict[str, str]]:
    """The inputs by name, and what their datatypes are. Raises ConfigError for wrong usage, PyserverError for files.

    For images: `scale` multiplies their pixels; `layout`, "hwc" or "chw", is where the model has the channels.
    """
    specs = {spec.name: spec for spec in model.inputs}
    arrays: dict[str, Array] = {}
    for source in sources:
        name, path = _split(source, specs)
        if name in arrays:
            raise ConfigError(f"input {name!r} is given twice")
        spec = specs[name]
        if name in _decoded(model):
            array = np.array(_content(path), dtype=object).reshape([1] * len(spec.shape))
        else:
            array = read_tensor_file(path, name, datatype_name(spec.datatype), spec.shape, scale=scale, layout=layout)
        if model.batching.max_batch_size and array.ndim == len(spec.shape):
            array = array[np.newaxis]
        arrays[name] = array
    datatypes = {name: "BF16" for name in arrays if datatype_name(specs[name].datatype) == "BF16"}
    return arrays, datatypes


def model_of_picture(picture: Path, models: Sequence[model_status_pb2.ModelStatus]) -> str:
    """The only model that decodes pictures itself. Raises ConfigError where there is none, or a choice."""
    serving = {
        model.name: version
        for model in models
        for version in model.versions
        if version.version == model.default_version
    }
    found = [name for name, version in serving.items() if _decoded(version)]
    if len(found) != 1:
        known = ", ".join(found or serving) or "none"
        raise ConfigError(
            f"{picture}: {len(found)} models decode pictures themselves; expected MODEL before it, one of: {known}"
        )
    return found[0]


def picture_of(sources: Sequence[str], model: model_status_pb2.ModelVersionStatus) -> Path:
    """The file that is sent as a picture. Raises ConfigError where none is."""
    specs = {spec.name: spec for spec in model.inputs}
    for source in sources:
        name, path = _split(source, specs)
        if name in _decoded(model):
            return path
    raise ConfigError("--boxes: expected a picture that the model decodes itself, none is sent")


def _decoded(model: model_status_pb2.ModelVersionStatus) -> set[str]:
    """The inputs that take encoded pictures."""
    return {chain.name for chain in model.preprocessing if chain.ops[0] == "decode_image"}


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PyserverError(f"{path}: {error.strerror or error}") from None


def _split(source: str, specs: dict[str, tensor_pb2.TensorSpec]) -> tuple[str, Path]:
    name, equals, path = source.partition("=")
    if equals and name in specs:
        return name, Path(path)
    if len(specs) == 1 and Path(source).exists():
        return next(iter(specs)), Path(source)
    if len(specs) == 1 and not equals:
        raise PyserverError(f"{source}: no such file")
    known = ", ".join(specs)
    if not equals:
        raise ConfigError(f"{source!r}: expected NAME=FILE, because the model has {len(specs)} inputs: {known}")
    raise ConfigError(f"{source!r}: the model has no input {name!r}; its inputs are {known}")

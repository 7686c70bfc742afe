"""Files as inputs of a model: .npy as it is, .json in the model's datatype, images as plain arrays of their pixels.

Nothing is resized, normalized or cast on the quiet: what does not fit is an error that names both shapes.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from pyserver.cli.tables import shape_text
from pyserver.errors import ConfigError, PyserverError
from pyserver.tensors import DTYPES, datatype_name
from pyserver.v1 import model_status_pb2, tensor_pb2

Array = npt.NDArray[Any]
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


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
        array = _read(path, spec, scale, layout)
        if model.batching.max_batch_size and array.ndim == len(spec.shape):
            array = array[np.newaxis]
        arrays[name] = array
    datatypes = {name: "BF16" for name in arrays if datatype_name(specs[name].datatype) == "BF16"}
    return arrays, datatypes


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


def _read(path: Path, spec: tensor_pb2.TensorSpec, scale: float, layout: str) -> Array:
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            loaded: Array = np.load(path, allow_pickle=False)
            return loaded
        if suffix == ".json":
            return _from_json(path, spec)
        if suffix in IMAGE_SUFFIXES:
            return _from_image(path, spec, scale, layout)
    except OSError as error:
        raise PyserverError(f"{path}: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        raise PyserverError(f"{path}: {error}") from None
    except RecursionError:
        raise PyserverError(f"{path}: nested too deeply") from None
    raise ConfigError(f"{path}: expected a file that ends in .npy, .json, {', '.join(IMAGE_SUFFIXES)}")


def _from_json(path: Path, spec: tensor_pb2.TensorSpec) -> Array:
    values = json.loads(path.read_text(encoding="utf-8"))
    datatype = datatype_name(spec.datatype)
    if datatype == "BF16":
        raise ValueError("BF16 cannot be given as JSON: use a .npy file of uint16 bit patterns")
    if datatype == "BYTES":
        return np.array(values, dtype=object)
    plain = np.array(values)
    if plain.dtype == object or plain.dtype.kind in "US":
        raise ValueError(f"expected numbers in lists of equal length for input {spec.name!r} ({datatype})")
    with np.errstate(invalid="ignore"):  # what does not fit is told below
        array = plain.astype(DTYPES[datatype])
    if datatype[:3] in ("INT", "UIN", "BOO") and not np.array_equal(array, plain):
        raise ValueError(f"a number does not fit input {spec.name!r}, which is {datatype}")
    return array


def _from_image(path: Path, spec: tensor_pb2.TensorSpec, scale: float, layout: str) -> Array:
    datatype = datatype_name(spec.datatype)
    if datatype in ("BYTES", "BF16", "BOOL"):
        raise ValueError(f"input {spec.name!r} is {datatype}: an image cannot be sent as that")
    height, width, channels, channels_first = _image_layout(spec, layout)
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert(_MODES[channels]))
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
        raise ValueError(f"not an image that can be read: {error}") from None
    came = pixels.shape[:2]
    if height not in (-1, came[0]) or width not in (-1, came[1]):
        raise ValueError(
            f"input {spec.name!r} expects shape {shape_text(spec.shape)}, which is {width} x {height} pixels; the "
            f"image has {came[1]} x {came[0]}: resize it first"
        )
    if scale != 1:
        if not datatype.startswith("FP"):
            raise ConfigError(f"input {spec.name!r} is {datatype}: --scale needs a floating-point input")
        pixels = pixels * scale
    array = pixels.astype(DTYPES[datatype])
    if len(spec.shape) == 3:
        array = array.reshape(*came, channels)
        return array.transpose(2, 0, 1) if channels_first else array
    return array


def _image_layout(spec: tensor_pb2.TensorSpec, layout: str) -> tuple[int, int, int, bool]:
    """Height, width, channels, and whether the channels come first."""
    shape = list(spec.shape)
    if len(shape) == 2:
        return shape[0], shape[1], 1, False
    first, last = (len(shape) == 3 and shape[place] in _MODES for place in (0, -1))
    if first and last and not layout:
        raise ConfigError(
            f"input {spec.name!r} has shape {shape_text(shape)}, which may be [height, width, channels] or [channels, "
            "height, width]: say which with --layout hwc or --layout chw"
        )
    if first and layout != "hwc":
        return shape[1], shape[2], shape[0], True
    if last and layout != "chw":
        return shape[0], shape[1], shape[2], False
    allowed = {"hwc": "not [height, width, channels]", "chw": "not [channels, height, width]"}.get(
        layout, "none of [height, width], [height, width, channels] and [channels, height, width]"
    )
    raise ValueError(
        f"input {spec.name!r} has shape {shape_text(shape)}, which is {allowed} with 1, 3 or 4 channels: "
        "use a .npy file"
    )

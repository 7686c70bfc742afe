"""Files as tensors: .npy as it is, .json in the wanted datatype, images as plain arrays of their pixels.

Nothing is normalized or cast on the quiet, and resized only where that is asked for: what does not fit is an error that
names both shapes.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from pyserver.errors import ConfigError, PyserverError
from pyserver.tensors import DTYPES, Array

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def read_tensor_file(
    path: Path,
    name: str,
    datatype: str,
    shape: Sequence[int],
    *,
    scale: float = 1.0,
    layout: str = "",
    resize: bool = False,
) -> Array:
    """The file as a tensor for input `name`. Raises ConfigError for wrong usage, PyserverError for files.

    For images: `shape` has no batch dimension; `scale` multiplies their pixels; `layout`, "hwc" or "chw", is where the
    model has the channels; `resize`: to the size that the model wants.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            loaded: Array = np.load(path, allow_pickle=False)
            return loaded
        if suffix == ".json":
            return array_of_json(json.loads(path.read_text(encoding="utf-8")), name, datatype)
        if suffix in IMAGE_SUFFIXES:
            return _from_image(path, name, datatype, shape, scale, layout, resize)
    except OSError as error:
        raise PyserverError(f"{path}: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        raise PyserverError(f"{path}: {error}") from None
    except RecursionError:
        raise PyserverError(f"{path}: nested too deeply") from None
    raise ConfigError(f"{path}: expected a file that ends in .npy, .json, {', '.join(IMAGE_SUFFIXES)}")


def array_of_json(values: Any, name: str, datatype: str) -> Array:
    """Nested lists as an array of the datatype. Raises ValueError."""
    if datatype == "BF16":
        raise ValueError("BF16 cannot be given as JSON: use a .npy file of uint16 bit patterns")
    if datatype == "BYTES":
        return np.array(values, dtype=object)
    plain = np.array(values)
    if plain.dtype == object or plain.dtype.kind in "US":
        raise ValueError(f"expected numbers in lists of equal length for input {name!r} ({datatype})")
    with np.errstate(invalid="ignore"):  # what does not fit is told below
        array = plain.astype(DTYPES[datatype])
    if datatype[:3] in ("INT", "UIN", "BOO") and not np.array_equal(array, plain):
        raise ValueError(f"a number does not fit input {name!r}, which is {datatype}")
    return array


def image_layout(name: str, shape: Sequence[int], layout: str) -> tuple[int, int, int, bool]:
    """Height, width, channels, and whether the channels come first. Raises ConfigError, ValueError."""
    shape = list(shape)
    if len(shape) == 2:
        return shape[0], shape[1], 1, False
    first, last = (len(shape) == 3 and shape[place] in _MODES for place in (0, -1))
    if first and last and not layout:
        raise ConfigError(
            f"input {name!r} has shape {shape}, which may be [height, width, channels] or [channels, "
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
        f"input {name!r} has shape {shape or 'scalar'}, which is {allowed} with 1, 3 or 4 channels: use a .npy file"
    )


def _from_image(
    path: Path, name: str, datatype: str, shape: Sequence[int], scale: float, layout: str, resize: bool
) -> Array:
    if datatype in ("BYTES", "BF16", "BOOL"):
        raise ValueError(f"input {name!r} is {datatype}: an image cannot be sent as that")
    height, width, channels, channels_first = image_layout(name, shape, layout)
    try:
        with Image.open(path) as image:
            converted = image.convert(_MODES[channels])
            if resize:
                converted = converted.resize(
                    (converted.width if width == -1 else width, converted.height if height == -1 else height)
                )
            pixels = np.asarray(converted)
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
        raise ValueError(f"not an image that can be read: {error}") from None
    came = pixels.shape[:2]
    if height not in (-1, came[0]) or width not in (-1, came[1]):
        raise ValueError(
            f"input {name!r} expects shape {list(shape)}, which is {width} x {height} pixels; the "
            f"image has {came[1]} x {came[0]}: resize it first"
        )
    if scale != 1:
        if not datatype.startswith("FP"):
            raise ConfigError(f"input {name!r} is {datatype}: --scale needs a floating-point input")
        pixels = pixels * scale
    array = pixels.astype(DTYPES[datatype])
    if len(shape) == 3:
        array = array.reshape(*came, channels)
        return array.transpose(2, 0, 1) if channels_first else array
    return array

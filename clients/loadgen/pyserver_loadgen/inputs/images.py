"""Pictures that a camera could have taken: a sky, hills and things before them. As JPEG files, or as pixels.

They are smooth with some grain, so that they compress, and cost a decoder, about what photographs do.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pyserver.errors import ConfigError
from pyserver.tensor_files import image_layout
from pyserver.tensors import DTYPES, Array
from pyserver_loadgen.inputs.source import TensorSource, Wanted
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import TensorSpec

DEFAULT_SIZE = (640, 480)
_QUALITY = 85
_GRAIN = 3.0
_LEAVES = np.array([70, 120, 60])
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def looks_like_pixels(spec: TensorSpec) -> bool:
    """Whether the shape is that of pictures: three dimensions beside those of batches, one of them the channels."""
    if spec.datatype not in ("UINT8", "FP32", "FP16") or spec.shape is None:
        return False
    shape = spec.shape[-3:]
    if len(spec.shape) not in (3, 4) or sorted(size in _MODES for size in (shape[0], shape[2])) != [False, True]:
        return False
    height, width = shape[1:] if shape[0] in _MODES else shape[:2]
    return all(size == -1 or size >= 16 for size in (height, width))


class JpegSource(TensorSource):
    """Every element is a JPEG file."""

    def __init__(self, spec: TensorSpec, width: int = DEFAULT_SIZE[0], height: int = DEFAULT_SIZE[1]) -> None:
        if not (1 <= width <= 16_384 and 1 <= height <= 16_384):
            raise RequestError(f"input {spec.name!r}: {width}x{height} is no size of a picture")
        self._size = (width, height)

    def tensor(self, wanted: Wanted) -> Array:
        """See TensorSource."""
        array = np.empty(wanted.shape, object)
        for place in range(array.size):
            file = io.BytesIO()
            scene(*self._size, wanted.rng).save(file, "JPEG", quality=_QUALITY)
            array.flat[place] = file.getvalue()
        return array

    def describe(self) -> str:
        """See TensorSource."""
        return f"JPEG pictures of {self._size[0]} x {self._size[1]}"


class PixelsSource(TensorSource):
    """Pixels in the model's layout: 0 to 255 where it takes whole numbers, 0 to 1 where it takes reals."""

    def __init__(self, spec: TensorSpec, layout: str = "") -> None:
        if spec.datatype in ("BYTES", "BOOL", "BF16", "INT8"):
            raise RequestError(f"input {spec.name!r} is {spec.datatype}: pixels cannot be sent as that")
        self._name, self._layout = spec.name, layout
        self._dtype = DTYPES[spec.datatype]

    def tensor(self, wanted: Wanted) -> Array:
        """See TensorSource."""
        shape = wanted.shape
        if len(shape) == 4:
            return np.stack([self._picture(shape[1:], wanted.rng) for _ in range(shape[0])])
        return self._picture(shape, wanted.rng)

    def describe(self) -> str:
        """See TensorSource."""
        return "pictures"

    def _picture(self, shape: Sequence[int], rng: np.random.Generator) -> Array:
        try:
            height, width, channels, channels_first = image_layout(self._name, shape, self._layout)
        except (ConfigError, ValueError) as error:
            raise RequestError(str(error)) from None
        pixels = np.asarray(scene(width, height, rng).convert(_MODES[channels])).reshape(height, width, channels)
        if self._dtype.kind == "f":
            pixels = pixels / np.float32(255)
        array = pixels.astype(self._dtype)
        if channels_first:
            array = array.transpose(2, 0, 1)
        return np.ascontiguousarray(array.reshape(tuple(shape)))


def scene(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A picture in RGB."""
    top, bottom = rng.integers(70, 190, 3), rng.integers(150, 250, 3)
    fade = np.linspace(0, 1, height)[:, None, None]
    sky = (top * (1 - fade) + bottom * fade) + 40 * _clouds(width, height, rng)[:, :, None]
    picture = Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    light = rng.integers(90, 170, 3)
    for depth in range(4):
        # What is near is darker.
        draw.polygon(_hill(width, height, depth, rng), fill=_shade(light * (1 - 0.2 * depth), rng, 12))
        for _ in range(int(rng.integers(1, 4))):
            _thing(draw, width, height, depth, rng)
    smooth = picture.filter(ImageFilter.GaussianBlur(max(0.4, min(width, height) / 500)))
    texture = 14 * _clouds(width, height, rng, roughest=64)[:, :, None] + rng.normal(0, _GRAIN, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(smooth) + texture, 0, 255).astype(np.uint8))


def _clouds(width: int, height: int, rng: np.random.Generator, roughest: int = 16) -> Array:
    """Smooth noise around 0 of several finenesses."""
    total = np.zeros((height, width), np.float32)
    cells = 4
    while cells <= roughest:
        coarse = Image.fromarray(rng.normal(0, 4 / cells, (cells, cells)).astype(np.float32))
        total += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
        cells *= 2
    return total


def _hill(width: int, height: int, depth: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    across = np.linspace(0, 1, 65)
    ridge = np.full(across.shape, 0.4 + 0.14 * depth)
    for wave in (1, 2, 5, 11):
        ridge += rng.uniform(0.01, 0.07) / wave**0.5 * np.sin(2 * np.pi * (wave * across + rng.random()))
    line = [(float(x * width), float(y * height)) for x, y in zip(across, ridge, strict=True)]
    return [(0.0, float(height)), *line, (float(width), float(height))]


def _thing(draw: ImageDraw.ImageDraw, width: int, height: int, depth: int, rng: np.random.Generator) -> None:
    """A tree or a house. What is near is larger, and further down."""
    x, y = rng.uniform(0, width), height * rng.uniform(0.5 + 0.13 * depth, 0.6 + 0.13 * depth)
    size = (0.05 + 0.05 * depth) * min(width, height) * rng.uniform(0.6, 1.6)
    if rng.random() < 0.6:
        trunk = _shade(np.array([90, 60, 40]), rng, 15)
        draw.rectangle((x - size / 12, y - size, x + size / 12, y), fill=trunk)
        draw.ellipse((x - size / 2, y - 2 * size, x + size / 2, y - size / 2), fill=_shade(_LEAVES, rng, 35))
    else:
        wall = _shade(np.array([190, 170, 150]), rng, 50)
        draw.rectangle((x - size / 2, y - size, x + size / 2, y), fill=wall)
        roof = [(x - size * 0.6, y - size), (x, y - size * 1.5), (x + size * 0.6, y - size)]
        draw.polygon(roof, fill=_shade(np.array([140, 70, 50]), rng, 30))


def _shade(colour: Array, rng: np.random.Generator, spread: float) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in np.clip(colour + rng.uniform(-spread, spread, 3), 0, 255))
    return red, green, blue

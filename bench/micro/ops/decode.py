"""Decoding one picture, on one thread, against Pillow and OpenCV in turns: `python bench/micro/ops/decode.py`."""

import io
import struct
from collections.abc import Callable

import cv2
import numpy as np
from alternate import median_seconds
from photograph import photograph
from PIL import Image

from pyserver._core import OpChain

ROUNDS = 15


def files() -> dict[str, bytes]:
    """The same photograph, of the size that ImageNet's have, in each format."""
    kinds: dict[str, tuple[str, dict[str, object]]] = {
        "JPEG 4:2:0": ("JPEG", {"quality": 85}),
        "JPEG 4:4:4": ("JPEG", {"quality": 95, "subsampling": 0}),
        "JPEG progressive": ("JPEG", {"quality": 85, "progressive": True}),
        "PNG": ("PNG", {}),
        "WebP lossy": ("WEBP", {"quality": 80}),
        "WebP lossless": ("WEBP", {"lossless": True}),
        "BMP": ("BMP", {}),
    }
    made = {}
    for name, (file_format, options) in kinds.items():
        file = io.BytesIO()
        photograph().save(file, file_format, **options)
        made[name] = file.getvalue()
    return made


def decoders(file: bytes) -> dict[str, Callable[[], object]]:
    """Each gives the pixels as an array."""
    chain = OpChain([("decode_image", {})], "BYTES", [])
    row = struct.pack("<I", len(file)) + file
    encoded = np.frombuffer(file, np.uint8)
    return {
        "pyserver": lambda: np.frombuffer(chain.run(row, [])[1], np.uint8),
        "Pillow": lambda: np.asarray(Image.open(io.BytesIO(file)).convert("RGB")),
        "OpenCV": lambda: cv2.imdecode(encoded, cv2.IMREAD_COLOR),
    }


def main() -> None:
    """Prints a table: microseconds a picture, and how many times faster than the others."""
    cv2.setNumThreads(1)
    print(f"{'500x375':18}{'pyserver':>10}{'Pillow':>10}{'OpenCV':>10}   times Pillow   times OpenCV")
    for name, file in files().items():
        median = median_seconds(decoders(file), ROUNDS)
        ours = median["pyserver"]
        row = "".join(f"{median[who] * 1e6:8.0f}us" for who in ("pyserver", "Pillow", "OpenCV"))
        print(f"{name:18}{row}{median['Pillow'] / ours:15.2f}{median['OpenCV'] / ours:15.2f}")


if __name__ == "__main__":
    main()

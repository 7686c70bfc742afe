"""Decoding one picture, on one thread, against Pillow and OpenCV in turns: `python bench/micro/ops/decode.py`."""

import io
import statistics
import struct
import time
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from pyserver._core import OpChain

ROUNDS = 15
# One round of one decoder takes about so long.
ROUND_S = 0.1


def files() -> dict[str, bytes]:
    """The same photograph, of the size that ImageNet's have, in each format."""
    photograph = Image.fromarray(load_sample_image("china.jpg")).resize((500, 375), Image.Resampling.LANCZOS)
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
        photograph.save(file, file_format, **options)
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


def median_seconds(run: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median over rounds in which each has its turn."""
    times: dict[str, list[float]] = {name: [] for name in run}
    for _ in range(ROUNDS):
        for name, decode in run.items():
            began = time.perf_counter()
            count = 0
            while time.perf_counter() - began < ROUND_S:
                decode()
                count += 1
            times[name].append((time.perf_counter() - began) / count)
    return {name: statistics.median(taken) for name, taken in times.items()}


def main() -> None:
    """Prints a table: microseconds a picture, and how many times faster than the others."""
    cv2.setNumThreads(1)
    print(f"{'500x375':18}{'pyserver':>10}{'Pillow':>10}{'OpenCV':>10}   times Pillow   times OpenCV")
    for name, file in files().items():
        median = median_seconds(decoders(file))
        ours = median["pyserver"]
        row = "".join(f"{median[who] * 1e6:8.0f}us" for who in ("pyserver", "Pillow", "OpenCV"))
        print(f"{name:18}{row}{median['Pillow'] / ours:15.2f}{median['OpenCV'] / ours:15.2f}")


if __name__ == "__main__":
    main()

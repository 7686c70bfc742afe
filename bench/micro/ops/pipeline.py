"""From a JPEG to what a classifier takes, on one thread, against Pillow with NumPy and OpenCV with NumPy, in turns.

    python bench/micro/ops/pipeline.py

500 × 375 → the shorter side 256, bilinear → the middle 224 × 224 → normalised → FP32 [3, 224, 224]. Pillow's filter
is antialiased and OpenCV's is not, so each is compared with the chain that claims its arithmetic.
"""

import io
import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from alternate import median_seconds
from photograph import as_jpeg
from PIL import Image

from pyserver._core import OpChain

ROUNDS = 21
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def chain(like: str) -> OpChain:
    """The same steps as ops."""
    ops: list[tuple[str, Any]] = [
        ("decode_image", {}),
        ("resize", {"size": 256, "mode": "shorter_side", "filter": "bilinear", "like": like}),
        ("center_crop", {"size": 224}),
        ("normalize", {"mean": MEAN.tolist(), "std": STD.tolist(), "scale": "1/255"}),
        ("layout", {"to": "CHW"}),
    ]
    return OpChain(ops, "BYTES", [])


def by_pillow(file: bytes) -> np.ndarray[Any, Any]:
    """As torchvision's transform does it."""
    image = Image.open(io.BytesIO(file)).convert("RGB").resize((341, 256), Image.Resampling.BILINEAR)
    pixels = np.asarray(image.crop((58, 16, 282, 240)), np.float32)
    return np.ascontiguousarray(((pixels / np.float32(255) - MEAN) / STD).transpose(2, 0, 1))


def by_opencv(file: bytes) -> np.ndarray[Any, Any]:
    """As people write it who look at the time: a look-up for each channel, without a second copy."""
    image = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)
    image = cv2.resize(image, (341, 256), interpolation=cv2.INTER_LINEAR)[16:240, 58:282]
    return cv2.dnn.blobFromImage(image, 1 / 255 / 0.225, mean=(MEAN[::-1] * 255).tolist(), swapRB=True)


def by_opencv_and_numpy(file: bytes) -> np.ndarray[Any, Any]:
    """As most people write it."""
    image = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)
    image = cv2.resize(image, (341, 256), interpolation=cv2.INTER_LINEAR)[16:240, 58:282]
    pixels = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.float32)
    pixels *= np.float32(1 / 255)
    pixels -= MEAN
    pixels /= STD
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def main() -> None:
    """Prints a table: microseconds a picture, and how many times faster than each."""
    cv2.setNumThreads(1)
    file = as_jpeg()
    row = struct.pack("<I", len(file)) + file
    chains = {like: chain(like) for like in ("pillow", "opencv")}

    def ours(like: str) -> Callable[[], object]:
        return lambda: np.frombuffer(chains[like].run(row, [])[1], np.float32)

    close = np.abs(ours("pillow")() - by_pillow(file).ravel()).max()  # type: ignore[operator]
    print(f"largest difference from Pillow and NumPy: {close:.2g}")
    for like, others in {
        "pillow": {"Pillow, NumPy": by_pillow},
        "opencv": {"OpenCV, NumPy": by_opencv_and_numpy, "OpenCV alone (one deviation)": by_opencv},
    }.items():
        run: dict[str, Callable[[], object]] = {f"pyserver, like {like}": ours(like)}
        run |= {name: (lambda other=other: other(file)) for name, other in others.items()}
        median = median_seconds(run, ROUNDS)
        first = median[f"pyserver, like {like}"]
        for name, seconds in median.items():
            print(f"{name:30}{seconds * 1e6:8.0f} us{seconds / first:8.2f}")


if __name__ == "__main__":
    main()

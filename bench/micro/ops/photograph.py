"""A photograph of the size that ImageNet's have."""

import io

from PIL import Image
from sklearn.datasets import load_sample_image


def photograph() -> Image.Image:
    """500 × 375, RGB."""
    return Image.fromarray(load_sample_image("china.jpg")).resize((500, 375), Image.Resampling.LANCZOS)


def as_jpeg() -> bytes:
    """As Pillow writes it by default but for the quality: 4:2:0."""
    file = io.BytesIO()
    photograph().save(file, "JPEG", quality=85)
    return file.getvalue()

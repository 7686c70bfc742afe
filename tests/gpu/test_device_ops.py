"""Ops on the GPU, compiled by NVRTC for it, give what the same ops give on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from gpu_models import save_traced, write_config
from machine import serving
from torch import nn

from pyserver.client import Client

PICTURE = (40, 56, 3)
MADE = (3, 24, 24)
CHAINS: dict[str, dict[str, list[Any]]] = {
    "resize_and_normalize": {
        "preprocess": [
            {"resize": {"size": [24, 24]}},
            {"normalize": {"scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}},
            "layout",
        ],
        "postprocess": [],
    },
    "softmax": {
        "preprocess": [{"resize": {"size": [24, 24]}}, "to_tensor"],
        "postprocess": ["softmax"],
    },
}


class Sums(nn.Module):
    """Sums over the columns of pictures: 72 numbers a row, each moved by every pixel of its line."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(dim=3).flatten(1)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Every chain as two models: with its ops on the GPU, and without."""
    repository = tmp_path_factory.mktemp("ops") / "models"
    for name, chains in CHAINS.items():
        for place, on_device in (("gpu", True), ("cpu", False)):
            model = repository / f"{name}_{place}"
            save_traced(Sums(), torch.zeros((2, *MADE)), model / "1" / "model.pt")
            write_config(
                model,
                shape=MADE,
                max_batch_size=8,
                output=[72],
                options={"device": "cuda", "device_ops": on_device},
                preprocess={"x": {"datatype": "UINT8", "shape": list(PICTURE), "ops": chains["preprocess"]}},
                postprocess={"y": chains["postprocess"]} if chains["postprocess"] else {},
            )
    with serving(repository) as server, Client(server.address) as connected:
        yield connected


@pytest.mark.parametrize("rows", [1, 3, 8])
@pytest.mark.parametrize("name", CHAINS)
def test_device_ops_equal_those_of_the_cpu(client: Client, name: str, rows: int) -> None:
    pictures = np.random.default_rng(rows).integers(0, 256, (rows, *PICTURE), np.uint8)
    on_gpu, on_cpu = (
        client.predict(f"{name}_{place}", {"x": pictures}).outputs["y"].astype(np.float64) for place in ("gpu", "cpu")
    )
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-5, atol=1e-5 * np.abs(on_cpu).max())

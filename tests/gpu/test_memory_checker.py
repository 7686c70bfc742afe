"""compute-sanitizer's memcheck finds nothing in a server that answers: no wild access, no wrong call of the driver."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from gpu_models import Scale, save_traced, write_config
from machine import counters, serving
from server_process import SERVER_PYTHON
from torch import nn

from pyserver.client import Client

# The server's own is 0, that of a crash is another.
FOUND = 86


class Small(nn.Module):
    """Kernels of every library that a usual model uses: convolution, normalization, matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 64, 10)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(x)
        return result


@pytest.mark.usefixtures("real_gpu")
def test_memcheck_finds_nothing(tmp_path: Path) -> None:
    checker = shutil.which("compute-sanitizer") or shutil.which("/usr/local/cuda/bin/compute-sanitizer")
    if checker is None:
        pytest.skip("compute-sanitizer is not here")
    repository = tmp_path / "models"
    save_traced(Small().eval(), torch.zeros((2, 3, 8, 8)), repository / "small" / "1" / "model.pt")
    write_config(
        repository / "small",
        shape=[3, 8, 8],
        max_batch_size=4,
        output=[10],
        options={"device": "cuda"},
        preprocess={"x": {"datatype": "UINT8", "shape": [8, 8, 3], "ops": ["to_tensor"]}},
    )
    save_traced(Scale(), torch.zeros((2, 4)), repository / "scale" / "1" / "model.pt")
    write_config(repository / "scale", shape=[4], max_batch_size=4, output=[4], options={"device": "cuda"})
    # PyTorch's libraries ask the driver for what it may not have: the errors that functions return are no finding.
    options = ["--tool", "memcheck", "--error-exitcode", str(FOUND), "--report-api-errors", "no"]
    command = [checker, *options, "--target-processes", "all"]
    # serving() fails where the server's exit code, here the checker's, is not 0.
    with serving(repository, python=[*command, SERVER_PYTHON]) as server, Client(server.address) as client:
        for rows in (1, 2, 3, 4):
            given = np.full((rows, 4), rows, np.float32)
            assert (client.predict("scale", {"x": given}).outputs["y"] == 2 * rows + 1).all()
            assert client.predict("small", {"x": np.zeros((rows, 8, 8, 3), np.uint8)}).outputs["y"].shape == (rows, 10)
        assert counters(client, "small")["graph_hits"] > 0

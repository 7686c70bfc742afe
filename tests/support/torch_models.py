"""Tiny PyTorch models, saved as their users save them. Importable only where PyTorch is."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

# torch.jit is deprecated, and yet what many models are saved by.
warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated", category=DeprecationWarning)


class Dense(torch.nn.Module):
    """scores [rows, 3] and label [rows] of x [rows, 4]."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.layer = torch.nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        scores = self.layer(x)
        return {"scores": scores, "label": scores.argmax(-1)}


class Centred(torch.nn.Module):
    """x less the mean of its batch: rows that influence one another."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(0, keepdim=True)


class Lookup(torch.nn.Module):
    """A table of 4 numbers at x [rows, 1]: an index beyond it fails when it is executed."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.tensor([10.0, 11.0, 12.0, 13.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.table[x]


class InPlace(torch.nn.Module):
    """Writes to its input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.add_(1).mul(2)


class Weighted(torch.nn.Module):
    """A tensor by name, and one more that may be left out of TorchScript's call."""

    def forward(self, x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x * weight, (x * weight).sum(-1)


class Echo(torch.nn.Module):
    """Its own input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def export(path: Path, model: torch.nn.Module, *example: torch.Tensor, most_rows: int | None = None) -> Path:
    """As torch.export.save() does, the first dimension of every input free."""
    rows = torch.export.Dim("rows", max=most_rows) if most_rows else torch.export.Dim("rows")
    shapes = tuple({0: rows} for _ in example)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.export.save(torch.export.export(model.eval(), example, dynamic_shapes=shapes), path)
    return path


def script(path: Path, model: torch.nn.Module) -> Path:
    """As torch.jit.save() does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.jit.save(torch.jit.script(model.eval()), path)
    return path


def told(inputs: dict[str, tuple[str, list[int]]], outputs: dict[str, tuple[str, list[int]]]) -> dict[str, Any]:
    """`inputs` and `outputs` of a model.yaml."""

    def tensors(named: dict[str, tuple[str, list[int]]]) -> list[dict[str, Any]]:
        return [{"name": name, "datatype": datatype, "shape": shape} for name, (datatype, shape) in named.items()]

    return {"inputs": tensors(inputs), "outputs": tensors(outputs)}

"""Model repositories with files that PyTorch wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn


class Scale(nn.Module):
    """y = 2x + 1: next to no work, and easy to check."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 + 1


class Branching(nn.Module):
    """What it does depends on the numbers: no graph can hold that."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool((x.sum() > 0).item()):
            return x + 1
        return x - 1


class BranchingPairs(nn.Module):
    """y = x + 1; but what it does with two rows depends on the numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] == 2 and bool((x.sum() < 0).item()):
            return x - 1
        return x + 1


class Whole(nn.Module):
    """Whole numbers, whatever it is given."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(torch.int64)


class Nested(nn.Module):
    """Its first output is a pair."""

    def forward(self, x: torch.Tensor) -> tuple[tuple[torch.Tensor, torch.Tensor]]:
        return ((x, x),)


class Keyed(nn.Module):
    """Its output has a name."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"z": x}


class Embeds(nn.Module):
    """Numbers → what a table has for them: any other number is beyond its end."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.table = nn.Embedding(numbers, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.table(x).squeeze(-1)
        return result


class Bulky(nn.Module):
    """Computes for a millisecond or so, and gives a small output and one of `columns` numbers."""

    def __init__(self, columns: int, products: int = 4, side: int = 2048) -> None:
        super().__init__()
        self.columns = columns
        self.products = products
        self.register_buffer("matrix", torch.eye(side))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        matrix = self.matrix
        for _ in range(self.products):
            matrix = matrix @ self.matrix
        return x + matrix[0, 0], x[:, :1].expand(x.shape[0], self.columns).contiguous()


class Means(nn.Module):
    """A picture's channels, averaged → as many numbers as a classifier gives: stands for one where time is short."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layer(x.mean(dim=(2, 3)))
        return result


def save_traced(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """TorchScript, by tracing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        traced: Any = torch.jit.trace(module, example, check_trace=False)
    traced.save(str(path))


def save_scripted(module: nn.Module, path: Path) -> None:
    """TorchScript, with the module's own branches."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scripted: Any = torch.jit.script(module)
    scripted.save(str(path))


def save_exported(module: nn.Module, example: torch.Tensor, path: Path, most_rows: int) -> None:
    """An exported program for 1 to `most_rows` rows. `example` has two or more: one would be taken for a constant."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = torch.export.Dim("rows", min=1, max=most_rows)
    with torch.no_grad():
        program = torch.export.export(module, (example,), dynamic_shapes=({0: rows},))
    torch.export.save(program, str(path))


def write_config(
    folder: Path,
    *,
    shape: Sequence[int],
    max_batch_size: int,
    output: Sequence[int],
    options: Mapping[str, Any],
    datatype: str = "FP32",
    **more: Any,
) -> None:
    """The model.yaml of a model with one input x and one output y."""
    config = {
        "engine": "torch",
        "max_batch_size": max_batch_size,
        "inputs": [{"name": "x", "datatype": datatype, "shape": list(shape)}],
        "outputs": [{"name": "y", "datatype": datatype, "shape": list(output)}],
        "options": dict(options),
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

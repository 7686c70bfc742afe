"""ResNet-50 on the GPU, by PyTorch's captured graphs, over gRPC: its answers are PyTorch's own."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from gpu_models import save_exported, save_traced, write_config
from machine import Machine, counters, serving
from resnet50 import CLASSES, IMAGE, resnet50

from pyserver.client import Client

Array = npt.NDArray[np.float32]

# How far an answer may be from PyTorch's, in parts of the largest logit: another batch size means other kernels, which
# add in another order; TF32 keeps 10 bits of a number, as FP16 does.
TOLERANCE = {"f32": 1e-4, "tf32": 5e-3, "f16": 2e-2, "bf16": 1e-1}
DTYPES = {"f32": torch.float32, "tf32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Served:
    client: Client
    model: str
    precision: str
    machine: Machine

    def __call__(self, images: Array) -> Array:
        answer: Array = self.client.predict(self.model, {"x": images}, timeout_s=120).outputs["y"]
        return answer

    def expected(self, images: Array) -> Array:
        """By PyTorch, on the same device and in the same precision."""
        module = resnet50().to(self.machine.torch_device, DTYPES[self.precision])
        given = torch.from_numpy(images).to(self.machine.torch_device, DTYPES[self.precision])
        with torch.inference_mode():
            result: Array = module(given).float().cpu().numpy()
        return result

    def assert_right(self, images: Array, answer: Array) -> None:
        expected = self.expected(images)
        assert answer.shape == expected.shape
        assert np.abs(answer - expected).max() <= TOLERANCE[self.precision] * np.abs(expected).max()


def some_images(rows: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal((rows, *IMAGE), np.float32)


@pytest.fixture(scope="module")
def files(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """ResNet-50 in both of PyTorch's forms."""
    folder = tmp_path_factory.mktemp("files")
    example = torch.zeros((2, *IMAGE))
    save_traced(resnet50(), example, folder / "model.pt")
    save_exported(resnet50(), example, folder / "model.pt2", machine.most_rows)
    return {"pt": folder / "model.pt", "pt2": folder / "model.pt2"}


@pytest.fixture(
    scope="module",
    params=[("pt", "f32"), ("pt", "f16"), ("pt2", "f32"), ("pt2", "f16"), ("pt", "tf32"), ("pt", "bf16")],
    ids="-".join,
)
def served(
    request: pytest.FixtureRequest, machine: Machine, files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    form, precision = request.param
    if machine.double and (form, precision) not in (("pt", "f32"), ("pt2", "f32")):
        pytest.skip("precisions are the GPU's")
    repository = tmp_path_factory.mktemp(f"{form}-{precision}") / "models"
    place = repository / "resnet50" / "1"
    place.mkdir(parents=True)
    shutil.copy(files[form], place / f"model.{form}")
    write_config(
        repository / "resnet50",
        shape=IMAGE,
        max_batch_size=machine.most_rows,
        output=[CLASSES],
        options={"device": "cuda", "precision": precision, "strict_graphs": True},
    )
    with serving(repository) as server, Client(server.address) as client:
        yield Served(client, "resnet50", precision, machine)


@pytest.mark.parametrize("rows", [1, 2, 3, "most"])
def test_answers_equal_pytorchs_own(served: Served, rows: int | str) -> None:
    images = some_images(served.machine.most_rows if isinstance(rows, str) else rows)
    served.assert_right(images, served(images))


def test_padding_changes_no_answer_and_leaves_with_none(served: Served) -> None:
    images = some_images(3)
    before = counters(served.client, served.model)
    answer = served(images)
    after = counters(served.client, served.model)
    assert answer.shape == (3, CLASSES)
    assert after["padding_rows"] - before["padding_rows"] == 1  # of the bucket of four
    alone = np.concatenate([served(images[row : row + 1]) for row in range(3)])
    assert np.abs(answer - alone).max() <= TOLERANCE[served.precision] * np.abs(alone).max()


def test_32_clients_get_their_own_answers(served: Served) -> None:
    images = some_images(32, seed=1)
    expected = np.concatenate([served(images[row : row + 1]) for row in range(32)])
    together = threading.Barrier(32)

    def ask(row: int) -> Array:
        together.wait(60)
        return served(images[row : row + 1])

    with ThreadPoolExecutor(32) as clients:
        answers = np.concatenate(list(clients.map(ask, range(32))))
    assert np.abs(answers - expected).max() <= TOLERANCE[served.precision] * np.abs(expected).max()


def test_every_batch_was_a_graph_and_no_input_was_copied_by_the_host(served: Served) -> None:
    served(some_images(2))
    counted = counters(served.client, served.model)
    assert counted["graph_hits"] == counted["batches"] > 0
    assert counted["graph_misses"] == counted["uncaptured_batches"] == 0
    assert counted["pageable_input_copies"] == 0

"""The GPU of this machine, or the double that stands for it, and servers that use it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from server_process import SERVER_PYTHON, ServerProcess

from pyserver.client import Client
from pyserver.cuda_api import CudaApi, CudaError, Gpu

# PyTorch's import, and the choice of kernels for every bucket.
START_S = 240


@dataclass(frozen=True)
class Machine:
    """What the tests run on."""

    gpu: Gpu
    double: bool

    @property
    def torch_device(self) -> torch.device:
        """Where PyTorch computes what is right: beside the double of a GPU there is only the CPU."""
        return torch.device("cpu") if self.double else torch.device("cuda", self.gpu.ordinal)

    @property
    def most_rows(self) -> int:
        """Of the larger models: the CPU behind a double is slow."""
        return 4 if self.double else 32


def find_machine(double: bool) -> Machine | str:
    """The machine, or why there is none. `double`: whether libcuda.so.1 is the driver's double here."""
    try:
        gpus = CudaApi().gpus()
    except CudaError as error:
        return f"no GPU: {error.message}"
    return Machine(gpus[0], double) if gpus else "no GPU: the driver finds none"


@contextmanager
def serving(repository: Path, *arguments: str, python: Sequence[str] = (SERVER_PYTHON,)) -> Iterator[ServerProcess]:
    """A server for what is in `repository`. It must end well."""
    log = repository.parent / f"{repository.name}.log"
    told = [str(repository), *arguments]
    server = ServerProcess(told, log, python=python, start_s=START_S)
    try:
        yield server
        server.stop()
    finally:
        server.kill()


def counters(client: Client, model: str) -> dict[str, int]:
    """What the engine of the model counted until now."""
    return dict(client.metadata(model).engine_counters)

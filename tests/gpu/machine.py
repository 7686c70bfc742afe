"""The GPU of this machine, or the double that stands for it, and servers that use it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from server_process import SERVER_PYTHON, ServerProcess

from pyserver.client import Client
from pyserver.cuda_api import CudaApi, Gpu

# PyTorch's import, and the choice of kernels for every bucket.
START_S = 240


@dataclass(frozen=True)
class Machine:
    """What the tests run on."""

    gpu: Gpu
    double: bool
    environment: Mapping[str, str] = field(default_factory=dict)  # of servers, beside the own

    @property
    def torch_device(self) -> torch.device:
        """Where PyTorch computes what is right: beside the double of a GPU there is only the CPU."""
        return torch.device("cpu") if self.double else torch.device("cuda", self.gpu.ordinal)

    @property
    def most_rows(self) -> int:
        """Of the larger models: the CPU behind a double is slow."""
        return 4 if self.double else 32


def find_machine(double: str | None) -> Machine | str:
    """The machine, or why there is none. `double`: the folder of the driver's double, libcuda.so.1."""
    environment: dict[str, str] = {}
    library = "libcuda.so.1"
    if double is not None:
        folder = Path(double).resolve()
        library = str(folder / "libcuda.so.1")
        here = Path(__file__).resolve().parent / "double"
        # sitecustomize in that folder lets PyTorch, built for the CPU, execute behind the double.
        paths = [str(here), os.environ.get("PYTHONPATH", "")]
        environment = {
            "LD_LIBRARY_PATH": f"{folder}:{os.environ.get('LD_LIBRARY_PATH', '')}",
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }
    try:
        gpus = CudaApi(library).gpus()
    except Exception as error:
        return f"no GPU: {error}"
    return Machine(gpus[0], double is not None, environment) if gpus else "no GPU: the driver finds none"


@contextmanager
def serving(
    machine: Machine, repository: Path, *arguments: str, command: Sequence[str] = (SERVER_PYTHON,)
) -> Iterator[ServerProcess]:
    """A server for what is in `repository`. It must end well."""
    log = repository.parent / f"{repository.name}.log"
    told = [str(repository), *arguments]
    server = ServerProcess(told, log, machine.environment, command=command, start_s=START_S)
    try:
        yield server
        server.stop()
    finally:
        server.kill()


def counters(client: Client, model: str) -> dict[str, int]:
    """What the engine of the model counted until now."""
    return dict(client.metadata(model).engine_counters)

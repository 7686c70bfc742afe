"""The server's executor under load: a model behind gRPC, and in this process without any transport."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import record
import torch
from gpu_models import save_traced, write_config
from rounds import OwnProcess, Point
from server_process import Server
from torch import nn

from pyserver.client import Client
from pyserver_loadgen.inputs import RequestOptions
from pyserver_loadgen.run import Runner, Setting
from pyserver_loadgen.schedules import ClosedLoop
from pyserver_loadgen.subjects import Asked, prepare_in_process, prepare_server

# Lanes that execute, are filled and are emptied, and a few batches that wait: the GPU never does.
IN_FLIGHT = 8
_THREADS = 4
# PyTorch's import, and the choice of kernels.
_START_S = 240


def write_model(
    repository: Path, name: str, module: nn.Module, *, shape: tuple[int, ...], rows: int, output: int, precision: str
) -> None:
    """A model whose requests have `rows` rows each, which are a batch. In FP16 clients send and get FP16."""
    folder = repository / name
    save_traced(module, torch.zeros((2, *shape)), folder / "1" / "model.pt")
    datatype = "FP16" if precision == "f16" else "FP32"
    write_config(
        folder,
        shape=shape,
        max_batch_size=rows,
        output=[output],
        datatype=datatype,
        options={"device": "cuda", "precision": precision, "buckets": [rows], "strict_graphs": True},
        warmup={"rows": [rows]},
    )


class Executor:
    """A model served by a server process."""

    def __init__(self, repository: Path, name: str, rows: int, stack: ExitStack) -> None:
        self.name = name
        self._repository = repository
        self._asked = Asked(model=name, requests=RequestOptions(batch_size=rows, pool=8))
        command = [sys.executable, "-m", "pyserver", "serve", str(repository), "--log-level", "warning"]
        self.server = stack.enter_context(
            Server("pyserver", [*command, "--grpc-address", "127.0.0.1:0"], start_s=_START_S)
        )
        self._there = prepare_server(self.server.address, self._asked, stack)

    def point(self, seconds: float) -> Point:
        """Behind the server."""
        return Point("server", Runner(self._there.subject), _setting(seconds))

    def point_in_process(self, seconds: float, stack: ExitStack) -> Point:
        """The same model in this process, where the load generator's own cost is known. Its memory is ordinary."""
        here = prepare_in_process(self._repository, self._asked, stack)
        return Point("in process", Runner(replace(here.subject, watch=OwnProcess())), _setting(seconds))

    def counters(self) -> dict[str, int]:
        """Of the server's engine."""
        with Client(self.server.address) as client:
            return dict(client.metadata(self.name).engine_counters)


def _setting(seconds: float) -> Setting:
    return Setting(ClosedLoop(IN_FLIGHT), duration_s=seconds, warmup_s=0.5, connections=_THREADS, threads=_THREADS)


def versions() -> dict[str, str]:
    """Of what computes."""
    return {**record.versions(), "torch": torch.__version__, "cuda of torch": str(torch.version.cuda)}

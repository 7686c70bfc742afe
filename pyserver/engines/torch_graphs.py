"""PyTorch on a GPU: a model's kernels, captured into the graphs that the core launches.

PyTorch loads the model, runs it so that everything is compiled and chosen, and records each batch size into a CUDA
graph on a stream of the core, reading and writing the core's device memory. Then it is out of the way: the core copies,
launches and answers without Python. A model that cannot be captured runs with the GIL, batch by batch, and is counted.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from pyserver import _core
from pyserver.engines.torch_memory import datatype_of, dtype_of, tensor_at
from pyserver.engines.torch_program import TorchModel, TorchProgram
from pyserver.errors import ModelLoadError, one_line

Profile = Mapping[str, Sequence[int]]
Found = list[tuple[torch.dtype, tuple[int, ...]]]  # datatype and shape of a row of each output

# TorchScript specializes a model in its first two runs; the third is what is captured.
_WARM_UP_RUNS = 3
# PyTorch takes one capture at a time in a process, and its settings of precision hold for the whole process.
_ONE_AT_A_TIME = threading.Lock()


def load_on_gpu(model: TorchModel, core: _core.Core, ordinal: int = 0) -> _core.Engine:
    """`ordinal`: which GPU. The core's memory is page-locked from now on. Raises ModelLoadError, StatusError."""
    device = _open_device(model.path, ordinal)
    check_torch(model.path)
    core.use_device(device)
    with _ONE_AT_A_TIME, _as_load_error(model.path, device):
        program = TorchProgram(model, torch.device("cuda", ordinal))
        found = [_first_run(program, profile) for profile in model.profiles]
        outputs = list(model.outputs) or _found_outputs(model, found)
        most = {spec.name: _largest([run[index][1] for run in found]) for index, spec in enumerate(outputs)}
        builder = _core.CudaGraphEngineBuilder(
            core,
            device,
            engine="torch",
            inputs=model.inputs,
            outputs=outputs,
            max_batch_size=model.max_batch_size,
            buckets=model.buckets,
            preferred=model.preferred,
            profiles=model.profiles,
            max_output_shapes={spec.name: most[spec.name] for spec in outputs if -1 in spec.shape},
            instances=model.instances,
            lanes=model.lanes,
            strict_graphs=model.strict_graphs,
        )
        _record(program, builder, outputs, most)
        return builder.build()


def _open_device(path: Path, ordinal: int) -> _core.CudaDevice:
    try:
        driver = _core.CudaDriver.open()
    except _core.StatusError as error:
        raise ModelLoadError(
            f"{path.name} needs an NVIDIA GPU: {error.message}. Install the NVIDIA driver, or set options.device: cpu"
        ) from None
    if ordinal >= len(driver.devices):
        raise ModelLoadError(
            f"{path.name}: options.device: expected cuda:0 to cuda:{len(driver.devices) - 1}, got cuda:{ordinal}"
        )
    return _core.CudaDevice(driver, ordinal)


def check_torch(path: Path) -> None:
    """Raises ModelLoadError where this PyTorch cannot do what is needed here."""
    version = torch.__version__
    if torch.version.cuda is None:
        raise ModelLoadError(
            f"{path} needs an NVIDIA GPU, and PyTorch {version} is built for the CPU only: install a build for CUDA, "
            "or set options.device: cpu"
        )
    if not hasattr(torch.cuda.CUDAGraph, "raw_cuda_graph"):
        raise ModelLoadError(
            f"{path}: expected PyTorch 2.8 or newer, which hands out the graphs that it captures, got {version}"
        )
    if not torch.cuda.is_available():
        raise ModelLoadError(f"{path} needs an NVIDIA GPU: PyTorch {version} (CUDA {torch.version.cuda}) finds none")


class _Lane:
    """Runs the program on a lane's stream, from the lane's inputs to its outputs."""

    def __init__(
        self, program: TorchProgram, lane: _core.CudaLane, outputs: Sequence[_core.TensorSpec], most: Profile, rows: int
    ) -> None:
        self.stream = torch.cuda.ExternalStream(lane.stream, device=program.device)
        # What was captured. The graphs' memory belongs to the pools, which live as long as their graphs.
        self.graphs: list[torch.cuda.CUDAGraph] = []
        self._program = program
        self._lane = lane
        self._outputs = outputs
        self._room = {spec.name: math.prod((rows, *most[spec.name])) for spec in outputs}  # elements

    def __del__(self) -> None:
        # PyTorch keeps memory for its next model; here the next one may be another engine's.
        self.graphs.clear()
        with contextlib.suppress(Exception):  # at the end of the process, PyTorch may be gone before
            torch.cuda.empty_cache()

    def __call__(self, rows: int, shapes: Profile) -> dict[str, tuple[int, ...]]:
        """A batch that has no graph: the executor calls it with the GIL."""
        with _ONE_AT_A_TIME, self._program.settings(), torch.cuda.stream(self.stream):
            return self.enqueue(rows, shapes)

    def enqueue(self, rows: int, shapes: Profile) -> dict[str, tuple[int, ...]]:
        """On the current stream. The shapes of the outputs' rows, where they are free."""
        model, device = self._program.model, self._program.device
        inputs = [
            tensor_at(
                self._lane.input_address(spec.name), spec.datatype, model.with_rows(rows, shapes[spec.name]), device
            )
            for spec in model.inputs
        ]
        given = {}
        for spec, tensor in zip(self._outputs, self._program.run(inputs), strict=True):
            if tensor.numel() > self._room[spec.name]:
                raise RuntimeError(
                    f"output {spec.name!r}: expected at most {self._room[spec.name]} elements, got {tensor.numel()}"
                )
            tensor_at(self._lane.output_address(spec.name), spec.datatype, tensor.shape, device).copy_(tensor)
            if -1 in spec.shape:
                given[spec.name] = tuple(tensor.shape[bool(model.max_batch_size) :])
        return given


def _record(
    program: TorchProgram, builder: _core.CudaGraphEngineBuilder, outputs: Sequence[_core.TensorSpec], most: Profile
) -> None:
    """Captures every bucket and profile on every lane; a model that cannot be captured is left to run uncaptured."""
    model = program.model
    pools: dict[int, Any] = {}
    captured = True
    for lane in builder.lanes:
        work = _Lane(program, lane, outputs, most, max(builder.buckets))
        # The lanes of an instance execute one after another: their graphs may use the same memory.
        pool = pools.setdefault(lane.instance, torch.cuda.graph_pool_handle())
        # The largest first: what it leaves in the pool is enough for the others.
        for rows in sorted(builder.buckets, reverse=True):
            for number, profile in enumerate(model.profiles):
                shapes = {spec.name: model.input_shape(spec, profile) for spec in model.inputs}
                captured = captured and _capture(program, builder, lane, work, pool, rows, number, shapes)
        # Whether it is ever called or not: it is what keeps weights and graphs alive as long as the engine.
        builder.run_uncaptured(lane, work)


def _capture(
    program: TorchProgram,
    builder: _core.CudaGraphEngineBuilder,
    lane: _core.CudaLane,
    work: _Lane,
    pool: Any,
    rows: int,
    profile: int,
    shapes: Profile,
) -> bool:
    """False where the model cannot be captured, and need not be."""
    with program.settings(), torch.cuda.stream(work.stream):
        for _ in range(_WARM_UP_RUNS):
            work.enqueue(rows, shapes)
        work.stream.synchronize()
        # The graph writes to cuBLAS's workspace too: within the capture a new one is made, in the graph's own pool.
        torch._C._cuda_clearCublasWorkspaces()
        graph = torch.cuda.CUDAGraph(keep_graph=True)
        graph.capture_begin(pool=pool, capture_error_mode="thread_local")
        try:
            output_shapes = work.enqueue(rows, shapes)
            graph.capture_end()
        except RuntimeError as error:
            _give_up(graph, program.device.index, pool)
            if program.model.strict_graphs:
                raise ModelLoadError(
                    f"{program.model.path}: strict_graphs is set, but the model cannot be captured with {rows} rows: "
                    f"{one_line(str(error), 300)}"
                ) from error
            return False
        finally:
            torch._C._cuda_clearCublasWorkspaces()
    work.graphs.append(graph)
    builder.adopt(lane, rows, profile, graph.raw_cuda_graph(), output_shapes)
    return True


def _give_up(graph: torch.cuda.CUDAGraph, device: int, pool: Any) -> None:
    """Ends a capture that failed, so that memory is given out as before."""
    with contextlib.suppress(RuntimeError):
        graph.capture_end()
    with contextlib.suppress(RuntimeError):
        torch._C._cuda_endAllocateToPool(device, pool)


def _first_run(program: TorchProgram, profile: Profile) -> Found:
    """What the model gives for the most rows of zeros. Raises ModelLoadError where it does not batch as it should."""
    model = program.model
    rows = max(1, model.max_batch_size)
    inputs = [
        torch.zeros(
            model.with_rows(rows, model.input_shape(spec, profile)),
            dtype=dtype_of(spec.datatype),
            device=program.device,
        )
        for spec in model.inputs
    ]
    found: Found = []
    with program.settings():
        for index, output in enumerate(program.run(inputs)):
            if model.max_batch_size and (output.dim() == 0 or output.shape[0] != rows):
                raise ModelLoadError(
                    f"{model.path}: output {index} has the shape {list(output.shape)} for {rows} rows, so the model "
                    "does not batch; max_batch_size: 0 says so"
                )
            found.append((output.dtype, tuple(output.shape[bool(model.max_batch_size) :])))
    return found


def _found_outputs(model: TorchModel, found: Sequence[Found]) -> list[_core.TensorSpec]:
    """What the model gives, where nobody says it: OUTPUT0 and so on. A size that differs between profiles is free."""
    specs = []
    for index, (dtype, _) in enumerate(found[0]):
        axes = zip(*(run[index][1] for run in found), strict=True)
        shape = [sizes[0] if len(set(sizes)) == 1 else -1 for sizes in axes]
        # What is computed in fewer bits is an inner matter: clients get numbers that every language has.
        datatype = "FP32" if dtype == model.computed_in else datatype_of(dtype)
        specs.append(_core.TensorSpec(f"OUTPUT{index}", datatype, shape))
    return specs


def _largest(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(max(sizes) for sizes in zip(*shapes, strict=True))


@contextlib.contextmanager
def _as_load_error(path: Path, device: _core.CudaDevice) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        free, total = device.memory()
        raise ModelLoadError(
            f"{path}: the GPU {device.info.name} has too little memory, {free >> 20} of {total >> 20} MiB are free: "
            f"{one_line(str(error), 300)}"
        ) from error
    except (RuntimeError, ValueError, OSError) as error:
        if isinstance(error, _core.StatusError):
            raise
        raise ModelLoadError(f"{path}: PyTorch cannot load it: {one_line(str(error), 500)}") from error

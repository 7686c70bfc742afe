"""torch: TorchScript (*.pt) and exported programs (*.pt2) by PyTorch. It is no part of the package: pyserver[torch].

This is the CPU; models on a GPU are torch_cuda's. What both read of a file is in torch_program.
"""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

from pyserver import _core
from pyserver.config.engine_options import TorchOptions
from pyserver.config.load import parse_options
from pyserver.config.schema import ModelConfig
from pyserver.engines import torch_cuda
from pyserver.engines.loading import LoadContext, files_with, import_engine, one_model, options_origin
from pyserver.engines.ports import Signature, make_engine
from pyserver.engines.torch_program import TorchProgram, read_program, torch_dtype
from pyserver.tensors import Array

FILE_KINDS = "*.pt2 (torch.export) and *.pt (TorchScript)"
_SUFFIXES = {".pt", ".pt2"}


class _TorchLoader:
    def load(self, path: Path, config: ModelConfig, context: LoadContext) -> _core.Engine:
        options = parse_options(TorchOptions, config.options, options_origin(context))
        torch = _torch()
        file = one_model(path, files_with(path, _SUFFIXES), FILE_KINDS)
        if options.device != "cpu":
            torch_cuda.check_device(torch, file, options.device)
            return torch_cuda.load(torch, file, config, options, context)
        program = read_program(torch, file, config, "cpu")
        threads = options.threads or context.threads

        def make(signature: Signature) -> _core.Engine:
            instances = config.instances or 1
            return _core.function_engine(
                name="torch",
                device="CPU",
                inputs=signature.inputs,
                outputs=signature.outputs,
                max_batch_size=signature.max_batch_size,
                functions=[_CpuFunction(torch, program, threads, options.precision) for _ in range(instances)],
                threads_each=threads,
            )

        return make_engine(program.inputs, program.outputs, config, make)

    def reads(self, path: Path) -> bool:
        return bool(files_with(path, _SUFFIXES))

    def version(self) -> str:
        torch = _torch()
        return f"{torch.__version__} ({torch_cuda.describe(torch)})"


LOADER = _TorchLoader()


def _torch() -> ModuleType:
    torch = import_engine("torch", "pyserver[torch]")
    # Arrays of requests are read-only, and nothing here writes to a tensor made of one.
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
    return torch


class _CpuFunction:
    """Executes the batches of one instance."""

    def __init__(self, torch: Any, program: TorchProgram, threads: int, precision: str) -> None:
        self._torch = torch
        self._program = program
        self._threads = threads
        self._lower = {"f32": None, "bf16": torch.bfloat16, "f16": torch.float16}[precision]
        self._dtypes = [torch_dtype(torch, port.datatype) for port in program.outputs]

    def __call__(self, arrays: list[Array | None]) -> list[Array]:
        torch = self._torch
        # How many threads an execution takes belongs to the thread that asks for it (an OpenMP setting), although it is
        # told by a function of the process: an instance's thread says it before its first batch.
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        with torch.inference_mode(), self._precision():
            given = [
                self._tensor(array, port.datatype) for array, port in zip(arrays, self._program.inputs, strict=True)
            ]
            made = self._program.forward(given)
        if self._lower is not None:
            made = [tensor.to(dtype) for tensor, dtype in zip(made, self._dtypes, strict=True)]
        return [_array(torch, tensor) for tensor in made]

    def _precision(self) -> AbstractContextManager[Any]:
        if self._lower is None:
            return nullcontext()
        context: AbstractContextManager[Any] = self._torch.autocast("cpu", dtype=self._lower)
        return context

    def _tensor(self, array: Array | None, datatype: str) -> Any:
        """A tensor where the request's bytes lie; a copy where the model writes to its tensors."""
        tensor = self._torch.from_numpy(array)
        if datatype == "BF16":
            tensor = tensor.view(self._torch.bfloat16)
        return tensor.clone() if self._program.writes else tensor


def _array(torch: Any, tensor: Any) -> Array:
    """NumPy has no BF16: its bits go as uint16."""
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.contiguous().view(torch.uint16)
    array: Array = tensor.numpy(force=True)
    return array

"""onnxruntime: ONNX files by ONNX Runtime, for models that ask for it. An extra: pyserver[onnxruntime].

A batch's memory is bound where it lies: inputs are read from the requests, outputs are written to arrays that are used
again as soon as nobody sends from them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pyserver import _core
from pyserver.config.engine_options import OnnxRuntimeOptions
from pyserver.config.load import parse_options
from pyserver.config.schema import ModelConfig, TensorConfig
from pyserver.engines.loading import LoadContext, files_with, import_engine, one_model, options_origin
from pyserver.engines.ports import FREE, Port, Signature, make_engine
from pyserver.errors import ModelLoadError
from pyserver.tensors import DTYPES, Array

FILE_KINDS = "*.onnx and *.ort"
_CPU = "CPUExecutionProvider"
_DATATYPES = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64",
    "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64",
    "float16": "FP16", "bfloat16": "BF16", "float": "FP32", "double": "FP64", "string": "BYTES",
}  # fmt: skip
_ONNX_BFLOAT16 = 16  # TensorProto.BFLOAT16: NumPy has no name for it
_ONLY_FATAL = 4  # what fails is an exception, and told by that
_LEVELS = {
    "disabled": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC", "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}  # fmt: skip


class _OnnxRuntimeLoader:
    def load(self, path: Path, config: ModelConfig, context: LoadContext) -> _core.Engine:
        options = parse_options(OnnxRuntimeOptions, config.options, options_origin(context))
        runtime = _runtime()
        file = one_model(path, files_with(path, {".onnx", ".ort"}), FILE_KINDS)
        threads = options.intra_op_threads or context.threads
        session = _session(runtime, file, options, threads)
        inputs = _ports(file, session.get_inputs(), config.inputs)
        outputs = _ports(file, session.get_outputs(), config.outputs)
        device = options.providers[0].removesuffix("ExecutionProvider")

        def make(signature: Signature) -> _core.Engine:
            return _core.function_engine(
                name="onnxruntime",
                device=device,
                inputs=signature.inputs,
                outputs=signature.outputs,
                max_batch_size=signature.max_batch_size,
                functions=[_function(runtime, session, signature) for _ in range(config.instances or 1)],
                threads_each=threads,
            )

        return make_engine(inputs, outputs, config, make)

    def reads(self, path: Path) -> bool:  # noqa: ARG002 (OpenVINO is the one that reads *.onnx unless asked otherwise)
        return False

    def version(self) -> str:
        runtime = _runtime()
        return f"{runtime.__version__} ({', '.join(runtime.get_available_providers())})"


LOADER = _OnnxRuntimeLoader()


def _references_of_nobody() -> int:
    """What sys.getrefcount() says in a loop over a list, of an array that nobody else has: it depends on the Python.

    Until 3.13, that of the list, of the loop, and of the function's own argument; 3.14 leaves out the last.
    """
    return max(sys.getrefcount(array) for array in [np.empty(0)])


_UNUSED = _references_of_nobody()


def _runtime() -> ModuleType:
    return import_engine("onnxruntime", "pyserver[onnxruntime]")


def _session(runtime: Any, file: Path, options: OnnxRuntimeOptions, threads: int) -> Any:
    """A session with all the providers that were asked for. Raises ModelLoadError."""
    _check_installed(options.providers, runtime)
    told = runtime.SessionOptions()
    told.intra_op_num_threads = threads
    told.inter_op_num_threads = 1
    told.log_severity_level = _ONLY_FATAL
    told.graph_optimization_level = getattr(runtime.GraphOptimizationLevel, _LEVELS[options.graph_optimization])
    if _CPU not in options.providers:
        # Otherwise what a provider cannot do is done by the CPU, and nobody is told.
        told.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    providers = [(name, dict(options.provider_options.get(name, {}))) for name in options.providers]
    try:
        session = runtime.InferenceSession(str(file), told, providers=providers)
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise ModelLoadError(f"{file}: onnxruntime cannot use it: {error}") from None
    session.disable_fallback()
    check_started(options.providers, session.get_providers())
    return session


def _check_installed(providers: Sequence[str], runtime: Any) -> None:
    known, available = runtime.get_all_providers(), runtime.get_available_providers()
    for name in providers:
        if name in available:
            continue
        told = f"the provider {name} is not in the installed onnxruntime {runtime.__version__}, which has "
        told += ", ".join(available)
        if name not in known:
            raise ModelLoadError(f"{told}; there is none of that name: known are {', '.join(known)}")
        raise ModelLoadError(f"{told}; install {_package(name)} in its place")


def _package(provider: str) -> str:
    packages = {"OpenVINO": "onnxruntime-openvino", "Dml": "onnxruntime-directml", "QNN": "onnxruntime-qnn"}
    packages |= dict.fromkeys(("CUDA", "Tensorrt", "NvTensorRTRTX"), "onnxruntime-gpu")
    return packages.get(provider.removesuffix("ExecutionProvider"), f"a build of onnxruntime with {provider}")


def check_started(asked: Sequence[str], started: Sequence[str]) -> None:
    """Raises ModelLoadError where onnxruntime left out a provider, which it does without an error of its own."""
    missing = [name for name in asked if name not in started]
    if missing:
        raise ModelLoadError(
            f"onnxruntime could not start {', '.join(missing)} here and would use {', '.join(started)} instead; "
            "what is missing is in its own lines of the log: mostly a driver, CUDA, cuDNN or TensorRT"
        )


def _ports(file: Path, values: Sequence[Any], told: Sequence[TensorConfig]) -> list[Port]:
    configured = {tensor.name for tensor in told}
    ports = []
    for value in values:
        element = str(value.type).removeprefix("tensor(").removesuffix(")")
        if element not in _DATATYPES:
            raise ModelLoadError(f"{file}: {value.name!r} is of the type {value.type}, which requests cannot carry")
        shape = tuple(size if isinstance(size, int) and size >= 0 else FREE for size in value.shape)
        # onnxruntime gives [] both for a scalar and for what has no known shape: model.yaml knows which.
        unknown = not shape and value.name in configured
        ports.append(Port(value.name, _DATATYPES[element], None if unknown else shape))
    return ports


def _function(runtime: Any, session: Any, signature: Signature) -> _core.BatchFunction:
    if any(spec.datatype == "BYTES" for spec in [*signature.inputs, *signature.outputs]):
        return _Unbound(session, signature)
    return _Bound(runtime, session, signature)


class _Unbound:
    """For models with texts, whose elements are objects of their own: there is nothing to bind."""

    def __init__(self, session: Any, signature: Signature) -> None:
        self._session = session
        self._inputs = [spec.name for spec in signature.inputs]
        self._outputs = [spec.name for spec in signature.outputs]

    def __call__(self, arrays: list[Array | None]) -> list[Array]:
        given = {name: _texts(array) for name, array in zip(self._inputs, arrays, strict=True) if array is not None}
        outputs: list[Array] = self._session.run(self._outputs, given)
        return outputs


def _texts(array: Array) -> Array:
    """onnxruntime takes str, and would take bytes by their repr()."""
    if array.dtype != object:
        return array
    return np.array([value.decode() for value in array.ravel()], object).reshape(array.shape)


class _Bound:
    """Executes batches through an IO binding."""

    def __init__(self, runtime: Any, session: Any, signature: Signature) -> None:
        self._runtime = runtime
        self._session = session
        self._binding = session.io_binding()
        self._inputs = signature.inputs
        self._outputs = [_Output(spec, signature.max_batch_size > 0) for spec in signature.outputs]

    def __call__(self, arrays: list[Array | None]) -> list[Array]:
        binding = self._binding
        rows = 1
        try:
            for spec, array in zip(self._inputs, arrays, strict=True):
                if array is not None:
                    rows = array.shape[0] if array.ndim else 1
                    binding.bind_ortvalue_input(spec.name, self._value(spec.datatype, array))
            places = [output.bind(binding, rows) for output in self._outputs]
            self._session.run_with_iobinding(binding)
            made = binding.get_outputs()
            return [made[at].numpy() if place is None else place for at, place in enumerate(places)]
        finally:
            binding.clear_binding_inputs()
            binding.clear_binding_outputs()

    def _value(self, datatype: str, array: Array) -> Any:
        values = self._runtime.OrtValue
        if datatype == "BF16":
            return values.ortvalue_from_numpy_with_onnx_type(array, _ONNX_BFLOAT16)
        return values.ortvalue_from_numpy(array)


class _Output:
    """Where an output is written to."""

    def __init__(self, spec: _core.TensorSpec, batching: bool) -> None:
        self._name = spec.name
        self._shape = spec.shape
        self._batching = batching
        self._dtype = DTYPES[spec.datatype]
        self._element = _ONNX_BFLOAT16 if spec.datatype == "BF16" else self._dtype.type
        # A scalar may be what has no known shape, see _ports().
        self._fixed = FREE not in spec.shape and (batching or spec.shape != ())
        self._used: list[Array] = []
        if spec.datatype == "BF16" and not self._fixed:
            raise ModelLoadError(
                f"output {spec.name!r} is BF16 with the shape {list(spec.shape)}: onnxruntime can only hand over BF16 "
                "whose shape is fixed; configure it"
            )

    def bind(self, binding: Any, rows: int) -> Array | None:
        """The array that the output will be in; None where onnxruntime is to find room itself."""
        if not self._fixed:
            binding.bind_output(self._name)
            return None
        shape = (rows, *self._shape) if self._batching else self._shape
        array = self._room(shape)
        binding.bind_output(self._name, "cpu", 0, self._element, shape, array.ctypes.data)
        return array

    def _room(self, shape: tuple[int, ...]) -> Array:
        """An array of an earlier batch that nobody refers to any more, or a new one."""
        for array in self._used:
            if array.shape == shape and sys.getrefcount(array) <= _UNUSED:
                return array
        array = np.empty(shape, self._dtype)
        self._used = [*self._used[-1:], array]  # two: one is sent from while the other is written to
        return array

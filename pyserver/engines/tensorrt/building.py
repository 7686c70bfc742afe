"""ONNX → a plan.

Networks are strongly typed: every tensor has the type that the model gives it. TensorRT 11 and TensorRT-RTX know
nothing else, and for TensorRT 10 it makes a model mean the same as everywhere. So `precision` does not convert a model;
it says what the model must be computed in, and a model that is not is refused with what to convert it with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyserver.config.tensorrt import Precision, Profile
from pyserver.engines.tensorrt.library import Library
from pyserver.engines.tensorrt.profiles import FREE, Range, profiles_to_build
from pyserver.engines.tensorrt.progress import Progress, monitor_for
from pyserver.engines.tensorrt.sentences import said, why_not_built
from pyserver.errors import ModelLoadError

CURRENT = "current"
_MIB = 1 << 20
# By precision, the types of which a model that is computed in it has tensors.
_TYPES = {"fp16": "HALF", "bf16": "BF16"}

_log = logging.getLogger("pyserver.tensorrt")


@dataclass(frozen=True)
class BuildRequest:
    """What is asked of a build beside the model."""

    precision: Precision = "model"
    profiles: Sequence[Profile] = ()
    shape_values: Mapping[str, Sequence[int]] = field(default_factory=dict)
    max_batch_size: int | None = None
    workspace_mib: int | None = None
    optimization_level: int | None = None
    # TensorRT-RTX: for which GPUs, as ["8.6", "12.0"] or ["current"]. None: for all that it builds for by default.
    compute_capabilities: Sequence[str] = ()


def build_plan(library: Library, model: Path, request: BuildRequest, tell: Callable[[str], None]) -> bytes:
    """Raises ModelLoadError. `tell` gets a line now and then of how far it is."""
    module = library.module
    with library.messages.collected() as told:
        builder = _make_builder(library, told)
        network = builder.create_network(_network_flags(module))
        parser = module.OnnxParser(network, library.messages.logger)
        if not parser.parse_from_file(str(model)):
            raise ModelLoadError(f"{model}: {library.title} cannot read this model: {_parser_errors(parser, told)}")
        if not network.num_outputs:
            # What is no ONNX model at all, TensorRT reads as one that is empty.
            raise ModelLoadError(f"{model}: expected an ONNX model with outputs, found none")
        _check_precision(library, network, model, request.precision)
        progress = Progress(tell)
        config = _configure(library, builder, network, request)
        # Kept in a variable of this frame: the builder does not own it.
        monitor = monitor_for(module, progress)
        if monitor is not None:
            config.progress_monitor = monitor
        serialized = builder.build_serialized_network(network, config)
    if progress.interruption is not None:
        raise progress.interruption
    if serialized is None:
        raise ModelLoadError(f"{model}: {why_not_built(library, told)}")
    return bytes(serialized)


def _make_builder(library: Library, told: Sequence[str]) -> Any:
    try:
        return library.module.Builder(library.messages.logger)
    except TypeError:
        # What pybind11 raises where the library gives a null pointer; the reason is in the log.
        pass
    without = "" if library.flavour.builds_without_gpu else ": it builds on the GPU that the plan is for"
    raise ModelLoadError(f"{library.title} cannot build here{without} ({said(told)})")


def _network_flags(module: Any) -> int:
    strongly_typed = getattr(module.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if strongly_typed is None else 1 << int(strongly_typed)


def _parser_errors(parser: Any, told: Sequence[str]) -> str:
    errors = [parser.get_error(index) for index in range(min(parser.num_errors, 3))]
    texts = []
    for error in errors:
        name = error.node_name()
        texts.append(f"{error.desc()}{f' (node {name})' if name else ''}")
    return said(texts or told)


def _check_precision(library: Library, network: Any, model: Path, precision: Precision) -> None:
    module = library.module
    if precision == "int8":
        if not any(network.get_layer(index).type == module.LayerType.QUANTIZE for index in range(network.num_layers)):
            raise ModelLoadError(
                f"{model}: precision int8: expected a quantized model, with QuantizeLinear and DequantizeLinear; make "
                "one with: python -m modelopt.onnx.quantization --onnx_path MODEL.onnx --output_path QUANTIZED.onnx"
            )
    elif (wanted := _TYPES.get(precision)) is not None and not _computes_in(network, getattr(module.DataType, wanted)):
        raise ModelLoadError(
            f"{model}: precision {precision}: the model has no tensor of that type, and {library.title} computes in "
            f"the model's own types; convert it with: python -m modelopt.onnx.autocast --onnx_path {model.name} "
            f"--low_precision_type {precision} --output_path CONVERTED.onnx"
        )


def _computes_in(network: Any, data_type: Any) -> bool:
    layers = (network.get_layer(index) for index in range(network.num_layers))
    return any(layer.get_output(index).dtype == data_type for layer in layers for index in range(layer.num_outputs))


def _configure(library: Library, builder: Any, network: Any, request: BuildRequest) -> Any:
    module = library.module
    config = builder.create_builder_config()
    tf32 = module.BuilderFlag.TF32
    if request.precision == "fp32":
        config.clear_flag(tf32)
    elif request.precision == "tf32":
        config.set_flag(tf32)
    if request.workspace_mib is not None:
        config.set_memory_pool_limit(module.MemoryPoolType.WORKSPACE, request.workspace_mib * _MIB)
    if request.optimization_level is not None:
        config.builder_optimization_level = request.optimization_level
    if user_allocation := getattr(module.BuilderFlag, "REQUIRE_USER_ALLOCATION", None):
        # TensorRT-RTX: an engine that allocates memory itself cannot be captured into a graph.
        config.set_flag(user_allocation)
    if request.compute_capabilities:
        _set_compute_capabilities(library, config, request.compute_capabilities)
    for profile in _profiles(network, request):
        _add_profile(builder, config, network, profile, request.shape_values)
    return config


def _set_compute_capabilities(library: Library, config: Any, wanted: Sequence[str]) -> None:
    known = getattr(library.module, "ComputeCapability", None)
    if known is None:
        raise ModelLoadError(
            f"compute capabilities: {library.flavour.name} builds for the GPU that it builds on; "
            "only tensorrt_rtx builds for others"
        )
    members = {name: value for name, value in known.__members__.items() if name != "NONE"}
    config.num_compute_capabilities = len(wanted)
    for index, capability in enumerate(wanted):
        name = capability.upper() if capability == CURRENT else f"SM{capability.replace('.', '')}"
        if name not in members:
            names = ", ".join(_capability(name) for name in members)
            raise ModelLoadError(f"compute capability {capability}: {library.title} builds for {names}")
        config.set_compute_capability(members[name], index)


def _capability(name: str) -> str:
    """SM120 → 12.0."""
    return f"{name[2:-1]}.{name[-1]}" if name.startswith("SM") else name.lower()


def _profiles(network: Any, request: BuildRequest) -> list[dict[str, Range]]:
    tensors = [network.get_input(index) for index in range(network.num_inputs)]
    data = {tensor.name: tuple(tensor.shape) for tensor in tensors if not tensor.is_shape_tensor}
    made = profiles_to_build(data, request.profiles, request.max_batch_size)
    shape_tensors = [tensor.name for tensor in tensors if tensor.is_shape_tensor]
    missing = [name for name in shape_tensors if name not in request.shape_values]
    if missing:
        raise ModelLoadError(
            f"the input {missing[0]} is a shape tensor, whose values the plan is built for: expected "
            f"options.shape_values to give them, such as {{{missing[0]}: [1, 224, 224]}}"
        )
    if not made and (shape_tensors or any(FREE in shape for shape in data.values())):
        made = [{}]
    return made


def _add_profile(
    builder: Any, config: Any, network: Any, ranges: Mapping[str, Range], shape_values: Mapping[str, Sequence[int]]
) -> None:
    profile = builder.create_optimization_profile()
    for name, shapes in ranges.items():
        profile.set_shape(name, *shapes)
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        if tensor.is_shape_tensor:
            values = list(shape_values[tensor.name])
            profile.set_shape_input(tensor.name, values, values, values)
    if config.add_optimization_profile(profile) < 0:
        raise ModelLoadError(f"options.profiles: TensorRT refuses the profile {dict(ranges)}")

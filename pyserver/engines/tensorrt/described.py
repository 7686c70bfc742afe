"""What an engine of TensorRT says of itself: its inputs and outputs, and the shapes that it was built for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyserver.engines.tensorrt.datatypes import datatype_of
from pyserver.engines.tensorrt.profiles import Range, Ranges, Shape
from pyserver.errors import ModelLoadError


@dataclass(frozen=True)
class DeviceTensor:
    """An input or an output in the GPU's memory. `shape` is complete; -1: a free dimension."""

    name: str
    datatype: str
    shape: Shape


@dataclass(frozen=True)
class DescribedEngine:
    """All of an engine that matters here."""

    inputs: tuple[DeviceTensor, ...]
    outputs: tuple[DeviceTensor, ...]
    # Inputs that lie on the host, with the values of the first profile's opt. TensorRT gets these arrays' addresses.
    shape_tensors: Mapping[str, NDArray[Any]]
    profiles: tuple[Ranges, ...]  # of `inputs`; at least one


def describe(module: Any, engine: Any) -> DescribedEngine:
    """Raises ModelLoadError for a tensor that cannot be served."""
    inputs: list[DeviceTensor] = []
    outputs: list[DeviceTensor] = []
    shape_tensors = {}
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        is_input = engine.get_tensor_mode(name) == module.TensorIOMode.INPUT
        if engine.get_tensor_location(name) == module.TensorLocation.HOST:
            if not is_input:
                raise ModelLoadError(
                    f"the output {name} is a shape tensor, which TensorRT writes to the host's memory: leave it out of "
                    "the model's outputs"
                )
            integers = np.int64 if engine.get_tensor_dtype(name) == module.DataType.INT64 else np.int32
            shape_tensors[name] = np.array(engine.get_tensor_profile_values(0, name)[1], integers)
            continue
        (inputs if is_input else outputs).append(_device_tensor(module, engine, name))
    profiles = tuple(
        {tensor.name: Range(*map(tuple, engine.get_tensor_profile_shape(tensor.name, number))) for tensor in inputs}
        for number in range(engine.num_optimization_profiles)
    )
    return DescribedEngine(tuple(inputs), tuple(outputs), shape_tensors, profiles)


def _device_tensor(module: Any, engine: Any, name: str) -> DeviceTensor:
    data_type = engine.get_tensor_dtype(name)
    datatype = datatype_of(data_type)
    if datatype is None:
        raise ModelLoadError(
            f"the tensor {name} is {data_type.name}, which no request can carry: cast it to FP16 or FP32 in the model"
        )
    layout = engine.get_tensor_format(name)
    if layout != module.TensorFormat.LINEAR:
        raise ModelLoadError(
            f"the tensor {name} has the layout {layout.name}, expected LINEAR: build the plan without I/O formats"
        )
    return DeviceTensor(name, datatype, tuple(engine.get_tensor_shape(name)))

"""Builder, network, parser and configuration: an ONNX model of a few operators → a plan."""

from __future__ import annotations

import json
from typing import Any

from stand_in.driver import CudaError, Driver
from stand_in.enums import BuilderFlag, DataType, LayerType, MemoryPoolType, Severity
from stand_in.logger import ILogger, initialised

Shape = tuple[int, ...]
_TYPES = {1: DataType.FLOAT, 3: DataType.INT8, 6: DataType.INT32, 7: DataType.INT64, 10: DataType.HALF}


class ITensor:
    def __init__(self, name: str, shape: Shape, dtype: DataType) -> None:
        self.name = name
        self.shape = shape
        self.dtype = dtype
        self.is_shape_tensor = False


class ILayer:
    def __init__(self, kind: LayerType, output: ITensor) -> None:
        self.type = kind
        self.num_outputs = 1
        self._output = output

    def get_output(self, index: int) -> ITensor:
        del index
        return self._output


class INetworkDefinition:
    def __init__(self) -> None:
        self.inputs: list[ITensor] = []
        self.outputs: list[ITensor] = []
        self.layers: list[ILayer] = []
        self.ops: list[dict[str, Any]] = []

    @property
    def num_inputs(self) -> int:
        return len(self.inputs)

    @property
    def num_outputs(self) -> int:
        return len(self.outputs)

    @property
    def num_layers(self) -> int:
        return len(self.layers)

    def get_input(self, index: int) -> ITensor:
        return self.inputs[index]

    def get_layer(self, index: int) -> ILayer:
        return self.layers[index]


class ParserError:
    def __init__(self, text: str, node: str) -> None:
        self._text = text
        self._node = node

    def desc(self) -> str:
        return self._text

    def node_name(self) -> str:
        return self._node


class OnnxParser:
    """Reads Identity, Add of two tensors and Mul by a constant."""

    def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
        self._network = network
        self._errors: list[ParserError] = []
        initialised(logger)

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]

    def parse_from_file(self, model: str) -> bool:
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(model).graph
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self._network.inputs = [_tensor(value) for value in graph.input]
        self._network.outputs = [_tensor(value) for value in graph.output]
        for node in graph.node:
            op: dict[str, Any] = {"inputs": [node.input[0]], "output": node.output[0]}
            if node.op_type == "Identity":
                op["op"] = "copy"
            elif node.op_type == "Mul" and node.input[1] in constants:
                op |= {"op": "scale", "factor": float(constants[node.input[1]])}
            elif node.op_type == "Add":
                op |= {"op": "add", "inputs": list(node.input)}
            else:
                self._errors.append(ParserError(f'creator && "Plugin not found: {node.op_type}"', node.name))
                return False
            self._network.ops.append(op)
            dtype = self._network.inputs[0].dtype
            self._network.layers.append(ILayer(LayerType.ELEMENTWISE, ITensor(node.output[0], (), dtype)))
        return True


class IOptimizationProfile:
    def __init__(self) -> None:
        self.shapes: dict[str, list[Shape]] = {}

    def set_shape(self, input: str, min: Shape, opt: Shape, max: Shape) -> None:  # noqa: A002 (TensorRT's names)
        self.shapes[input] = [tuple(min), tuple(opt), tuple(max)]

    def set_shape_input(self, input: str, min: list[int], opt: list[int], max: list[int]) -> None:  # noqa: A002
        self.shapes[input] = [tuple(min), tuple(opt), tuple(max)]


class IBuilderConfig:
    def __init__(self) -> None:
        self.builder_optimization_level = 3
        self.progress_monitor: Any = None
        self.profiles: list[IOptimizationProfile] = []
        self.flags: set[int] = {int(BuilderFlag.TF32)}

    def set_flag(self, flag: int) -> None:
        self.flags.add(int(flag))

    def clear_flag(self, flag: int) -> None:
        self.flags.discard(int(flag))

    def set_memory_pool_limit(self, pool: MemoryPoolType, pool_size: int) -> None:
        del pool, pool_size

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1


class RtxBuilderConfig(IBuilderConfig):
    def __init__(self) -> None:
        super().__init__()
        self.num_compute_capabilities = 0

    def set_compute_capability(self, compute_capability: Any, index: int) -> bool:
        del compute_capability
        return index < self.num_compute_capabilities


class Builder:
    _flavour = ""
    _version = ""

    def __init__(self, logger: ILogger) -> None:
        self._logger = initialised(logger)

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        if not flags:
            raise AssertionError("expected a strongly typed network")
        return INetworkDefinition()

    def create_builder_config(self) -> IBuilderConfig:
        return RtxBuilderConfig() if self._flavour == "tensorrt_rtx" else IBuilderConfig()

    def create_optimization_profile(self) -> IOptimizationProfile:
        return IOptimizationProfile()

    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> bytes | None:
        monitor = config.progress_monitor
        monitor.phase_start("Building engine", None, 2)
        monitor.phase_start("Timing tactics", "Building engine", 1)
        going_on = monitor.step_complete("Timing tactics", 0)
        monitor.phase_finish("Timing tactics")
        going_on = going_on and monitor.step_complete("Building engine", 0)
        monitor.phase_finish("Building engine")
        if not going_on:
            return None
        try:
            compute = Driver().compute_capability()
        except CudaError as error:
            self._logger.log(Severity.ERROR, f"IBuilder::buildSerializedNetwork: Error Code 1: Cuda Runtime ({error})")
            return None
        return json.dumps(self._plan(network, config, compute)).encode()

    def _plan(self, network: INetworkDefinition, config: IBuilderConfig, compute: str) -> dict[str, Any]:
        def described(tensor: ITensor, mode: str) -> dict[str, Any]:
            return {"name": tensor.name, "mode": mode, "datatype": tensor.dtype.name, "shape": tensor.shape}

        tensors = [described(tensor, "INPUT") for tensor in network.inputs]
        tensors += [described(tensor, "OUTPUT") for tensor in network.outputs]
        return {
            "plan": self._flavour,
            "version": self._version,
            "compute": compute,
            "weights_bytes": 64,
            "scratch_bytes": 65536,
            "tensors": tensors,
            "profiles": [profile.shapes for profile in config.profiles],
            "ops": network.ops,
        }


def builder_class(flavour: str, version: str) -> type[Builder]:
    """The class `Builder` of a flavour's module."""
    return type("Builder", (Builder,), {"_flavour": flavour, "_version": version})


def _tensor(value: Any) -> ITensor:
    kind = value.type.tensor_type
    shape = tuple(-1 if dim.dim_param else dim.dim_value for dim in kind.shape.dim)
    return ITensor(value.name, shape, _TYPES[kind.elem_type])

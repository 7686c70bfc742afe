"""Runtime and ICudaEngine."""

from __future__ import annotations

from typing import Any

from stand_in.driver import CudaError, Driver
from stand_in.enums import (
    DataType,
    DynamicShapesKernelSpecializationStrategy,
    EngineValidity,
    ExecutionContextAllocationStrategy,
    Severity,
    TensorFormat,
    TensorIOMode,
    TensorLocation,
)
from stand_in.execution import IExecutionContext, RtxExecutionContext
from stand_in.logger import ILogger, initialised
from stand_in.plans import Plan, readable, tell_validity

Shape = tuple[int, ...]


class IRuntimeConfig:
    def __init__(self) -> None:
        self.dynamic_shapes_kernel_specialization_strategy = DynamicShapesKernelSpecializationStrategy.LAZY
        self._allocation = ExecutionContextAllocationStrategy.STATIC

    def set_execution_context_allocation_strategy(self, strategy: ExecutionContextAllocationStrategy) -> None:
        self._allocation = strategy

    def get_execution_context_allocation_strategy(self) -> ExecutionContextAllocationStrategy:
        return self._allocation


class ICudaEngine:
    """Holds its weights in the GPU's memory."""

    _context_class = IExecutionContext

    def __init__(self, plan: Plan, driver: Driver, logger: ILogger) -> None:
        self.plan = plan
        self.driver = driver
        self.logger = logger
        self._tensors = {tensor["name"]: tensor for tensor in plan["tensors"]}
        self._weights = driver.take(plan["weights_bytes"])

    def __del__(self) -> None:
        if hasattr(self, "_weights"):
            self.driver.give_back(self._weights)

    @property
    def num_io_tensors(self) -> int:
        return len(self._tensors)

    @property
    def num_optimization_profiles(self) -> int:
        return max(1, len(self.plan["profiles"]))

    @property
    def device_memory_size_v2(self) -> int:
        return int(self.plan["scratch_bytes"])

    def get_tensor_name(self, index: int) -> str:
        return list(self._tensors)[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode[self._tensors[name]["mode"]]

    def get_tensor_location(self, name: str) -> TensorLocation:
        return TensorLocation[self._tensors[name].get("location", "DEVICE")]

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType[self._tensors[name]["datatype"]]

    def get_tensor_format(self, name: str) -> TensorFormat:
        return TensorFormat[self._tensors[name].get("format", "LINEAR")]

    def get_tensor_shape(self, name: str) -> Shape:
        return tuple(self._tensors[name]["shape"])

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Shape]:
        profiles = self.plan["profiles"]
        if profiles and name in profiles[profile_index]:
            return [tuple(shape) for shape in profiles[profile_index][name]]
        return [self.get_tensor_shape(name)] * 3

    # The names of its parameters are exchanged in the real interface, too: the index comes first.
    def get_tensor_profile_values(self, name: int, profile_index: str) -> list[list[int]]:
        del name
        return [list(self._tensors[profile_index]["values"])] * 3

    def create_execution_context(
        self, strategy: ExecutionContextAllocationStrategy = ExecutionContextAllocationStrategy.STATIC
    ) -> Any:
        if strategy != ExecutionContextAllocationStrategy.USER_MANAGED:
            raise AssertionError("expected scratch memory that the contexts of an instance share")
        return self._context_class(self)


class RtxEngine(ICudaEngine):
    """Its contexts take a configuration."""

    _context_class = RtxExecutionContext

    def create_runtime_config(self) -> IRuntimeConfig:
        return IRuntimeConfig()

    def create_execution_context(self, runtime_config: IRuntimeConfig) -> Any:  # type: ignore[override]
        strategy = runtime_config.dynamic_shapes_kernel_specialization_strategy
        if strategy != DynamicShapesKernelSpecializationStrategy.EAGER:
            raise AssertionError("expected kernels that are compiled for their shapes before a graph is captured")
        return super().create_execution_context(runtime_config.get_execution_context_allocation_strategy())


class Runtime:
    _flavour = "tensorrt"
    _version = ""
    _engine_class = ICudaEngine

    def __init__(self, logger: ILogger) -> None:
        self._logger = initialised(logger)
        self._driver = Driver()

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        try:
            compute = self._driver.compute_capability()
            plan = readable(serialized_engine, self._flavour, self._version, compute, self._logger)
            return None if plan is None else self._engine_class(plan, self._driver, self._logger)
        except CudaError as error:
            what = "out of memory" if error.out_of_memory else str(error)
            self._logger.log(Severity.ERROR, f"IRuntime::deserializeCudaEngine: Error Code 1: Cuda Runtime ({what})")
            return None


class RtxRuntime(Runtime):
    _flavour = "tensorrt_rtx"
    _engine_class = RtxEngine

    def get_engine_validity(self, buffer: bytes) -> tuple[EngineValidity, int]:
        valid = tell_validity(buffer, self._version, self._logger)
        return (EngineValidity.VALID if valid else EngineValidity.INVALID, 0)


def runtime_class(flavour: str, version: str) -> type[Runtime]:
    """The class `Runtime` of a flavour's module."""
    base = RtxRuntime if flavour == "tensorrt_rtx" else Runtime
    return type("Runtime", (base,), {"_flavour": flavour, "_version": version})

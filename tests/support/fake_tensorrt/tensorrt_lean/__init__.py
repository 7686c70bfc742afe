"""The stand-in's `tensorrt_lean`: executes only."""

# ruff: noqa: F401 (what users of the module find in it)
from stand_in.enums import (
    DataType,
    ExecutionContextAllocationStrategy,
    TensorFormat,
    TensorIOMode,
    TensorLocation,
)
from stand_in.execution import IExecutionContext
from stand_in.flavour import version_of
from stand_in.logger import ILogger, IOutputAllocator
from stand_in.runtime import ICudaEngine, runtime_class

__version__ = version_of("tensorrt_lean")
Runtime = runtime_class("tensorrt_lean", __version__)

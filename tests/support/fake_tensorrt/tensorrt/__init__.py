"""The stand-in's `tensorrt`: builds and executes."""

# ruff: noqa: F401 (what users of the module find in it)
from stand_in.builder import (
    IBuilderConfig,
    ILayer,
    INetworkDefinition,
    IOptimizationProfile,
    ITensor,
    OnnxParser,
    ParserError,
    builder_class,
)
from stand_in.enums import (
    BuilderFlag,
    DataType,
    ExecutionContextAllocationStrategy,
    LayerType,
    MemoryPoolType,
    NetworkDefinitionCreationFlag,
    TensorFormat,
    TensorIOMode,
    TensorLocation,
)
from stand_in.execution import IExecutionContext
from stand_in.flavour import version_of
from stand_in.logger import ILogger, IOutputAllocator, IProgressMonitor
from stand_in.runtime import ICudaEngine, runtime_class

__version__ = version_of("tensorrt")
Builder = builder_class("tensorrt", __version__)
Runtime = runtime_class("tensorrt", __version__)

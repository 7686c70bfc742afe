"""The stand-in's `tensorrt_rtx`: builds and executes, with what only TensorRT-RTX has."""

# ruff: noqa: F401 (what users of the module find in it)
from stand_in.builder import (
    ILayer,
    INetworkDefinition,
    IOptimizationProfile,
    ITensor,
    OnnxParser,
    ParserError,
    builder_class,
)
from stand_in.builder import RtxBuilderConfig as IBuilderConfig
from stand_in.enums import BuilderFlagRtx as BuilderFlag
from stand_in.enums import (
    ComputeCapability,
    DataType,
    DynamicShapesKernelSpecializationStrategy,
    EngineValidity,
    ExecutionContextAllocationStrategy,
    LayerType,
    MemoryPoolType,
    NetworkDefinitionCreationFlag,
    TensorFormat,
    TensorIOMode,
    TensorLocation,
)
from stand_in.execution import RtxExecutionContext as IExecutionContext
from stand_in.flavour import version_of
from stand_in.logger import ILogger, IOutputAllocator, IProgressMonitor
from stand_in.runtime import IRuntimeConfig, runtime_class
from stand_in.runtime import RtxEngine as ICudaEngine

__version__ = version_of("tensorrt_rtx")
Builder = builder_class("tensorrt_rtx", __version__)
Runtime = runtime_class("tensorrt_rtx", __version__)

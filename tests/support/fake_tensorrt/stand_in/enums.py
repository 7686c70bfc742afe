"""Enumerations, with as many members as are of use here. Values are not TensorRT's: nothing may depend on them."""

from __future__ import annotations

from enum import Enum, IntEnum


class _Members(Enum):
    """pybind11's enumerations have __members__, name and int(), as Python's."""


class DataType(_Members):
    FLOAT = 0
    HALF = 1
    BF16 = 2
    INT8 = 3
    INT32 = 4
    INT64 = 5
    BOOL = 6
    UINT8 = 7
    FP8 = 8


class TensorIOMode(_Members):
    NONE = 0
    INPUT = 1
    OUTPUT = 2


class TensorLocation(_Members):
    DEVICE = 0
    HOST = 1


class TensorFormat(_Members):
    LINEAR = 0
    CHW4 = 1


class LayerType(_Members):
    ELEMENTWISE = 0
    IDENTITY = 1
    QUANTIZE = 2


class ExecutionContextAllocationStrategy(_Members):
    STATIC = 0
    ON_PROFILE_CHANGE = 1
    USER_MANAGED = 2


class DynamicShapesKernelSpecializationStrategy(_Members):
    LAZY = 0
    EAGER = 1
    NONE = 2


class NetworkDefinitionCreationFlag(IntEnum):
    STRONGLY_TYPED = 1


class BuilderFlag(IntEnum):
    TF32 = 0


class BuilderFlagRtx(IntEnum):
    TF32 = 0
    REQUIRE_USER_ALLOCATION = 1


class MemoryPoolType(_Members):
    WORKSPACE = 0


class ComputeCapability(_Members):
    NONE = 0
    CURRENT = 1
    SM80 = 2
    SM86 = 3
    SM89 = 4
    SM120 = 5


class EngineValidity(_Members):
    VALID = 0
    SUBOPTIMAL = 1
    INVALID = 2


class Severity(_Members):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4

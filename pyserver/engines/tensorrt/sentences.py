"""What TensorRT logs when it refuses → a sentence that says what to install or to change."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyserver.engines.tensorrt.library import Library
from pyserver.errors import ModelLoadError, one_line

_VERSION = re.compile(
    r"not compatible with this version of TensorRT"
    r".*?expecting (?:library )?version ([\w.]+),? got (?:version )?([\w.]+)",
    re.IGNORECASE,
)
_RTX_VERSION = re.compile(
    r"created with TensorRT-RTX version ([\w.]+), but the current runtime is TensorRT-RTX version ([\w.]+)"
)
_DEVICE = re.compile(r"incompatible device, expecting compute ([\d.]+),? got compute ([\d.]+)", re.IGNORECASE)
_NOT_A_PLAN = re.compile(r"magic ?tag|stdArchiveReader|serialization assertion", re.IGNORECASE)
_MEMORY = re.compile(r"out ?of ?memory|cudaErrorMemoryAllocation|OutOfMemory", re.IGNORECASE)
_DRIVER = re.compile(
    r"driver version is insufficient|no CUDA-capable device|CUDA initialization failure", re.IGNORECASE
)


class DeviceMemoryError(ModelLoadError):
    """The GPU's memory is not enough; there is nothing wrong with the plan."""


def why_not_read(library: Library, told: Sequence[str], free_bytes: int | None = None) -> ModelLoadError:
    """Why a plan cannot be deserialized, from what the library logged."""
    if sentence := _wrong_plan(library, " ".join(told), told):
        return ModelLoadError(sentence)
    if _MEMORY.search(" ".join(told)):
        return DeviceMemoryError(out_of_memory(free_bytes))
    if _DRIVER.search(" ".join(told)):
        return ModelLoadError(
            f"{library.title} cannot use the NVIDIA driver here ({said(told)}): install a newer driver"
        )
    return ModelLoadError(f"{library.title} cannot read the plan: {said(told)}")


def _wrong_plan(library: Library, text: str, told: Sequence[str]) -> str:
    """What is wrong with the plan itself; empty where nothing is known to be."""
    if found := _VERSION.search(text):
        expected, got = (part.rstrip(".") for part in found.groups())
        return _other_version(library, expected, got)
    if found := _RTX_VERSION.search(text):
        got, expected = (part.rstrip(".") for part in found.groups())
        return _other_version(library, expected, got)
    if found := _DEVICE.search(text):
        # TensorRT says "expecting" of the plan and "got" of the GPU.
        expected, got = (part.rstrip(".") for part in found.groups())
        return (
            f"the plan was built for GPUs of compute capability {expected}, and the GPU here has {got}: "
            "build it anew for this one (pyserver build)"
        )
    if _NOT_A_PLAN.search(text):
        return f"the file is no plan of {library.title}, or it is damaged ({said(told)})"
    return ""


def _other_version(library: Library, expected: str, got: str) -> str:
    return (
        f"the plan was built by version {got}, and {library.flavour.name} here is {expected}: build it anew "
        "(pyserver build), or install the version that it was built by"
    )


def why_not_executed(library: Library, told: Sequence[str], free_bytes: int | None = None) -> str:
    """Why no context could be made, or executed."""
    if _MEMORY.search(" ".join(told)):
        return out_of_memory(free_bytes)
    return f"{library.title} cannot execute the model: {said(told)}"


def why_not_built(library: Library, told: Sequence[str]) -> str:
    """Why no plan could be built."""
    if _MEMORY.search(" ".join(told)):
        return f"{library.title} runs out of memory: give it less (workspace_mib), or smaller max shapes ({said(told)})"
    if _DRIVER.search(" ".join(told)):
        return (
            f"{library.title} finds no NVIDIA GPU to build for here: name the compute capabilities that the plan is "
            f"for, such as --compute-capability 8.9, or none ({said(told)})"
        )
    return f"{library.title} cannot build a plan: {said(told)}"


def out_of_memory(free_bytes: int | None, wanted_bytes: int | None = None) -> str:
    """The GPU's memory is not enough."""
    wanted = f"{wanted_bytes >> 20} MiB are wanted" if wanted_bytes is not None else "more is wanted"
    free = f" and {free_bytes >> 20} MiB are free" if free_bytes is not None else ""
    return (
        f"the GPU's memory is not enough: {wanted}{free}; use fewer instances, lanes or buckets, a smaller "
        "max_batch_size, or another device"
    )


def said(told: Sequence[str]) -> str:
    """What the library said, in one line: the first errors, which led to the others."""
    errors = [text for text in told if "catchCudaError" not in text.partition("]")[0]] or list(told)
    return one_line("; ".join(errors[:3]), 500) if errors else "it does not say why"

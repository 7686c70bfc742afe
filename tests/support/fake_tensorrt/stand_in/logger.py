"""The bases that Python code derives from."""

from __future__ import annotations

from typing import Any

from stand_in.enums import Severity


class ILogger:
    """Where a library tells what goes wrong."""

    Severity = Severity

    def __init__(self) -> None:
        self._initialised = True

    def log(self, severity: Severity, msg: str) -> None:
        raise NotImplementedError


class IProgressMonitor:
    def __init__(self) -> None:
        self._initialised = True

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        raise NotImplementedError

    def step_complete(self, phase_name: str, step: int) -> bool:
        raise NotImplementedError

    def phase_finish(self, phase_name: str) -> None:
        raise NotImplementedError


class IOutputAllocator:
    def __init__(self) -> None:
        self._initialised = True

    def reallocate_output_async(self, tensor_name: str, memory: int, size: int, alignment: int, stream: int) -> int:
        raise NotImplementedError

    def notify_shape(self, tensor_name: str, shape: Any) -> None:
        raise NotImplementedError


def initialised(derived: Any) -> Any:
    """What pybind11 checks: a derived class that forgets its base's constructor cannot be passed on."""
    if not getattr(derived, "_initialised", False):
        raise TypeError(f"{type(derived).__name__}.__init__() must be called when overriding __init__")
    return derived

"""The flavours of TensorRT: three packages with one Python interface.

tensorrt        builds and executes; a plan is for one version, and for one kind of GPU
tensorrt_rtx    builds without a GPU; a plan is finished, within seconds, on the GPU that executes it
tensorrt_lean   executes only; plans that `tensorrt` built to be version-compatible
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from pyserver.config.tensorrt import FlavourName
from pyserver.errors import ModelLoadError, one_line


@dataclass(frozen=True)
class Flavour:
    """One of the packages. Its name is that of its Python module and of the option that asks for it."""

    name: FlavourName
    extra: str
    builds: bool
    builds_without_gpu: bool = False

    @property
    def how_to_install(self) -> str:
        """A command line."""
        return f"pip install 'pyserver[{self.extra}]'"


FLAVOURS = (
    Flavour("tensorrt", "tensorrt", builds=True),
    Flavour("tensorrt_rtx", "tensorrt-rtx", builds=True, builds_without_gpu=True),
    Flavour("tensorrt_lean", "tensorrt-lean", builds=False),
)


class FlavourMissingError(ModelLoadError):
    """A flavour cannot be imported; `installed`: though it is there."""

    def __init__(self, flavour: Flavour, message: str, *, installed: bool) -> None:
        super().__init__(message)
        self.flavour = flavour
        self.installed = installed


class NoFlavourError(ModelLoadError):
    """None of those that may do it can be imported."""

    def __init__(self, tried: Sequence[FlavourMissingError]) -> None:
        super().__init__(_none_is_installed(tried))


def import_flavour(flavour: Flavour) -> ModuleType:
    """Its module. Raises FlavourMissingError."""
    try:
        return importlib.import_module(flavour.name)
    except ModuleNotFoundError as error:
        if error.name == flavour.name:
            message = f"{flavour.name} is not installed: {flavour.how_to_install}"
            raise FlavourMissingError(flavour, message, installed=False) from None
        raise _broken(flavour, error) from None
    except Exception as error:
        # A package of hundreds of megabytes of libraries has many ways not to come up.
        raise _broken(flavour, error) from None


def candidates(name: FlavourName | None, *, to_build: bool = False) -> Sequence[Flavour]:
    """The flavours that may do it, the best first: the one that is asked for, or all. Raises ModelLoadError."""
    asked = [flavour for flavour in FLAVOURS if name in (None, flavour.name)]
    able = [flavour for flavour in asked if flavour.builds or not to_build]
    if not able:
        raise ModelLoadError(f"{name} reads plans and builds none: build with tensorrt or tensorrt_rtx")
    return able


def _none_is_installed(tried: Sequence[FlavourMissingError]) -> str:
    if len(tried) == 1:
        return tried[0].message
    broken = [error.message for error in tried if error.installed]
    if broken:
        return "; ".join(broken)
    ways = ", or ".join(error.flavour.how_to_install for error in tried)
    return f"none of {', '.join(error.flavour.name for error in tried)} is installed: {ways}"


def _broken(flavour: Flavour, error: Exception) -> FlavourMissingError:
    message = f"{flavour.name} is installed, but cannot be imported: {type(error).__name__}: {error}"
    return FlavourMissingError(flavour, one_line(message, 500), installed=True)

"""What is told of models: values, safe to hand around."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pyserver import _core


class ModelVersionState(Enum):
    """Where a version stands in its life."""

    LOADING = "LOADING"  # files are read, the engine is built, warm-up requests run
    AVAILABLE = "AVAILABLE"  # answers requests
    UNLOADING = "UNLOADING"  # takes no new requests; those it has are finished
    UNAVAILABLE = "UNAVAILABLE"  # does not answer requests


@dataclass(frozen=True)
class VersionState:
    """One version of a model."""

    version: int
    state: ModelVersionState
    # One line. Empty while all is well; an AVAILABLE version whose reload failed says so here.
    reason: str
    # What serves (or served until now); None where nothing was loaded.
    runtime: _core.ModelRuntime | None


@dataclass(frozen=True)
class ModelState:
    """One model."""

    name: str
    versions: tuple[VersionState, ...]  # the highest first
    default_version: int  # answers requests that name no version; 0: none does

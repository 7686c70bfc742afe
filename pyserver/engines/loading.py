"""What every loader is given, and what it is."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, Protocol

from pyserver import _core
from pyserver.config.schema import ModelConfig, TensorConfig
from pyserver.errors import ModelLoadError


class DeviceChains(NamedTuple):
    """Ops that run on a GPU beside the model."""

    preprocess: Mapping[str, _core.DeviceChain]  # by the model's input
    postprocess: Mapping[str, _core.DeviceChain]  # by output


class DeviceOps(Protocol):
    """What model.yaml wants done before and after the model, for engines that can do it themselves."""

    def on_device(self, model: _core.ModelSignature, device: _core.CudaDevice) -> DeviceChains:
        """As much of it as has kernels, which is the engine's to do from then on.

        `model` is the signature of the model alone: the engine's has, in place of what chains make, what they take.
        Raises ModelLoadError or _core.StatusError; without NVRTC with what to install.
        """


@dataclass(frozen=True)
class LoadContext:
    """What the server gives a model."""

    threads: int  # CPU threads, where the model's options name none
    cache_folder: Path | None = None  # compiled models are kept there
    config_source: Path | None = None  # the model.yaml, for messages
    core: _core.Core | None = None  # whose requests the model is for; engines on a GPU share its page-locked memory
    ops: DeviceOps | None = None  # unless options.device_ops is false, an engine on a GPU asks for them


def device_chains(
    context: LoadContext, model: _core.ModelSignature, device: _core.CudaDevice, *, wanted: bool
) -> DeviceChains:
    """The ops of model.yaml that run on `device` beside the model; none where `options.device_ops` is false.

    Raises ModelLoadError or StatusError.
    """
    if context.ops is None or not wanted:
        return DeviceChains({}, {})
    return context.ops.on_device(model, device)


class Loader(Protocol):
    """Makes files on disk a core engine."""

    def load(self, path: Path, config: ModelConfig, context: LoadContext) -> _core.Engine:
        """`path` is a version's folder or a model file. Raises ConfigError, ModelLoadError or _core.StatusError."""

    def reads(self, path: Path) -> bool:
        """Whether `path` holds files for this engine."""

    def version(self) -> str:
        """The engine's own version, for people. Raises what keeps the engine from working."""


def tensor_specs(tensors: Sequence[TensorConfig]) -> list[_core.TensorSpec]:
    """The core's form of configured tensors."""
    return [_core.TensorSpec(t.name, t.datatype, t.shape, optional=t.optional) for t in tensors]


def options_origin(context: LoadContext) -> str:
    """What stands before an option's name in messages."""
    return f"{context.config_source}: options." if context.config_source is not None else "options."


def one_model(path: Path, candidates: Iterable[Path], kinds: str) -> Path:
    """The one model among the `candidates` in `path`; where there are several, the one that is called `model`.

    `kinds` is what was looked for. Raises ModelLoadError.
    """
    found = sorted(candidates)
    if len(found) > 1:
        found = [candidate for candidate in found if candidate.stem == "model"] or found
    if not found:
        raise ModelLoadError(f"{path}: expected {kinds}, found none of them")
    if len(found) > 1:
        names = ", ".join(candidate.name for candidate in found)
        raise ModelLoadError(f"{path}: expected one model, found {names}; call the one that is meant model.*")
    return found[0]


def files_with(path: Path, suffixes: Iterable[str]) -> list[Path]:
    """The file `path`, or the files in the folder `path`, that end so and are not hidden."""
    files = [path] if path.is_file() else list(path.iterdir()) if path.is_dir() else []
    return [file for file in files if file.suffix in suffixes and not file.name.startswith(".") and file.is_file()]


def import_engine(name: str, extra: str) -> ModuleType:
    """The package `name`, which is installed as `extra`. Raises ModelLoadError, saying what to install."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == name
        reason = "is not installed" if missing else f"cannot be imported ({error})"
        raise ModelLoadError(
            f"the engine {name} needs the package {name}, which {reason}: pip install '{extra}'"
        ) from None

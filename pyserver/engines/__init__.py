"""Loaders: files on disk → a core engine. A new engine is a file here and a line in ENGINES."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pyserver import _core
from pyserver.config.schema import ModelConfig
from pyserver.engines import identity, onnxruntime, openvino, tensorrt, torch
from pyserver.engines.loading import LoadContext, Loader
from pyserver.errors import ModelLoadError, PyserverError, one_line

__all__ = ["ENGINES", "EngineReport", "LoadContext", "detect", "engine_report", "inspect_model", "load_engine"]

ENGINES: Mapping[str, Loader] = {
    "openvino": openvino.LOADER,
    "tensorrt": tensorrt.LOADER,
    "torch": torch.LOADER,
    "onnxruntime": onnxruntime.LOADER,
    "identity": identity.LOADER,
}


class EngineReport(NamedTuple):
    """What `pyserver doctor` says of an engine."""

    name: str
    available: bool
    detail: str  # its version, or why it is not available


def detect(path: Path) -> str:
    """The engine that takes the files in the folder (or the file) `path`. Raises ModelLoadError."""
    for name, loader in ENGINES.items():
        if loader.reads(path):
            return name
    raise ModelLoadError(
        f"{path}: expected a model file, found none; openvino reads {openvino.FILE_KINDS}, tensorrt "
        f"{tensorrt.FILE_KINDS}, torch {torch.FILE_KINDS}, and an identity model needs a model.yaml with engine: "
        "identity"
    )


def load_engine(path: Path, config: ModelConfig, context: LoadContext) -> _core.Engine:
    """Loads a version's folder, or a model file. Raises ConfigError, ModelLoadError."""
    loader = ENGINES[config.engine or detect(path)]
    try:
        return loader.load(path, config, context)
    except _core.StatusError as error:
        raise ModelLoadError(error.message) from None


def inspect_model(path: Path) -> _core.ModelSignature:
    """What the files of a model say: inputs, outputs, batchability. Raises ModelLoadError.

    Nothing is compiled for OpenVINO; a model of another engine is loaded.
    """
    if not path.exists():
        raise ModelLoadError(f"{path}: no such file or folder")
    engine = detect(path)
    if engine == "tensorrt":
        raise ModelLoadError(
            f"{path}: a plan can only be read on the GPU that it was built for: serve it, and ask pyserver status"
        )
    if engine != "openvino":
        return load_engine(path, ModelConfig(), LoadContext(threads=1)).signature
    try:
        return _core.inspect_openvino_model(str(openvino.find_model(path)))
    except _core.StatusError as error:
        raise ModelLoadError(error.message) from None


def engine_report() -> list[EngineReport]:
    """Every engine, with its version or the reason why it does not work here."""
    report = []
    for name, loader in ENGINES.items():
        try:
            report.append(EngineReport(name, True, loader.version()))
        except PyserverError as error:  # noqa: PERF203 (it says what to install)
            report.append(EngineReport(name, False, error.message))
        except Exception as error:  # whatever it is, it is what the report is for
            report.append(EngineReport(name, False, one_line(f"{type(error).__name__}: {error}")))
    return report

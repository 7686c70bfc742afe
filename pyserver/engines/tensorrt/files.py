"""The file that TensorRT is to execute: a plan, or an ONNX model to build one of."""

from __future__ import annotations

from pathlib import Path

from pyserver.errors import ModelLoadError

PLAN_SUFFIXES = (".plan", ".engine")
ONNX_SUFFIX = ".onnx"
FILE_KINDS = "*.plan, *.engine and (with engine: tensorrt) *.onnx"


def find_model(path: Path) -> Path:
    """The one plan in a version's folder, else the one ONNX model. Raises ModelLoadError.

    Where there are several, the one that is called `model` is meant.
    """
    for suffixes in (PLAN_SUFFIXES, (ONNX_SUFFIX,)):
        found = _files(path, suffixes)
        if len(found) > 1:
            found = [file for file in found if file.stem == "model"] or found
        if len(found) > 1:
            names = ", ".join(file.name for file in found)
            raise ModelLoadError(f"{path}: expected one model, found {names}; call the one that is meant model.*")
        if found:
            return found[0]
    raise ModelLoadError(f"{path}: expected {FILE_KINDS}, found none of them")


def holds_plan(path: Path) -> bool:
    """Whether there is a plan, which nothing but TensorRT reads."""
    return bool(_files(path, PLAN_SUFFIXES))


def _files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    files = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    return [file for file in files if file.suffix in suffixes and not file.name.startswith(".") and file.is_file()]

"""What is not opened: files of PyTorch that hold pickles, since reading a pickle runs whatever code is in it.

A model is still a program, and PyTorch evaluates texts in it: what else a file does is not looked at. Serve models
whose makers you trust.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from pyserver.errors import ModelLoadError

_HOW = "save the model with torch.export.save(…, 'model.pt2'), or as TorchScript with torch.jit.save(…, 'model.pt')"
# In an archive of torch.export, below its one top folder.
_CONFIGS = (("data/weights/", "weights_config.json"), ("data/constants/", "constants_config.json"))
_SAMPLES = "data/sample_inputs/"
_TENSOR_FILES = ("weight_", "tensor_")


def check_torchscript(file: Path) -> None:
    """Raises ModelLoadError where the file is no archive of torch.jit.save()."""
    names = _names(file)
    if any(name.endswith("/constants.pkl") for name in names) and any("/code/" in name for name in names):
        return  # TorchScript's own reader makes tensors and its own types of these, nothing else
    raise ModelLoadError(
        f"{file} is not TorchScript: it looks like a pickled module or state dict, which is not read, since that runs "
        f"whatever code it holds; {_HOW}"
    )


def check_exported(torch: Any, file: Path) -> None:
    """Raises ModelLoadError where the file is no archive of torch.export.save(), or one that needs Python's pickle."""
    names = _names(file)
    roots = {name.split("/", 1)[0] for name in names}
    root = next(iter(roots)) if len(roots) == 1 else ""
    if f"{root}/models/model.json" not in names or len(names) != len(set(names)):
        raise ModelLoadError(f"{file} is not an archive of torch.export.save() of PyTorch 2.8 or newer; {_HOW}")
    inner = {name.removeprefix(f"{root}/") for name in names}
    with zipfile.ZipFile(file) as archive:
        for name in sorted(inner):
            if name.startswith("data/aotinductor/"):
                raise _refused(file, name, "machine code")
            if any(name.startswith(folder) and name.endswith(".pt") for folder, _ in _CONFIGS):
                raise _refused(file, name, "pickled tensors")
            if any(name.startswith(folder) and name.endswith(end) for folder, end in _CONFIGS):
                _check_payloads(file, name, archive.read(f"{root}/{name}"))
            if name.startswith(_SAMPLES):
                _check_samples(torch, file, name, archive.read(f"{root}/{name}"))


def _names(file: Path) -> list[str]:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise ModelLoadError(
            f"{file} is not a model that PyTorch can be given: expected an archive, but {error}; {_HOW}"
        ) from None


def _check_payloads(file: Path, name: str, content: bytes) -> None:
    try:
        payloads = json.loads(content)["config"]
        for key, payload in payloads.items():
            if payload["use_pickle"] or not payload["path_name"].startswith(_TENSOR_FILES):
                raise _refused(file, f"{key} in {name}", "pickled objects")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelLoadError(f"{file}: {name} cannot be read: {type(error).__name__}: {error}") from None


def _check_samples(torch: Any, file: Path, name: str, content: bytes) -> None:
    """torch.export.load() reads them with pickle where its safe reader cannot."""
    if not content:
        return
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:  # whatever it is, the safe reader does not take it
        raise _refused(file, name, "pickled objects") from error


def _refused(file: Path, what: str, kind: str) -> ModelLoadError:
    return ModelLoadError(
        f"{file}: {what} holds {kind}, which are not read, since that runs whatever code they hold; {_HOW}"
    )

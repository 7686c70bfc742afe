"""The same identity model for both servers, the requests that they get, and the answers that are expected."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

MODEL = "identity"
ELEMENTS = 64
MAX_BATCH_SIZE = 8
_DIFFERENT = 64  # requests: an answer that went to another one's sender is seen
_FOR_TRITON = Path(__file__).resolve().parent / MODEL


@dataclass(frozen=True)
class Repositories:
    """Where they lie."""

    triton: Path
    pyserver: Path
    requests: Path
    expected: Path


def write(folder: Path) -> Repositories:
    """Writes all into the folder, in place of what an earlier run left."""
    told = Repositories(folder / "triton", folder / "pyserver", folder / "requests.npy", folder / "expected.npz")
    for repository in (told.triton, told.pyserver):
        shutil.rmtree(repository, ignore_errors=True)
    shutil.copytree(_FOR_TRITON, told.triton / MODEL, ignore=shutil.ignore_patterns("__pycache__"))
    _write_pyserver(told.pyserver / MODEL)
    values = np.random.default_rng(ELEMENTS).random((_DIFFERENT, ELEMENTS), np.float32)
    np.save(told.requests, values)
    # Of each request its own: one row.
    np.savez(told.expected, OUTPUT0=values.reshape(_DIFFERENT, 1, ELEMENTS))
    return told


def _write_pyserver(model: Path) -> None:
    (model / "1").mkdir(parents=True)
    told = {
        "engine": "identity",
        "max_batch_size": MAX_BATCH_SIZE,
        "inputs": [{"name": "INPUT0", "datatype": "FP32", "shape": [ELEMENTS]}],
    }
    (model / "model.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")

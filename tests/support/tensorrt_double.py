"""Servers that find a stand-in for TensorRT over the double of the CUDA driver, and plans for it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gpu_double
import yaml

STAND_IN = Path(__file__).parent / "fake_tensorrt"
VERSION = "10.13.0.35"
RTX_VERSION = "1.7.1.116"

Shape = Sequence[int]


def environment(*, missing: Sequence[str] = (), broken: Sequence[str] = (), **driver: Any) -> dict[str, str]:
    """For a server's process. `missing` and `broken`: flavours that cannot be imported; `driver`: see gpu_double."""
    folders = [str(STAND_IN), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **gpu_double.environment(**driver),
        "PYTHONPATH": os.pathsep.join(folders),
        "FAKE_TENSORRT_MISSING": ",".join(missing),
        "FAKE_TENSORRT_BROKEN": ",".join(broken),
    }


def tensor(name: str, mode: str, shape: Shape, datatype: str = "FLOAT", **more: Any) -> dict[str, Any]:
    """An input or output of a plan."""
    return {"name": name, "mode": mode, "datatype": datatype, "shape": list(shape), **more}


# y = 3 · x + x, by way of scratch memory.
QUADRUPLE = (
    {"op": "scale", "inputs": ["x"], "output": "tripled", "factor": 3.0},
    {"op": "add", "inputs": ["tripled", "x"], "output": "y"},
)


def plan(
    ops: Sequence[Mapping[str, Any]] = QUADRUPLE,
    *,
    shape: Shape = (-1, 4),
    output_shape: Shape | None = None,
    profiles: Sequence[Mapping[str, Sequence[Shape]]] = ({"x": [(1, 4), (4, 4), (8, 4)]},),
    tensors: Sequence[Mapping[str, Any]] = (),
    **header: Any,
) -> bytes:
    """A plan for the stand-in. Without `tensors`, it has the input x and the output y."""
    told = tensors or (tensor("x", "INPUT", shape), tensor("y", "OUTPUT", output_shape or shape))
    whole = {
        "plan": "tensorrt",
        "version": VERSION,
        "compute": "any",
        "weights_bytes": 4096,
        "scratch_bytes": 65536,
        "tensors": list(told),
        "profiles": list(profiles),
        "ops": list(ops),
    }
    return json.dumps({**whole, **header}).encode()


def write_model(root: Path, name: str, content: bytes, *, file: str = "model.plan", **config: Any) -> Path:
    """A model of one version in a repository. Returns its folder."""
    folder = root / name
    (folder / "1").mkdir(parents=True)
    (folder / "1" / file).write_bytes(content)
    if config:
        (folder / "model.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder

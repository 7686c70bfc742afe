"""Plans: JSON that says what a network computes, and what a library checks before it reads one.

{"plan": "tensorrt", "version": "10.13.0.35", "compute": "8.0",     which library and GPU it is for
 "weights_bytes": 64, "scratch_bytes": 1024,                        GPU memory of an engine, of a context
 "tensors": [{"name", "mode", "datatype", "shape", "location", "format", "values"}],
 "profiles": [{"x": [[1, 4], [2, 4], [8, 4]]}],
 "ops": [{"op", "inputs", "output", "factor"}]}                     in this order; see execution.py
"""

from __future__ import annotations

import json
from typing import Any

from stand_in.enums import Severity
from stand_in.logger import ILogger

Plan = dict[str, Any]

_MAGIC = (
    "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Serialization assertion header.magicTag == "
    "kEXPECTED_MAGIC_TAG failed.Trying to load an engine created with incompatible serialization version. In "
    "throwUnlessHeaderOk at runtime.cpp:48)"
)


def parse(content: bytes) -> Plan | None:
    try:
        plan = json.loads(content)
    except ValueError:
        return None
    return plan if isinstance(plan, dict) and "plan" in plan else None


def readable(content: bytes, flavour: str, version: str, compute: str, logger: ILogger) -> Plan | None:
    """The plan, or None and why in the log: in the words of the real libraries."""
    plan = parse(content)
    if plan is None or _family(plan["plan"]) != _family(flavour):
        logger.log(Severity.ERROR, _MAGIC)
        return None
    if plan["version"] != version:
        if flavour == "tensorrt_rtx":
            # It fails without a word of the version; get_engine_validity() tells.
            logger.log(Severity.ERROR, "IRuntime::deserializeCudaEngine: Error Code 1: Internal Error ()")
        else:
            logger.log(
                Severity.ERROR,
                "IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine plan file is not "
                f"compatible with this version of TensorRT, expecting library version {version} got {plan['version']}, "
                "please rebuild.)",
            )
        return None
    if plan["compute"] not in ("any", compute):
        logger.log(
            Severity.ERROR,
            "IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine plan file is generated on an "
            f"incompatible device, expecting compute {plan['compute']} got compute {compute}, please rebuild.)",
        )
        return None
    return plan


def tell_validity(content: bytes, version: str, logger: ILogger) -> bool:
    """TensorRT-RTX: whether the plan is for this version; why not goes into the log, as information."""
    plan = parse(content)
    if plan is None or plan["version"] == version:
        return plan is not None
    logger.log(
        Severity.INFO,
        f"The engine has been created with TensorRT-RTX version {plan['version']}, but the current runtime is "
        f"TensorRT-RTX version {version}. Rebuild the engine with the same version of TensorRT-RTX as the current "
        "runtime.",
    )
    return False


def _family(flavour: str) -> str:
    """The lean runtime reads the plans of `tensorrt`."""
    return "tensorrt" if flavour == "tensorrt_lean" else flavour

"""Whether a flavour can be imported, and of which version it is."""

from __future__ import annotations

import os

_VERSIONS = {"tensorrt": "10.13.0.35", "tensorrt_lean": "10.13.0.35", "tensorrt_rtx": "1.7.1.116"}


def version_of(flavour: str) -> str:
    """Raises what an import raises."""
    if flavour in os.environ.get("FAKE_TENSORRT_MISSING", "").split(","):
        raise ModuleNotFoundError(f"No module named '{flavour}'", name=flavour)
    if flavour in os.environ.get("FAKE_TENSORRT_BROKEN", "").split(","):
        raise ImportError("libnvinfer.so.10: cannot open shared object file: No such file or directory")
    return os.environ.get("FAKE_TENSORRT_VERSION", _VERSIONS[flavour])

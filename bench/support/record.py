"""What a measurement is kept as: the figures, the exact commands, and what they were taken on."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results"
_PACKAGES = ("pyserver", "grpcio", "openvino", "onnx")
_TOOLS = {
    "grpc++": ["pkg-config", "--modversion", "grpc++"],
    "nghttp2": ["pkg-config", "--modversion", "libnghttp2"],
    "h2load": ["h2load", "--version"],
}


def write(path: Path, figures: dict[str, Any]) -> None:
    """Writes them as JSON, with the machine, the commit, the versions and the command line of this process."""
    kept = {
        "command": shlex.join(["python", *sys.argv]),
        "machine": machine(),
        "commit": commit(),
        "versions": versions(),
        **figures,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(f"\nWritten: {path}")


def machine() -> str:
    """The processor's model and how many of its cores this process may use."""
    told = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{told[1] if told else platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def commit() -> str:
    """The commit of the checkout, and whether files differ from it."""
    name = _said("git", "-C", str(ROOT), "rev-parse", "HEAD")
    changed = _said("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    return f"{name} with changes" if changed else name


def versions() -> dict[str, str]:
    """Of what may have a part in the figures, as far as it is there: no benchmark needs all of it."""
    told = {name: _package(name) for name in _PACKAGES}
    told |= {name: _said(*command) for name, command in _TOOLS.items()}
    told |= {"python": platform.python_version(), "kernel": platform.release()}
    return {name: text for name, text in told.items() if text}


def table(head: list[str], rows: list[list[str]]) -> str:
    """As Markdown."""
    lines = [" | ".join(head), "|".join("-" * len(head)), *(" | ".join(row) for row in rows)]
    return "\n".join(lines)


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _said(*command: str) -> str:
    """What the command prints; nothing where it fails or is not there."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""

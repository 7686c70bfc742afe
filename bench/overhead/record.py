"""What a measurement is kept as: the figures, the exact commands, and what they were taken on."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from toolchain import ROOT

RESULTS = ROOT / "bench" / "results"


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
    return {
        "pyserver": version("pyserver"),
        "grpcio": version("grpcio"),
        "grpc++": _said("pkg-config", "--modversion", "grpc++"),
        "nghttp2": _said("pkg-config", "--modversion", "libnghttp2"),
        "h2load": _said("h2load", "--version"),
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def table(head: list[str], rows: list[list[str]]) -> str:
    """As Markdown."""
    lines = [" | ".join(head), "|".join("-" * len(head)), *(" | ".join(row) for row in rows)]
    return "\n".join(lines)


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

"""What a measurement was taken on: kept with the figures, so that they can be judged and repeated."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def environment() -> dict[str, str]:
    """Of this process and this machine; the server may be elsewhere."""
    told = {
        "machine": platform.node(),
        "CPU": _cpu(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": _memory(),
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "pyserver": _version("pyserver"),
        "commit": _commit(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    return {name: text for name, text in told.items() if text}


def _cpu() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return f"{int(line.split()[1]) / 2**20:.1f} GiB"
    return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    """Of the checkout that this code runs from; nothing for an installed package."""
    folder = Path(__file__).resolve().parent
    git = shutil.which("git")
    if git is None or not any((parent / ".git").exists() for parent in folder.parents):
        return ""
    try:
        name = _said(git, folder, "rev-parse", "HEAD")
        changed = _said(git, folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{name} with changes" if changed else name


def _said(git: str, folder: Path, *arguments: str) -> str:
    # git is the one in PATH; the arguments are constants.
    done = subprocess.run([git, "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    return done.stdout.strip()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

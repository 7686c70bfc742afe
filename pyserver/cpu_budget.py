"""How many CPU threads this process may keep busy: what the scheduler allows and the container's quota pays for."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CpuBudget:
    """`threads` is the least of `affinity` and `quota` (rounded up), and at least 1."""

    threads: int
    affinity: int  # CPUs that the scheduler may use for this process
    quota: float | None  # CPUs that the cgroups pay for; None: no limit
    source: str  # what set the limit, for people


def cpu_budget(
    cgroup_root: Path = Path("/sys/fs/cgroup"), proc_root: Path = Path("/proc"), affinity: int | None = None
) -> CpuBudget:
    """The budget of this process. The arguments replace what the machine says, for tests."""
    cpus = affinity if affinity is not None else _affinity()
    quota, source = min(_quotas(cgroup_root, proc_root), default=(math.inf, ""))
    limit = None if math.isinf(quota) else quota
    if limit is not None and math.ceil(limit) < cpus:
        return CpuBudget(math.ceil(limit), cpus, limit, source)
    return CpuBudget(max(1, cpus), cpus, limit, "CPU affinity")


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(cgroup_root: Path, proc_root: Path) -> Iterator[tuple[float, str]]:
    """Every limit on the way from this process's cgroup up to the root: each of them holds."""
    for controllers, group in _groups(proc_root):
        if controllers == "":
            for mount in (cgroup_root, cgroup_root / "unified"):
                for folder in _upwards(mount, group):
                    if (quota := _v2_quota(folder)) is not None:
                        yield quota, "cgroup v2 quota"
        elif "cpu" in controllers.split(","):
            for mount in {cgroup_root / controllers, cgroup_root / "cpu"}:
                for folder in _upwards(mount, group):
                    if (quota := _v1_quota(folder)) is not None:
                        yield quota, "cgroup v1 quota"


def _groups(proc_root: Path) -> list[tuple[str, str]]:
    """Lines of /proc/self/cgroup, `hierarchy:controllers:path`; no controllers: version 2. man 7 cgroups."""
    lines = _read(proc_root / "self" / "cgroup").splitlines()
    parts = [line.split(":", 2) for line in lines]
    return [(part[1], part[2]) for part in parts if len(part) == 3]


def _upwards(mount: Path, group: str) -> Iterator[Path]:
    """The group's folder and those above it. A container may see only its own, mounted as the root."""
    steps = [step for step in group.split("/") if step not in ("", ".", "..")]
    for length in range(len(steps), -1, -1):
        folder = mount.joinpath(*steps[:length])
        if folder.is_dir():
            yield folder


def _v2_quota(folder: Path) -> float | None:
    words = _read(folder / "cpu.max").split()
    return _ratio(words[0], words[1]) if len(words) == 2 else None


def _v1_quota(folder: Path) -> float | None:
    return _ratio(_read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip())


def _ratio(quota: str, period: str) -> float | None:
    """CPUs; `max` and -1 are no limit."""
    if not (quota.isdigit() and period.isdigit() and int(quota) > 0 and int(period) > 0):
        return None
    return int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

"""The CPU budget, from made-up /sys/fs/cgroup and /proc trees."""

import os
from pathlib import Path

import pytest

from pyserver.cpu_budget import CpuBudget, cpu_budget


def tree(folder: Path, membership: str, files: dict[str, str]) -> tuple[Path, Path]:
    proc, cgroup = folder / "proc", folder / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(membership)
    cgroup.mkdir()
    for name, text in files.items():
        path = cgroup / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return cgroup, proc


def budget(folder: Path, membership: str, files: dict[str, str], affinity: int = 16) -> CpuBudget:
    cgroup, proc = tree(folder, membership, files)
    return cpu_budget(cgroup, proc, affinity)


def test_without_a_quota_the_affinity_counts(tmp_path: Path) -> None:
    found = budget(tmp_path, "0::/\n", {"cpu.max": "max 100000\n"})
    assert found == CpuBudget(threads=16, affinity=16, quota=None, source="CPU affinity")


def test_a_quota_is_rounded_up(tmp_path: Path) -> None:
    found = budget(tmp_path, "0::/\n", {"cpu.max": "250000 100000\n"})
    assert found == CpuBudget(threads=3, affinity=16, quota=2.5, source="cgroup v2 quota")


def test_less_than_one_cpu_is_one_thread(tmp_path: Path) -> None:
    assert budget(tmp_path, "0::/\n", {"cpu.max": "10000 100000"}).threads == 1


def test_the_least_quota_on_the_way_to_the_root_counts(tmp_path: Path) -> None:
    files = {"pod/cpu.max": "200000 100000", "pod/server/cpu.max": "800000 100000"}
    assert budget(tmp_path, "0::/pod/server\n", files).threads == 2


def test_a_group_outside_of_the_container_falls_back_to_the_root(tmp_path: Path) -> None:
    assert budget(tmp_path, "0::/kubepods/pod1/abc\n", {"cpu.max": "400000 100000"}).threads == 4


def test_a_group_path_does_not_lead_out_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000")
    assert budget(tmp_path, "0::/../..\n", {"x": ""}).threads == 16


def test_an_affinity_below_the_quota_counts(tmp_path: Path) -> None:
    found = budget(tmp_path, "0::/\n", {"cpu.max": "400000 100000"}, affinity=2)
    assert found == CpuBudget(threads=2, affinity=2, quota=4.0, source="CPU affinity")


def test_version_1_is_read(tmp_path: Path) -> None:
    files = {"cpu,cpuacct/box/cpu.cfs_quota_us": "150000\n", "cpu,cpuacct/box/cpu.cfs_period_us": "100000\n"}
    found = budget(tmp_path, "5:memory:/box\n4:cpu,cpuacct:/box\n", files)
    assert (found.threads, found.source) == (2, "cgroup v1 quota")


def test_no_limit_in_version_1_is_minus_one(tmp_path: Path) -> None:
    files = {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}
    assert budget(tmp_path, "4:cpu:/\n", files).threads == 16


@pytest.mark.parametrize("text", ["", "max", "a b", "0 100000", "100000 0", "1 2 3"])
def test_nonsense_is_no_limit(tmp_path: Path, text: str) -> None:
    assert budget(tmp_path, "0::/\n", {"cpu.max": text}).threads == 16


def test_a_machine_without_cgroups_works(tmp_path: Path) -> None:
    assert cpu_budget(tmp_path / "none", tmp_path / "none", 3).threads == 3


def test_this_machine_has_at_least_one_thread() -> None:
    assert 1 <= cpu_budget().threads <= (os.cpu_count() or 1)

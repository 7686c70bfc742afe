"""What is seen of a server: processes of this machine, and differences of counts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pyserver.nvml import GpuUse, NvmlError
from pyserver_loadgen import processes, server_watch
from pyserver_loadgen.measurement import ServerUse
from pyserver_loadgen.server_watch import Counts, ServerWatch, counts_of, with_statistics

# Listens where it is told to, burns CPU when asked by a line, and ends with its input.
CHILD = """
import socket, sys, time
where = sys.argv[1]
family = socket.AF_UNIX if where.startswith("/") else socket.AF_INET
sock = socket.socket(family)
sock.bind(where if family == socket.AF_UNIX else ("127.0.0.1", 0))
sock.listen()
print(sock.getsockname()[1] if family == socket.AF_INET else 0, flush=True)
for line in sys.stdin:
    end = time.process_time() + float(line)
    while time.process_time() < end:
        pass
    print("burnt", flush=True)
"""


class Child:
    def __init__(self, where: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", CHILD, where], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = int(self.line())

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def burn(self, seconds: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        assert self.line() == "burnt\n"

    def end(self) -> None:
        self.process.communicate("", timeout=30)


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child("tcp")
    yield made
    made.end()


def test_who_listens_at_a_port_is_found(child: Child) -> None:
    assert processes.listeners(f"127.0.0.1:{child.port}") == [child.process.pid]
    assert processes.listeners(f"localhost:{child.port}") == [child.process.pid]


def test_who_listens_at_a_unix_socket_is_found(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    child = Child(path)
    assert processes.listeners(f"unix:{path}") == [child.process.pid]
    child.end()


def test_nobody_is_found_elsewhere() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert processes.listeners(f"127.0.0.1:{free.getsockname()[1]}") == []
    assert processes.listeners("192.0.2.1:80") == []  # an address for documentation
    assert processes.listeners("nonsense") == []


def test_own_threads_wait_for_a_cpu_by_name() -> None:
    main = Path("/proc/self/comm").read_text().strip()
    assert os.getpid() in processes.waited_s(main)
    assert processes.waited_s("no thread is called so") == {}


def test_descendants_belong_to_a_server(child: Child) -> None:
    assert child.process.pid in processes.with_descendants([os.getpid()])
    assert processes.with_descendants([child.process.pid]) == [child.process.pid]


def test_cpu_and_memory_of_the_measured_part_are_told(child: Child) -> None:
    child.burn(0.2)
    watch = ServerWatch(f"127.0.0.1:{child.port}", gpus=False)
    watch.begin()
    child.burn(0.3)
    use = watch.end()
    assert use is not None
    # The kernel counts in hundredths; what was burnt before does not count.
    assert use.cpu_s == pytest.approx(0.3, abs=0.05)
    assert use.rss_bytes is not None
    assert 1 << 20 < use.rss_bytes < 1 << 30


def test_a_server_that_has_ended_or_is_elsewhere_has_no_use() -> None:
    child = Child("tcp")
    watch = ServerWatch("192.0.2.1:80", pids=[child.process.pid], gpus=False)
    child.end()
    watch.begin()
    watch.poll()
    assert watch.end() is None
    elsewhere = ServerWatch("192.0.2.1:80", gpus=False)
    elsewhere.begin()
    assert elsewhere.end() is None


def test_statistics_are_the_difference_between_end_and_begin() -> None:
    counts = iter(
        [
            Counts(100, 50, queue=(100, 1_000_000), compute_infer=(50, 500_000)),
            Counts(500, 150, queue=(500, 9_000_000), compute_infer=(150, 2_500_000)),
        ]
    )
    watch = ServerWatch("192.0.2.1:80", statistics=lambda: next(counts), gpus=False)
    watch.begin()
    assert watch.end() == ServerUse(mean_batch=4.0, queue_us=20.0, compute_infer_us=20.0)


def test_the_use_of_gpus_is_the_mean_of_what_was_seen_and_their_memory_the_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = [[(10, 1), (30, 2)], NvmlError("GPU is lost"), [(50, 9), (70, 1)], [(0, 1), (20, 1)]]

    class Told:
        def read(self) -> list[GpuUse]:
            uses = seen.pop(0)
            if isinstance(uses, NvmlError):
                raise uses
            return [GpuUse("GPU", "uuid", percent, used, 100) for percent, used in uses]

    monkeypatch.setattr(server_watch, "open_nvml", Told)
    # This very process: its GPU is the machine's.
    watch = ServerWatch("192.0.2.1:80", pids=[os.getpid()])
    watch.begin()
    for _ in range(3):
        watch.poll()
    use = watch.end()
    assert use is not None
    assert (use.gpu_percent, use.gpu_memory_bytes) == (30.0, 10)


def test_a_server_without_statistics_has_none() -> None:
    asked: list[int] = []

    def ask() -> None:
        asked.append(1)

    watch = ServerWatch("192.0.2.1:80", statistics=ask, gpus=False)
    watch.begin()
    assert watch.end() is None
    assert asked == [1]


def test_nothing_executed_has_no_mean() -> None:
    same = Counts(5, 5, queue=(5, 5))
    assert with_statistics(ServerUse(), same, same) == ServerUse()


def test_counts_are_those_of_all_versions() -> None:
    def part(count: int, ns: int) -> SimpleNamespace:
        return SimpleNamespace(count=count, ns=ns)

    def model(scale: int) -> SimpleNamespace:
        stats = SimpleNamespace(
            queue=part(scale, 2 * scale),
            compute_input=part(scale, 3 * scale),
            compute_infer=part(scale, 4 * scale),
            compute_output=part(scale, 5 * scale),
        )
        return SimpleNamespace(inference_count=8 * scale, execution_count=scale, inference_stats=stats)

    told = counts_of(SimpleNamespace(model_stats=[model(1), model(10)]))
    assert told == Counts(88, 11, (11, 22), (11, 33), (11, 44), (11, 55))
    assert counts_of(SimpleNamespace(model_stats=[])) is None

"""How near does serving from a GPU come to what the GPU can do?

  transfers  bytes a second to the GPU and back, from page-locked and from ordinary memory, by size
  launches   what launching a captured graph costs in CPU time, and until it is done
  ResNet-50  random weights (tests/gpu/resnet50.py), batches of fixed size: PyTorch's fastest loop with CUDA graphs
             (torch_loop.py) beside our executor, in this process and behind gRPC. Copies are part of all of them, and
             overlap with computing. Nothing can be faster than the larger of computing alone and copying alone: both
             are measured in the same run.
  overhead   a model that computes next to nothing, a row a batch: the CPU time that a batch costs

What is compared is measured in turns. Needs a GPU; with --double only that everything runs: the figures mean nothing.
Usage: ./dev gpu bench, or python bench/gpu/run.py [--rounds N] [--seconds S] [--points fp16:32,fp32:32] [--json FILE]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# tools/gpu.sh has Python leave out the folder of a program.
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "gpu"))

import record
import torch
from executor import IN_FLIGHT, Executor, versions, write_model
from gpu_models import Means, Scale
from in_process import InProcess
from resnet50 import CLASSES, IMAGE, resnet50
from rounds import Taken, in_turns

from pyserver.cuda_api import CudaApi
from pyserver.transfer_rates import measure_transfers

SIZES = [4 << 10, 64 << 10, 1 << 20, 16 << 20, 256 << 20]
DTYPES = {"f32": torch.float32, "f16": torch.float16}
SLOTS = (2, 3)
SMALL = 64


@dataclass
class Compared:
    """One precision and batch size of ResNet-50; rates are rows a second, one a round."""

    precision: str
    rows: int
    loop: dict[int, list[float]] = field(default_factory=dict)  # by slots
    in_process: list[float] = field(default_factory=list)
    behind_grpc: Taken = field(default_factory=lambda: Taken([]))
    compute_s: float = 0.0  # of a batch, nothing copied
    copy_s: float = 0.0  # of a batch: the slower of its two ways, which do not disturb each other
    counted: dict[str, int] = field(default_factory=dict)  # by the server's engine, in all rounds
    served_s: float = 0.0  # that it took

    @property
    def limit(self) -> float:
        return self.rows / max(self.compute_s, self.copy_s) if self.compute_s else 0.0

    @property
    def best_loop(self) -> float:
        return max((statistics.median(rates) for rates in self.loop.values()), default=0.0)

    @property
    def executor(self) -> float:
        return statistics.median(self.in_process)

    @property
    def server(self) -> float:
        return self.behind_grpc.per_second * self.rows

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "precision": self.precision,
            "rows": self.rows,
            "compute_s_per_batch": self.compute_s,
            "copy_s_per_batch": self.copy_s,
            "limit_rows_per_second": self.limit,
            "torch_loop_rows_per_second": {str(slots): rates for slots, rates in self.loop.items()},
            "executor_rows_per_second": self.in_process,
            "executor_to_best_loop": self.executor / self.best_loop if self.best_loop else None,
            "behind_grpc": self.behind_grpc.figures(),
            "server_engine_counters": self.counted,
            "server_measured_s": self.served_s,
        }


def transfers(seconds: float) -> list[dict[str, Any]]:
    api = CudaApi()
    found = []
    for size in SIZES:
        for pinned in (True, False):
            rates = measure_transfers(api, size=size, pinned=pinned, seconds=seconds)
            kind = "page-locked" if pinned else "ordinary"
            found.append(
                {"bytes": size, "memory": kind, "to_device": rates.to_device, "from_device": rates.from_device}
            )
    return found


def compare(precision: str, rows: int, options: argparse.Namespace, folder: Path) -> Compared:
    compared = Compared(precision, rows)
    name = f"resnet50_{precision}_{rows}"
    # The CPU behind a double takes too long for the real one.
    model = Means(IMAGE[0], CLASSES) if options.double else resnet50()
    write_model(folder, name, model, shape=IMAGE, rows=rows, output=CLASSES, precision=precision)
    with ExitStack() as stack:
        executor = Executor(folder, name, rows, stack)
        here = InProcess(folder, name, (rows, *IMAGE), str(DTYPES[precision]).removeprefix("torch."), IN_FLIGHT, stack)
        if not options.double:
            here.page_lock(stack)
        loops = [] if options.double else _loops(compared)
        before = executor.counters()
        for _ in range(options.rounds):
            for loop in loops:
                rate = loop.run(options.seconds)
                compared.loop.setdefault(rate.slots, []).append(rate.rows_per_second)
            compared.in_process.append(here.rows_per_second(options.seconds))
            taken = in_turns([executor.point(options.seconds)], 1, name)["server"]
            compared.behind_grpc = Taken([*compared.behind_grpc.rounds, *taken.rounds])
        after = executor.counters()
        compared.counted = {key: after[key] - before.get(key, 0) for key in after}
        compared.served_s = sum(compared.behind_grpc.each("duration_s"))
        if loops:
            compared.compute_s = loops[0].compute_s()
    return compared


def _loops(compared: Compared) -> list[Any]:
    from torch_loop import TorchLoop

    dtype = DTYPES[compared.precision]
    shape = (compared.rows, *IMAGE)
    module = resnet50().to("cuda", dtype)
    given, made = (rows * compared.rows * dtype.itemsize for rows in (IMAGE[0] * IMAGE[1] * IMAGE[2], CLASSES))
    api = CudaApi()
    to_device = measure_transfers(api, size=given).to_device
    from_device = measure_transfers(api, size=made).from_device
    compared.copy_s = max(given / to_device, made / from_device)
    return [TorchLoop(module, shape, dtype, slots) for slots in SLOTS]


def overhead(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    write_model(folder, "small", Scale(), shape=(SMALL,), rows=1, output=SMALL, precision="f32")
    with ExitStack() as stack:
        executor = Executor(folder, "small", 1, stack)
        before = executor.counters()
        points = [executor.point(options.seconds), executor.point_in_process(options.seconds, stack)]
        taken = in_turns(points, options.rounds, "overhead")
        after = executor.counters()
    counted = {key: after[key] - before.get(key, 0) for key in after}
    here, there = taken["in process"], taken["server"]
    batches = max(1, counted["batches"])
    return {
        # What remains of this process's CPU time without the load generator's threads.
        "cpu_us_per_batch_in_process": (here.server_cpu_s - here.client_cpu_s) * 1e6,
        "cpu_us_per_batch_behind_grpc": there.server_cpu_s * 1e6,
        # Of it, on the thread of a lane: enqueueing copies, launch and events.
        "enqueue_us_per_batch": counted["enqueue_ns"] / batches / 1000,
        "batches_per_second_in_process": here.per_second,
        "batches_per_second_behind_grpc": there.per_second,
    }


def report(found: dict[str, Any], compared: list[Compared]) -> str:
    moved = [
        [
            f"{one['bytes'] / 1024:,.0f} KiB",
            one["memory"],
            *(f"{one[way] / 1e9:.2f}" for way in ("to_device", "from_device")),
        ]
        for one in found["transfers"]
    ]
    parts = [record.table(["size", "host memory", "to the GPU, GB/s", "back, GB/s"], moved)]
    if found["launches"]:
        rows = [[str(one["nodes"]), f"{one['cpu_us']:.1f}", f"{one['done_us']:.1f}"] for one in found["launches"]]
        parts.append(record.table(["kernels in the graph", "CPU us a launch", "us until done"], rows))
    head = ["ResNet-50", "limit /s", "compute ms", "copy ms", "PyTorch's loop /s", "executor /s", "to the loop",
            "gRPC /s", "hidden by overlap"]  # fmt: skip
    parts.append(record.table(head, [_row(one) for one in compared]))
    told = [f"- {name.replace('_', ' ')}: {value:,.1f}" for name, value in found["overhead"].items()]
    return "\n\n".join([*parts, "\n".join(told)])


def _row(one: Compared) -> list[str]:
    here = one.executor
    parts_s = sum(one.counted[name] for name in ("h2d_ns", "compute_ns", "d2h_ns")) / 1e9
    return [
        f"{one.precision}, {one.rows} rows",
        f"{one.limit:,.0f}",
        f"{one.compute_s * 1e3:.2f}",
        f"{one.copy_s * 1e3:.2f}",
        f"{one.best_loop:,.0f}",
        f"{here:,.0f}",
        f"{here / one.best_loop:.1%}" if one.best_loop else "",
        f"{one.server:,.0f}",
        f"{max(0.0, parts_s - one.served_s) / parts_s:.0%}" if parts_s else "",
    ]


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="how long each measurement lasts")
    parser.add_argument("--points", type=_points, default="f16:32,f32:32,f16:8", help="PRECISION:ROWS, with commas")
    parser.add_argument("--double", action="store_true", help="libcuda.so.1 is the driver's double: only a trial")
    parser.add_argument("--json", type=Path, default=record.RESULTS / "gpu.json")
    return parser.parse_args()


def _points(text: str) -> list[tuple[str, int]]:
    points = [point.partition(":") for point in text.split(",")]
    if any(precision not in DTYPES or not rows.isdigit() or int(rows) < 1 for precision, _, rows in points):
        raise argparse.ArgumentTypeError(f"expected PRECISION:ROWS with one of {', '.join(DTYPES)}, got {text}")
    return [(precision, int(rows)) for precision, _, rows in points]


def main() -> None:
    options = read_options()
    gpu = CudaApi().gpus()[0]
    found: dict[str, Any] = {
        "gpu": gpu.name,
        "driver_serves_cuda": "{}.{}".format(*CudaApi().version),
        "in_flight": IN_FLIGHT,
        "transfers": transfers(0.02 if options.double else 0.2),
        "launches": [],
    }
    if not options.double:
        from launches import measure_launches

        found["launches"] = [measure_launches(nodes).figures() for nodes in (1, 50, 200)]
    compared = []
    for precision, rows in options.points:
        with tempfile.TemporaryDirectory() as folder:
            compared.append(compare(precision, rows, options, Path(folder)))
    with tempfile.TemporaryDirectory() as folder:
        found["overhead"] = overhead(options, Path(folder))
    established = record.ROOT / "build" / "gpu-tensorrt-rtx.json"
    if established.is_file():
        found["tensorrt_rtx"] = established.read_text(encoding="utf-8")
    print(report(found, compared))
    if not options.double:
        # record.write() adds what it knows; what computes is told here.
        record.write(options.json, {**found, "libraries": versions(), "resnet50": [one.figures() for one in compared]})


if __name__ == "__main__":
    main()

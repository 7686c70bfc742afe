"""Does batching pay, and does it need no tuning?

MiniLM (32 tokens a sentence, f32) with the server's default settings against OpenVINO in process, alternating:

  one request in flight      server  :  OpenVINO's latency mode, batch 1
  32 requests in flight      server  :  OpenVINO's throughput mode, at the best of several batch sizes

The load comes from a separate process, h2load (Debian: nghttp2-client), which sends the same prepared
inference.GRPCInferenceService/ModelInfer message over and over. What the server answered is read from its own counters,
so failed requests do not count. Usage: ./dev bench batching [--rounds N] [--seconds S] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc
import numpy as np
import openvino as ov

from pyserver.open_inference import open_inference_pb2 as oip

ROOT = Path(__file__).resolve().parents[2]
TOKENS = 32
IN_FLIGHT = 32
BATCH_SIZES = (1, 4, 8, 16, 32)


@dataclass
class Rate:
    """What one measurement gave."""

    per_second: float
    client_cpu_s: float = 0.0
    server_cpu_s: float = 0.0
    mean_batch_size: float = 1.0


def sentences(count: int) -> dict[str, np.ndarray]:
    ids = np.random.default_rng(count).integers(1000, 20_000, (count, TOKENS))
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def prepared_message() -> bytes:
    request = oip.ModelInferRequest(model_name="minilm")
    for name, array in sentences(1).items():
        request.inputs.add(name=name, datatype="INT64", shape=array.shape)
        request.raw_input_contents.append(array.tobytes())
    request.outputs.add(name="sentence_embedding")
    return request.SerializeToString()


class InProcess:
    """OpenVINO without a server, in its own latency and throughput modes."""

    def __init__(self, model: Path) -> None:
        core = ov.Core()
        read = core.read_model(model)
        modes = {
            mode: core.compile_model(read, "CPU", {"PERFORMANCE_HINT": mode, "INFERENCE_PRECISION_HINT": "f32"})
            for mode in ("LATENCY", "THROUGHPUT")
        }
        self._lone = modes["LATENCY"].create_infer_request()
        self._queue = ov.AsyncInferQueue(modes["THROUGHPUT"])

    def latency(self, seconds: float) -> Rate:
        inputs = sentences(1)
        return timed(seconds, lambda: self._lone.infer(inputs), rows=1)

    def throughput(self, seconds: float, batch: int) -> Rate:
        inputs = sentences(batch)
        rate = timed(seconds, lambda: self._queue.start_async(inputs), rows=batch, finish=self._queue.wait_all)
        rate.mean_batch_size = batch
        return rate


def timed(seconds: float, step: Callable[[], object], rows: int, finish: Callable[[], None] = lambda: None) -> Rate:
    for _ in range(3):
        step()
    finish()
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        step()
        count += rows
    finish()
    return Rate(count / (time.perf_counter() - began))


class Served:
    """The server in one process, h2load in another."""

    def __init__(self, model: Path, arguments: list[str]) -> None:
        command = [sys.executable, "-m", "pyserver", "serve", str(model), "--grpc-address", "127.0.0.1:0", *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready = self._process.stdout.readline()
        found = re.search(r"grpc=(\S+)", ready)
        if not found:
            raise SystemExit(f"the server did not start: {ready!r}")
        self.address = found[1]
        self._channel = grpc.insecure_channel(self.address)
        message = prepared_message()
        self._body = model.with_suffix(".grpc")
        self._body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)

    def counters(self) -> oip.ModelStatistics:
        ask = self._channel.unary_unary("/inference.GRPCInferenceService/ModelStatistics")
        return oip.ModelStatisticsResponse.FromString(
            ask(oip.ModelStatisticsRequest().SerializeToString())
        ).model_stats[0]

    def server_cpu(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def load(self, seconds: int, in_flight: int) -> Rate:
        before, cpu_before = self.counters(), self.server_cpu()
        children_before = resource.getrusage(resource.RUSAGE_CHILDREN)
        told = subprocess.run(
            ["h2load", "-c1", f"-m{in_flight}", "-t1", f"-D{seconds}", "-w24", "-W24", "-d", str(self._body),
             "-H", "content-type: application/grpc", "-H", "te: trailers",
             f"http://{self.address}/inference.GRPCInferenceService/ModelInfer"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        finished = re.search(r"finished in ([0-9.]+)s", told)
        if not finished:
            raise SystemExit(f"h2load said: {told}")
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        after = self.counters()
        answered = after.inference_stats.success.count - before.inference_stats.success.count
        batches = after.execution_count - before.execution_count
        return Rate(
            answered / float(finished[1]),
            client_cpu_s=children.ru_utime + children.ru_stime - children_before.ru_utime - children_before.ru_stime,
            server_cpu_s=self.server_cpu() - cpu_before,
            mean_batch_size=(after.inference_count - before.inference_count) / max(batches, 1),
        )

    def stop(self) -> None:
        self._channel.close()
        self._process.terminate()
        self._process.wait(30)


def measure(rounds: int, seconds: float, arguments: list[str]) -> dict[str, list[Rate]]:
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "minilm.onnx"
        subprocess.run([sys.executable, ROOT / "tests/support/minilm.py", model], check=True, stdout=subprocess.DEVNULL)
        in_process = InProcess(model)
        served = Served(model, arguments)
        try:
            best = max(BATCH_SIZES, key=lambda batch: in_process.throughput(max(1, seconds // 2), batch).per_second)
            served.load(max(1, seconds // 2), IN_FLIGHT)
            rates: dict[str, list[Rate]] = {name: [] for name in ("latency", "one", "throughput", "many")}
            for _ in range(rounds):
                rates["latency"].append(in_process.latency(seconds))
                rates["one"].append(served.load(seconds, 1))
                rates["throughput"].append(in_process.throughput(seconds, best))
                rates["many"].append(served.load(seconds, IN_FLIGHT))
            return rates
        finally:
            served.stop()


def report(rates: dict[str, list[Rate]]) -> str:
    def median(name: str, field: str = "per_second") -> float:
        return statistics.median(getattr(rate, field) for rate in rates[name])

    def ratio(server: str, reference: str) -> float:
        pairs = zip(rates[server], rates[reference], strict=True)
        return statistics.median(a.per_second / b.per_second for a, b in pairs)

    lines = [
        "load | server /s | OpenVINO in process /s | ratio | mean batch | client CPU s | server CPU s",
        "-|-|-|-|-|-|-",
    ]
    for label, server, reference in (
        ("1 in flight", "one", "latency"),
        (f"{IN_FLIGHT} in flight", "many", "throughput"),
    ):
        lines.append(
            f"{label} | {median(server):.0f} | {median(reference):.0f} | {ratio(server, reference):.2f} | "
            f"{median(server, 'mean_batch_size'):.1f} | {median(server, 'client_cpu_s'):.2f} | "
            f"{median(server, 'server_cpu_s'):.2f}"
        )
    return "\n".join(lines)


def machine() -> str:
    """The processor's model and how many of its cores this process may use."""
    told = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{told[1] if told else platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--json", type=Path, help="write every measurement there")
    parser.add_argument("server_arguments", nargs="*", help="more arguments for pyserver serve, after --")
    options = parser.parse_args()
    rates = measure(options.rounds, options.seconds, options.server_arguments)
    print(report(rates))
    if options.json:
        every = {name: [asdict(rate) for rate in measured] for name, measured in rates.items()}
        options.json.write_text(
            json.dumps({"machine": platform.processor() or platform.machine(), "rates": every}, indent=1)
        )


if __name__ == "__main__":
    main()

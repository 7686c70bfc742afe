"""100,000 requests with unique contents: none mixed up, memory flat, counters as the clients count."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import grpc
from load import Load
from server_process import RepositoryBuilder, ServerProcess

from pyserver.open_inference import open_inference_pb2 as oip

REQUESTS = 100_000
SETTLED = 20_000
PROCESSES, CLIENTS = 2, 16
GROWTH_BYTES = 8 << 20


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def statistics(address: str) -> oip.ModelStatistics:
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary("/inference.GRPCInferenceService/ModelStatistics")
        data = ask(oip.ModelStatisticsRequest(name="echo").SerializeToString(), timeout=30)
    return oip.ModelStatisticsResponse.FromString(data).model_stats[0]


def test_100_000_unique_requests_are_never_mixed_up_and_memory_stays_flat(
    repository: RepositoryBuilder, serve: Callable[..., ServerProcess]
) -> None:
    repository.identity(
        "echo", inputs=[{"name": "INPUT0", "datatype": "UINT64", "shape": [16]}], max_batch_size=32, instances=2
    )
    server = serve()
    load = Load(
        server.address, "echo", processes=PROCESSES, clients=CLIENTS, requests=REQUESTS // (PROCESSES * CLIENTS)
    )
    samples: list[tuple[int, int]] = []
    pause = threading.Event()
    while load.running:
        samples.append((statistics(server.address).inference_stats.success.count, resident_bytes(server.process.pid)))
        pause.wait(0.5)
    told = load.stop()

    assert told.sent == REQUESTS
    assert told.wrong == 0
    assert not told.failures
    after = statistics(server.address)
    assert after.inference_stats.success.count == told.sent
    assert after.inference_stats.fail.count == 0
    settled = [rss for count, rss in samples if count >= SETTLED]
    print(f"\n{told.sent} requests, mean batch {after.inference_count / after.execution_count:.2f} rows, "
          f"RSS {settled[0] >> 20} MiB at the {SETTLED}th, {max(settled) >> 20} MiB at most after it")  # fmt: skip
    assert max(settled) - settled[0] < GROWTH_BYTES

"""50 hot reloads under load: no request fails, no answer is wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import grpc
from load import Load
from server_process import RepositoryBuilder, ServerProcess

from pyserver.v1 import model_status_pb2

RELOADS = 50


def served_version(channel: grpc.Channel) -> int:
    ask = channel.unary_unary("/pyserver.v1.ModelStatusService/ModelStatus")
    data = ask(model_status_pb2.ModelStatusRequest(model="echo").SerializeToString(), timeout=30)
    return model_status_pb2.ModelStatusResponse.FromString(data).models[0].default_version


def test_50_hot_reloads_under_load_fail_no_request(
    repository: RepositoryBuilder, serve: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    model = repository.identity("echo", inputs=[{"name": "INPUT0", "datatype": "UINT64", "shape": [16]}])
    server = serve("--poll-interval-s", "0.05")
    load = Load(server.address, "echo", processes=1, clients=16, requests=10**9, until=tmp_path / "stop")
    pause = threading.Event()
    with grpc.insecure_channel(server.address) as channel:
        for version in range(2, RELOADS + 2):
            (model / str(version)).mkdir()
            for _ in range(1000):
                if served_version(channel) == version:
                    break
                pause.wait(0.02)
            assert served_version(channel) == version
            # Old versions leave the disk too, as a deployment's clean-up would have it.
            if version > 3:
                (model / str(version - 2)).rmdir()
    told = load.stop()
    print(f"\n{RELOADS} reloads, {told.sent} requests, {len(told.versions)} versions answered")
    assert not told.failures
    assert told.wrong == 0
    assert len(told.versions) > RELOADS // 2

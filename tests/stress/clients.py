"""Clients in processes of their own, so that they do not share a GIL with one another or with the test.

    python clients.py ADDRESS MODEL CLIENTS REQUESTS [--until FILE]

CLIENTS threads each send REQUESTS requests (or, with --until, send until FILE exists), every one with contents that no
other request has, and compare every answer with what was sent. Prints one JSON line: sent, wrong, failures, versions.
"""

from __future__ import annotations

import collections
import json
import os
import sys
import threading
from pathlib import Path

import grpc
import numpy as np

from pyserver.v1 import predict_pb2, tensor_pb2

ELEMENTS = 16


def message(model: str, values: np.ndarray) -> bytes:
    request = predict_pb2.PredictRequest(model=model)
    tensor = request.inputs["INPUT0"]
    tensor.datatype = tensor_pb2.DATATYPE_UINT64
    tensor.shape.extend(values.shape)
    tensor.raw = values.tobytes()
    return request.SerializeToString()


class Tally:
    """What all threads saw together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sent = self.wrong = 0
        self.failures: collections.Counter[str] = collections.Counter()
        self.versions: collections.Counter[str] = collections.Counter()

    def add(
        self, sent: int, wrong: int, failures: collections.Counter[str], versions: collections.Counter[str]
    ) -> None:
        with self._lock:
            self.sent += sent
            self.wrong += wrong
            self.failures += failures
            self.versions += versions


def run(address: str, model: str, client: int, requests: int, until: Path | None, tally: Tally) -> None:
    sent = wrong = 0
    failures: collections.Counter[str] = collections.Counter()
    versions: collections.Counter[str] = collections.Counter()
    unique = os.getpid() << 40 | client << 32
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        predict = channel.unary_unary("/pyserver.v1.PredictService/Predict")
        while sent < requests and not (until is not None and until.exists()):
            rows = 1 + sent % 3
            values = (np.arange(rows * ELEMENTS, dtype=np.uint64) << np.uint64(56)) + np.uint64(unique | sent)
            values = values.reshape(rows, ELEMENTS)
            sent += 1
            try:
                answer = predict_pb2.PredictResponse.FromString(predict(message(model, values), timeout=60))
            except grpc.RpcError as error:
                failures[f"{error.code().name}: {error.details()}"] += 1
                continue
            output = answer.outputs["OUTPUT0"]
            wrong += output.raw != values.tobytes() or list(output.shape) != list(values.shape)
            versions[str(answer.version)] += 1
    tally.add(sent, wrong, failures, versions)


def main() -> None:
    address, model, clients, requests = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    until = Path(sys.argv[6]) if len(sys.argv) > 5 and sys.argv[5] == "--until" else None
    tally = Tally()
    threads = [
        threading.Thread(target=run, args=(address, model, client, requests, until, tally)) for client in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = {"sent": tally.sent, "wrong": tally.wrong, "failures": tally.failures, "versions": tally.versions}
    print(json.dumps(told))


if __name__ == "__main__":
    main()

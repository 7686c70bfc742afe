"""tritonserver in a process of its own, and how both servers are asked whether they are ready."""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType

import grpc
from repositories import MODEL
from server_process import START_S
from wheel import BUILT, Triton

from pyserver.open_inference import open_inference_pb2 as oip
from pyserver.open_inference import open_inference_pb2_grpc as oip_grpc

_HOST = "127.0.0.1"
_BETWEEN_QUESTIONS_S = 0.1
_END_S = 40


def ready_version(address: str) -> str:
    """Waits until the model is ready, by the Open Inference Protocol. Returns the server's name and version."""
    with grpc.insecure_channel(address) as channel:
        ask = oip_grpc.GRPCInferenceServiceStub(channel)
        told = ask.ModelReady(oip.ModelReadyRequest(name=MODEL), wait_for_ready=True, timeout=START_S)
        if not told.ready:
            raise SystemExit(f"{MODEL} is not ready at {address}")
        server = ask.ServerMetadata(oip.ServerMetadataRequest(), timeout=START_S)
    return f"{server.name} {server.version}"


class Tritonserver:
    """Serves gRPC and REST on free ports of this machine, and ends with the `with` block."""

    def __init__(self, triton: Triton, repository: Path) -> None:
        grpc_port, http_port = _free_ports(2)
        self.address = f"{_HOST}:{grpc_port}"
        self.rest_address = f"{_HOST}:{http_port}"
        command = [
            str(triton.server), f"--model-repository={repository}", f"--backend-directory={triton.backends}",
            f"--grpc-address={_HOST}", f"--grpc-port={grpc_port}", f"--http-address={_HOST}",
            f"--http-port={http_port}", "--allow-metrics=false",
            # Of its shared memory, so that another Triton's is left alone.
            f"--backend-config=python,shm-region-prefix-name=pyserver_bench_{grpc_port}",
        ]  # fmt: skip
        self.command = shlex.join(command)
        self._log = BUILT / "tritonserver.log"
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=triton.environment)
        try:
            self._await_ready(HTTPConnection(_HOST, http_port, timeout=START_S))
            self.version = ready_version(self.address)
        except BaseException:
            self._end()
            raise

    def _await_ready(self, connection: HTTPConnection) -> None:
        """Asks again and again; meanwhile a server that ends is noticed at once."""
        deadline = time.monotonic() + START_S
        while not _says_ready(connection):
            if time.monotonic() > deadline:
                raise self._failed(f"was not ready within {START_S} s")
            try:
                code = self._process.wait(_BETWEEN_QUESTIONS_S)
            except subprocess.TimeoutExpired:
                continue
            raise self._failed(f"ended with code {code}")

    def _failed(self, how: str) -> SystemExit:
        # Without the tables of its settings.
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        said = "\n".join(line for line in lines if line and line[0] not in "+|")
        return SystemExit(f"{said[-4000:]}\ntritonserver {how}: {self.command}")

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Tritonserver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()


def _says_ready(connection: HTTPConnection) -> bool:
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _free_ports(count: int) -> list[int]:
    """tritonserver does not tell a port that it chose itself. All are held at once, so that they differ."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server((_HOST, 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in held]

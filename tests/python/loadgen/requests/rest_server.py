"""Identity models behind the REST protocols: the Open Inference Protocol's v2 and TensorFlow Serving's v1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

V2_MODEL = {
    "name": "m",
    "versions": ["2"],
    "platform": "identity",
    "inputs": [
        {"name": "x", "datatype": "FP32", "shape": [-1, 2]},
        {"name": "t", "datatype": "BYTES", "shape": [-1, 1]},
    ],
    "outputs": [
        {"name": "x", "datatype": "FP32", "shape": [-1, 2]},
        {"name": "t", "datatype": "BYTES", "shape": [-1, 1]},
    ],
}


def _tensor(kind: str, *sizes: int) -> dict[str, Any]:
    dims = [{"size": str(size), "name": ""} for size in sizes]
    return {"dtype": kind, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": "somewhere:0"}


def v1_metadata() -> dict[str, Any]:
    tensors = {"x": _tensor("DT_FLOAT", -1, 2), "t": _tensor("DT_STRING", -1)}
    only = {"x": _tensor("DT_INT64", -1, 3)}
    signatures = {
        "serving_default": {"inputs": tensors, "outputs": tensors, "method_name": ""},
        "lone": {"inputs": only, "outputs": only, "method_name": ""},
    }
    return {
        "model_spec": {"name": "m", "signature_name": "", "version": "1"},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


class Answers(BaseHTTPRequestHandler):
    """What is asked is put into the server's `asked`: path, header fields and JSON."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path in ("/v2/models/m", "/v2/models/m/versions/2"):
            self._answer(200, V2_MODEL)
        elif self.path == "/v2/models/m/config" and self._server().tells_batching:
            self._answer(200, {"name": "m", "max_batch_size": 4})
        elif self.path in ("/v1/models/m/metadata", "/v1/models/m/versions/1/metadata"):
            self._answer(200, v1_metadata())
        else:
            self._answer(404, {"error": f"nothing at {self.path}"})

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self._server().asked.append((self.path, dict(self.headers), told))
        if self.path.endswith("/infer"):
            outputs = [dict(tensor) for tensor in told["inputs"]]
            self._answer(200, {"model_name": "m", "id": told.get("id", ""), "outputs": outputs})
        elif told["signature_name"] == "lone":
            self._answer(200, {"outputs": told["inputs"]["x"]})
        else:
            self._answer(200, {"outputs": told["inputs"]})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _server(self) -> RestServer:
        assert isinstance(self.server, RestServer)
        return self.server

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class RestServer(ThreadingHTTPServer):
    """`tells_batching`: it has Triton's …/config."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.tells_batching = True

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


@contextmanager
def rest_server() -> Iterator[RestServer]:
    server = RestServer()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

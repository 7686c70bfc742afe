"""Real models on a real core: written to disk, asked over the core's own request path."""

from __future__ import annotations

import select
import shutil
import struct
import threading
from collections.abc import Callable
from pathlib import Path

from onnx import TensorProto, helper

from pyserver import _core
from pyserver.config.schema import ServerSettings
from pyserver.cpu_budget import CpuBudget
from pyserver.repository import ModelRepository, ModelState
from pyserver.v1 import predict_pb2, tensor_pb2

IDENTITY = "engine: identity\ninputs: [{name: x, datatype: FP32, shape: [2]}]\n"
PATIENCE_S = 20.0
OK, NOT_FOUND, UNAVAILABLE = 0, 5, 14  # gRPC status codes


def add_identity(repository: Path, name: str, *versions: int, config: str = IDENTITY) -> Path:
    """An identity model; its versions have a file, whose change is a new fingerprint."""
    folder = repository / name
    for version in versions:
        (folder / str(version)).mkdir(parents=True, exist_ok=True)
        (folder / str(version) / "weights").write_text("1")
    (folder / "model.yaml").write_text(config)
    return folder


def add_adder(repository: Path, name: str, version: int, addend: float) -> Path:
    """An ONNX model that adds `addend`; returns its file, which is put in its place in one step."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    constant = helper.make_tensor("addend", TensorProto.FLOAT, [1], [addend])
    graph = helper.make_graph([helper.make_node("Add", ["x", "addend"], ["y"])], "adder", [x], [y], [constant])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return put(repository / name / str(version) / "model.onnx", model.SerializeToString())


def put(path: Path, content: bytes) -> Path:
    """Writes a file beside the repository and moves it in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_bytes(content)
    return beside.replace(path)


class Serving:
    """A repository over a core, and what it answers."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.core = _core.Core()
        self.folder = folder
        values = {"repositories": [folder], "model_control": "none", "unload_grace_s": PATIENCE_S, **settings}
        self.repository = ModelRepository(
            ServerSettings.model_validate(values), self.core, CpuBudget(2, 2, None, "test")
        )
        self._changed = threading.Condition()
        self.repository.subscribe(self._notify)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait_until(self, what: Callable[[], bool]) -> None:
        """Waits for changes until `what` holds."""
        with self._changed:
            assert self._changed.wait_for(what, PATIENCE_S), self.repository.snapshot()

    def poll_twice(self) -> None:
        """The first look sees what is new, the second that it has settled."""
        self.repository.poll()
        self.repository.poll()

    def wait_for_states(self, name: str, expected: dict[int, str]) -> None:
        self.wait_until(lambda: self.states(name) == expected)

    def states(self, name: str) -> dict[int, str]:
        return {version.version: version.state.name for version in self.model(name).versions}

    def reason(self, name: str, version: int) -> str:
        return next(v.reason for v in self.model(name).versions if v.version == version)

    def model(self, name: str) -> ModelState:
        return self.repository.snapshot(name)[0]

    def names(self) -> list[str]:
        return [model.name for model in self.repository.snapshot()]

    def begin(self, name: str, version: int = 0) -> None:
        request = predict_pb2.PredictRequest(model=name, version=version)
        tensor = tensor_pb2.Tensor(datatype=tensor_pb2.DATATYPE_FP32, shape=[2], raw=b"\0\0\0\0\0\0\x80\x3f")
        request.inputs["x"].CopyFrom(tensor)
        self.core.infer(_core.Protocol.PREDICT, request.SerializeToString(), PATIENCE_S, None)

    def finished(self) -> list[_core.Completed]:
        assert select.select([self.core.fileno()], [], [], PATIENCE_S)[0]
        return [call for _, call in self.core.completed()]

    def ask(self, name: str, version: int = 0) -> tuple[int, predict_pb2.PredictResponse]:
        """The gRPC code, and the answer to [0, 1]."""
        self.begin(name, version)
        call = self.finished()[0]
        return call.code, predict_pb2.PredictResponse.FromString(call.response or b"")

    def addend(self, name: str) -> float:
        """What the adder adds to 0."""
        code, response = self.ask(name)
        assert code == OK, response
        value: float = struct.unpack("<ff", response.outputs["y"].raw)[0]
        return value

    def version_that_answers(self, name: str, version: int = 0) -> int:
        """0 where none does."""
        return int(self.ask(name, version)[1].version)


def remove(folder: Path) -> None:
    """Takes a folder away in one step."""
    away = folder.with_name(f".{folder.name}.away")
    folder.rename(away)
    shutil.rmtree(away)

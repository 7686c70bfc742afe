"""An engine served in the test's own process, by a core without a transport."""

from __future__ import annotations

import itertools
import select
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from pyserver import _core
from pyserver.tensors import Array, to_array, to_tensor
from pyserver.v1 import predict_pb2

OK = 0


class Refused(Exception):  # noqa: N818 (it is an answer)
    """An answer that is no success."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ServedEngine:
    """Answers PredictRequests by `engine` until the context ends, which stops it."""

    def __init__(self, engine: _core.Engine, **settings: Any) -> None:
        self.core = _core.Core()
        self.runtime = _core.ModelRuntime(self.core, "model", 1, engine, _core.BatchSettings(**settings))
        self._waiting: dict[int, Future[dict[str, Array]]] = {}
        self._tokens = itertools.count()
        self._ended = False

    def __enter__(self) -> ServedEngine:
        self.runtime.start()
        self.core.publish("model", {1: self.runtime}, 1)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        self._ended = True
        self._reader.join()

    def stop(self, patience_s: float = 10) -> bool:
        self.core.remove("model")
        return self.runtime.stop(patience_s)

    def ask(self, inputs: Mapping[str, Array]) -> Future[dict[str, Array]]:
        """The answer, or Refused."""
        request = predict_pb2.PredictRequest(
            model="model", inputs={name: to_tensor(array) for name, array in inputs.items()}
        )
        token, future = next(self._tokens), Future[dict[str, Array]]()
        self._waiting[token] = future
        self.core.infer(_core.Protocol.PREDICT, request.SerializeToString(), 30, token)
        return future

    def answer(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return self.ask(inputs).result(30)

    def refusal(self, inputs: Mapping[str, Array]) -> Refused:
        error = self.ask(inputs).exception(30)
        assert isinstance(error, Refused), error
        return error

    def _read(self) -> None:
        while not self._ended:
            select.select([self.core.fileno()], [], [], 0.05)
            for token, completed in self.core.completed():
                future = self._waiting.pop(token)
                if completed.code != OK:
                    future.set_exception(Refused(completed.code, completed.message))
                    continue
                response = predict_pb2.PredictResponse.FromString(completed.response or b"")
                future.set_result({name: to_array(tensor) for name, tensor in response.outputs.items()})

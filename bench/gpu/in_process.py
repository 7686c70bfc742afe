"""The executor in this process, asked with requests that lie where a transport would have received them.

The load generator asks from ordinary memory, from which the driver copies at a fraction of the speed. Here a few
requests are page-locked, and asked again and again: the executor's own speed, transfers included.
"""

from __future__ import annotations

import ctypes
import logging
import select
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from pyserver import _core
from pyserver.config.schema import ServerSettings
from pyserver.cpu_budget import cpu_budget
from pyserver.cuda_api import CudaApi, CudaContext
from pyserver.repository.lifecycle import ModelRepository
from pyserver.v1 import predict_pb2, tensor_pb2

_PORTABLE = 1  # CU_MEMHOSTREGISTER_PORTABLE
_ANSWER_S = 60
_WARM_UP_S = 0.5
_DATATYPES = {"float32": tensor_pb2.DATATYPE_FP32, "float16": tensor_pb2.DATATYPE_FP16}


class InProcess:
    """A model with one input x, in a core of its own."""

    def __init__(
        self, repository: Path, model: str, shape: tuple[int, ...], dtype: str, in_flight: int, stack: ExitStack
    ) -> None:
        """`shape`: of a request, rows first."""
        settings = ServerSettings(repositories=[repository], model_control="none", exit_on_load_error=True)
        self._core = _core.Core(max_request_memory_bytes=settings.max_request_memory_bytes)
        silent = logging.Logger("in process")  # what goes wrong is raised
        silent.disabled = True
        models = ModelRepository(settings, self._core, cpu_budget(), log=silent)
        stack.callback(models.stop, 5.0)
        models.start()
        self._rows = shape[0]
        self._requests = [_request(model, shape, dtype, seed) for seed in range(in_flight)]

    def page_lock(self, stack: ExitStack) -> None:
        """The requests. The double of a driver does not know how to."""
        api = CudaApi()
        context = stack.enter_context(CudaContext(api))
        for request in self._requests:
            # Where a bytes object has its bytes, which stay there as long as it lives.
            address = ctypes.cast(ctypes.c_char_p(request), ctypes.c_void_p)
            context.api.call("cuMemHostRegister_v2", address, ctypes.c_size_t(len(request)), ctypes.c_uint(_PORTABLE))
            stack.callback(context.api.call, "cuMemHostUnregister", address)

    def rows_per_second(self, seconds: float) -> float:
        """With all requests underway, each asked anew as soon as it is answered. SystemExit where one fails."""
        for request in self._requests:
            self._ask(request)
        self._answer_until(time.perf_counter() + _WARM_UP_S)
        began = time.perf_counter()
        answered = self._answer_until(began + seconds)
        rate = answered * self._rows / (time.perf_counter() - began)
        left = len(self._requests)
        while left:
            left -= len(self._answers())
        return rate

    def _answer_until(self, end: float) -> int:
        answered = 0
        while time.perf_counter() < end:
            for request in self._answers():
                self._ask(request)
                answered += 1
        return answered

    def _ask(self, request: bytes) -> None:
        self._core.infer(_core.Protocol.PREDICT, request, None, request)

    def _answers(self) -> list[bytes]:
        """What was asked, of the calls that have ended meanwhile: at least one."""
        if not select.select([self._core.fileno()], [], [], _ANSWER_S)[0]:
            raise SystemExit(f"no answer in {_ANSWER_S} s")
        ended: list[Any] = self._core.completed()
        for _, completed in ended:
            if completed.response is None:
                raise SystemExit(f"in process: {completed.message}")
        return [request for request, _ in ended]


def _request(model: str, shape: tuple[int, ...], dtype: str, seed: int) -> bytes:
    request = predict_pb2.PredictRequest(model=model)
    tensor = request.inputs["x"]
    tensor.datatype = _DATATYPES[dtype]
    tensor.shape.extend(shape)
    tensor.raw = np.random.default_rng(seed).standard_normal(shape, np.float32).astype(dtype).tobytes()
    return bytes(request.SerializeToString())

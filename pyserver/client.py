"""A small client: NumPy arrays in, NumPy arrays out.

    with Client("127.0.0.1:8001") as client:
        print(client.predict("digits", {"image": image}).outputs["label"])

How arrays stand for tensors, BYTES and BF16 among them, is told in `pyserver.tensors`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt

from pyserver.channel import ClientTls, RequestFailedError, UnreachableError, becomes_ready, failure_of, open_channel
from pyserver.tensors import to_array, to_tensor
from pyserver.v1 import model_status_pb2, model_status_pb2_grpc, predict_pb2, predict_pb2_grpc

DEFAULT_ADDRESS = "127.0.0.1:8001"


@dataclass(frozen=True)
class Result:
    """What a model answered."""

    model: str
    version: int
    id: str
    outputs: dict[str, npt.NDArray[Any]]
    # Where the server's time went, in microseconds by stage; None where it was not asked for.
    ledger: dict[str, int] | None


class Client:
    """One connection to one server. Thread-safe."""

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        timeout_s: float | None = None,
        connect_timeout_s: float = 5.0,
        tls: ClientTls | None = None,
    ) -> None:
        """`timeout_s` is every request's deadline where it names none; None: they wait without limit."""
        self._address = address
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._channel = open_channel(address, tls)
        self._predict = predict_pb2_grpc.PredictServiceStub(self._channel)
        self._status = model_status_pb2_grpc.ModelStatusServiceStub(self._channel)
        self._connected = False

    def predict(
        self,
        model: str,
        inputs: Mapping[str, npt.ArrayLike],
        *,
        version: int = 0,
        outputs: Sequence[str] = (),
        id: str = "",  # noqa: A002 (the name of the field)
        priority: int = 0,
        ledger: bool = False,
        datatypes: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Result:
        """Runs the model once. Raises RequestFailedError, UnreachableError.

        `outputs`: the ones wanted, none for all. `datatypes`: "BF16" for inputs that are uint16 bit patterns.
        """
        told = datatypes or {}
        request = predict_pb2.PredictRequest(
            model=model,
            version=version,
            id=id,
            inputs={name: to_tensor(np.asarray(value), told.get(name)) for name, value in inputs.items()},
            outputs=outputs,
            priority=priority,
            return_ledger=ledger,
        )
        response = self._call(self._predict.Predict, request, timeout_s)
        times = {field.name: getattr(response.ledger, field.name) for field in response.ledger.DESCRIPTOR.fields}
        return Result(
            model=response.model,
            version=response.version,
            id=response.id,
            outputs={name: to_array(tensor) for name, tensor in response.outputs.items()},
            ledger=times if response.HasField("ledger") else None,
        )

    def status(self, model: str = "", *, version: int = 0) -> list[model_status_pb2.ModelStatus]:
        """The status of the model, or of all. Raises RequestFailedError, UnreachableError."""
        request = model_status_pb2.ModelStatusRequest(model=model, version=version)
        return list(self._call(self._status.ModelStatus, request, None).models)

    def transport_counters(self) -> dict[str, int]:
        """What the server's transport has counted, by name. Raises RequestFailedError, UnreachableError."""
        request = model_status_pb2.ModelStatusRequest()
        return dict(self._call(self._status.ModelStatus, request, None).transport_counters)

    def memory_counters(self) -> dict[str, int]:
        """The server's memory for requests and responses, by name. Raises RequestFailedError, UnreachableError."""
        request = model_status_pb2.ModelStatusRequest()
        return dict(self._call(self._status.ModelStatus, request, None).memory_counters)

    def gpus(self) -> list[model_status_pb2.GpuUse]:
        """The GPUs of the server's machine, as far as NVML tells. Raises RequestFailedError, UnreachableError."""
        request = model_status_pb2.ModelStatusRequest()
        return list(self._call(self._status.ModelStatus, request, None).gpus)

    def metadata(self, model: str, *, version: int = 0) -> model_status_pb2.ModelVersionStatus:
        """Inputs, outputs and batching of the version, 0 for the default one.

        Raises RequestFailedError, UnreachableError.
        """
        found = self.status(model, version=version)[0]
        for status in found.versions:
            if status.version == (version or found.default_version):
                return status
        raise RequestFailedError(grpc.StatusCode.UNAVAILABLE, f"no version of model {model!r} serves")

    def watch_status(self, model: str = "") -> Iterator[list[model_status_pb2.ModelStatus]]:
        """The status at once, and again after every change. Raises RequestFailedError, UnreachableError."""
        self._connect()
        request = model_status_pb2.WatchModelStatusRequest(model=model)
        try:
            for response in self._status.WatchModelStatus(request):
                yield list(response.models)
        except grpc.RpcError as error:
            raise failure_of(error) from None

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Callable[..., Any], request: Any, timeout_s: float | None) -> Any:
        self._connect()
        try:
            return method(request, timeout=self._timeout_s if timeout_s is None else timeout_s)
        except grpc.RpcError as error:
            raise failure_of(error) from None

    def _connect(self) -> None:
        """Once."""
        if self._connected:
            return
        if not becomes_ready(self._channel, self._connect_timeout_s):
            raise UnreachableError(f"no server answers at {self._address}")
        self._connected = True

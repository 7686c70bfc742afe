"""The interface of a protocol: where requests go, how they are encoded, and what their answers say.

Everything is bytes of one message, without gRPC's prefix of 5 bytes: the engine adds it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pyserver.tensors import Array, datatype_of
from pyserver_loadgen.protocols.connection import Connection
from pyserver_loadgen.protocols.contents import raw_contents
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import ModelMetadata

# What stands where the engine writes the id of every request that it sends.
ID_PLACE = b"0" * 16


@dataclass(frozen=True)
class Encoding:
    """How requests are encoded, apart from their inputs."""

    version: str = ""
    streaming: bool = False
    # Room for an id of 16 bytes; streams whose answers overtake one another need it.
    ids: bool = False
    # The outputs wanted; none: all.
    outputs: tuple[str, ...] = ()
    priority: int = 0
    ledger: bool = False


@dataclass(frozen=True)
class EncodedRequest:
    """One message. `id_offset` is where the 16 bytes of its id lie, the same for all of one Encoding and model."""

    body: bytes
    id_offset: int | None = None


@dataclass(frozen=True)
class ExpectedOutputs:
    """The arguments of the engine's LoadExpectation: (name, datatype, raw contents) of every output."""

    reader: str
    outputs: tuple[tuple[str, str, bytes], ...]


class RequestProtocol(ABC):
    """One protocol. Stateless: what a request depends on comes in, so that one object serves any number of models."""

    # As `pyserver bench --protocol` has it.
    name: ClassVar[str]
    # What carries it: the engine's LoadTarget has the same names.
    transport: ClassVar[Literal["grpc", "http"]] = "grpc"
    # The engine's reader of its answers.
    reader: ClassVar[str] = "message"
    can_stream: ClassVar[bool] = False
    # Whether a request has an id that its answer returns.
    has_ids: ClassVar[bool] = False
    # Whether answers can carry pyserver's Ledger.
    has_ledger: ClassVar[bool] = False

    @abstractmethod
    def metadata(self, connection: Connection, model: str, version: str = "") -> ModelMetadata:
        """Asks the server. Raises RequestError, RequestFailedError, UnreachableError."""

    @abstractmethod
    def path(self, model: str, encoding: Encoding) -> str:
        """Where requests go, such as "/pyserver.v1.PredictService/Predict". Raises RequestError."""

    @abstractmethod
    def encode(self, model: ModelMetadata, inputs: Mapping[str, Array], encoding: Encoding) -> EncodedRequest:
        """One request. The inputs fit the model: the pool checked them. Raises RequestError."""

    @abstractmethod
    def decode(self, answer: bytes, model: ModelMetadata, *, streaming: bool = False) -> dict[str, Array]:
        """The outputs of an answer. Raises RequestError where it is none, or an error inside a stream."""

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What every request carries beside what its transport adds."""
        return ()

    def expect(self, outputs: Mapping[str, Array], model: ModelMetadata) -> ExpectedOutputs:
        """That every answer has these outputs. Raises RequestError."""
        told = {spec.name: spec.datatype for spec in model.outputs}
        order = [*(name for name in told if name in outputs), *(name for name in outputs if name not in told)]
        expected = []
        for name in order:
            # Some servers do not tell a model's outputs.
            datatype = model.output(name).datatype if told else datatype_of(outputs[name])
            expected.append((name, datatype, raw_contents(outputs[name], datatype)))
        if not expected:
            raise RequestError("no output is expected: give at least one")
        return ExpectedOutputs(self.reader, tuple(expected))

    def expect_like(self, answer: bytes, model: ModelMetadata, *, streaming: bool = False) -> ExpectedOutputs:
        """That every answer has the outputs of this one. Raises RequestError."""
        return self.expect(self.decode(answer, model, streaming=streaming), model)

"""Any unary method with bodies as they are: nothing is known of what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pyserver.tensors import Array
from pyserver_loadgen.protocols.base import EncodedRequest, Encoding, ExpectedOutputs, RequestProtocol
from pyserver_loadgen.protocols.connection import Connection
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import ModelMetadata


class RawProtocol(RequestProtocol):
    """See RequestProtocol. `method` is "/package.Service/Method" or "package.Service/Method"."""

    name = "raw"

    def __init__(self, method: str) -> None:
        parts = method.removeprefix("/").split("/")
        if len(parts) != 2 or not all(part and part.isprintable() and " " not in part for part in parts):
            raise RequestError(f"method {method!r}: expected /package.Service/Method")
        self._path = "/" + "/".join(parts)

    def metadata(self, connection: Connection, model: str, version: str = "") -> ModelMetadata:  # noqa: ARG002
        """Nothing is known: no inputs, no outputs."""
        return ModelMetadata(name=model, version=version, inputs=(), outputs=(), max_batch_size=0)

    def path(self, model: str, encoding: Encoding) -> str:  # noqa: ARG002
        """See RequestProtocol."""
        return self._path

    def encode(self, model: ModelMetadata, inputs: Mapping[str, Array], encoding: Encoding) -> EncodedRequest:  # noqa: ARG002
        """There is nothing to encode: bodies are read from files. Raises RequestError."""
        raise RequestError(f"method {self._path} takes no inputs: give its message with --body FILE")

    def decode(self, answer: bytes, model: ModelMetadata, *, streaming: bool = False) -> dict[str, Array]:  # noqa: ARG002
        """Raises RequestError: the message is not known."""
        raise RequestError(f"what method {self._path} answers is not known, only that two answers are the same")

    def expect(self, outputs: Mapping[str, Array], model: ModelMetadata) -> ExpectedOutputs:  # noqa: ARG002
        """Raises RequestError."""
        raise RequestError(f"what method {self._path} answers is not known: only --expect first can be checked")

    def expect_like(self, answer: bytes, model: ModelMetadata, *, streaming: bool = False) -> ExpectedOutputs:  # noqa: ARG002
        """That every answer is this one, byte for byte."""
        return ExpectedOutputs(self.reader, (("", "BYTES", answer),))


def read_bodies(path: Path) -> list[bytes]:
    """The bodies in a file, or in every file of a folder by name. Raises RequestError."""
    try:
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
            if not files:
                raise RequestError(f"{path}: expected a folder with files, got an empty one")
            return [file.read_bytes() for file in files]
        return [path.read_bytes()]
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror or error}") from None

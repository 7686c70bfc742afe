"""The contexts that servicers get: `grpc.ServicerContext` for synchronous ones, `grpc.aio`'s for asynchronous ones.

Beyond grpc's, both have `request_was_compressed`: whether the message that was read last came compressed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import grpc
from grpc import aio

from pyserver import _core
from pyserver.transport.servicer_call import MetadataLike, Metadatum, ServicerCall, checked

_COMPRESSIONS = {
    grpc.Compression.NoCompression: _core.Compression.IDENTITY,
    grpc.Compression.Deflate: _core.Compression.DEFLATE,
    grpc.Compression.Gzip: _core.Compression.GZIP,
}
_ALTERNATIVE_NAMES = "x509_subject_alternative_name"
_COMMON_NAME = "x509_common_name"


class _Told:
    """What both contexts have alike."""

    def __init__(self, call: ServicerCall, serialize: Callable[[Any], bytes], read: Callable[[bytes], Any]) -> None:
        self._call = call
        self._serialize = serialize
        self._read = read

    @property
    def request_was_compressed(self) -> bool:
        return self._call.message_was_compressed

    def time_remaining(self) -> float | None:
        deadline = self._call.handed.deadline
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    def invocation_metadata(self) -> Sequence[Metadatum]:
        return self._call.metadata

    def peer(self) -> str:
        return self._call.handed.peer

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        return _auth_context(self._call.handed.identity)

    def peer_identity_key(self) -> str | None:
        identity = self._call.handed.identity
        if identity.alternative_names:
            return _ALTERNATIVE_NAMES
        return _COMMON_NAME if identity.common_name else None

    def peer_identities(self) -> Sequence[bytes] | None:
        key = self.peer_identity_key()
        return None if key is None else self.auth_context()[key]

    def set_compression(self, compression: grpc.Compression) -> None:
        self._call.set_compression(_COMPRESSIONS[compression])

    def disable_next_message_compression(self) -> None:
        self._call.disable_next_message_compression()

    def set_trailing_metadata(self, trailing_metadata: MetadataLike) -> None:
        self._call.trailing = checked(trailing_metadata)

    def trailing_metadata(self) -> Sequence[Metadatum]:
        return self._call.trailing

    def set_code(self, code: grpc.StatusCode) -> None:
        self._call.code = code

    def code(self) -> grpc.StatusCode | None:
        return self._call.code

    def set_details(self, details: str) -> None:
        self._call.details = details

    def details(self) -> str:
        return self._call.details

    def cancel(self) -> None:
        self._call.finish(grpc.StatusCode.CANCELLED, "the servicer has cancelled the call")

    def _abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        call = self._call
        # As grpc: an abort is a failure, whatever it calls itself.
        call.code, call.details = (code, details) if code is not grpc.StatusCode.OK else (grpc.StatusCode.UNKNOWN, "")
        call.aborted = True
        raise aio.AbortError


class SyncContext(_Told, grpc.ServicerContext):  # type: ignore[misc]
    """For a synchronous servicer. Thread-safe. abort() raises."""

    def is_active(self) -> bool:
        """As grpc."""
        return self._call.is_active

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """As grpc: it must not block."""
        return self._call.add_callback(callback)

    def send_initial_metadata(self, initial_metadata: MetadataLike) -> None:
        """As grpc."""
        self._call.send_initial_metadata(initial_metadata)

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """As grpc."""
        self._abort(code, details)

    def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """As grpc."""
        self.set_trailing_metadata(status.trailing_metadata)
        self._abort(status.code, status.details)


class AsyncContext(_Told, aio.ServicerContext[Any, Any]):  # type: ignore[misc]
    """For an asynchronous servicer, on the loop."""

    async def read(self) -> Any:
        """The next message of the request, `grpc.aio.EOF` after the last."""
        data = await self._call.next_message_async()
        return aio.EOF if data is None else self._read(data)

    async def write(self, message: Any) -> None:
        """Sends a message of the answer, when there is room for it."""
        await self._call.wait_for_room_async()
        self._call.send(self._serialize(message))

    async def send_initial_metadata(self, initial_metadata: MetadataLike) -> None:
        """As grpc."""
        self._call.send_initial_metadata(initial_metadata)

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: MetadataLike = ()) -> NoReturn:
        """As grpc."""
        if trailing_metadata:
            self.set_trailing_metadata(trailing_metadata)
        self._abort(code, details)

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """As grpc."""
        self.set_trailing_metadata(status.trailing_metadata)
        self._abort(status.code, status.details)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Called with this context when the call is over."""
        if not self._call.add_callback(lambda: callback(self)):
            callback(self)

    def done(self) -> bool:
        """As grpc."""
        return not self._call.is_active

    def cancelled(self) -> bool:
        """As grpc."""
        return self.done() and self._call.code is grpc.StatusCode.CANCELLED


def _auth_context(identity: _core.PeerIdentity) -> dict[str, list[bytes]]:
    if not identity.tls:
        return {"transport_security_type": [b"insecure"], "security_level": [b"TSI_SECURITY_NONE"]}
    told = {"transport_security_type": [b"ssl"], "security_level": [b"TSI_PRIVACY_AND_INTEGRITY"]}
    if identity.common_name:
        told[_COMMON_NAME] = [identity.common_name]
    if identity.alternative_names:
        told[_ALTERNATIVE_NAMES] = identity.alternative_names
    if identity.certificate_pem:
        told["x509_pem_cert"] = [identity.certificate_pem]
    return told

"""Who answers which method: the registered handlers, the generic ones, and the interceptors around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import grpc


class HandlerCallDetails(NamedTuple):
    """As `grpc.HandlerCallDetails`: what is known of a call before its first message."""

    method: str
    invocation_metadata: Sequence[tuple[str, str | bytes]]


class MethodTable:
    """As `grpc.Server` keeps it. Not thread-safe: filled before the server starts, or on its event loop."""

    def __init__(self, interceptors: Iterable[grpc.ServerInterceptor]) -> None:
        self._registered: dict[str, Any] = {}
        self._generic: list[Any] = []
        self._find: Callable[[HandlerCallDetails], Any] = self._lookup
        for interceptor in reversed(list(interceptors)):
            self._find = _intercepted(interceptor, self._find)

    def add_generic(self, handlers: Iterable[Any]) -> None:
        """Asked in the order in which they were added, after the registered ones."""
        self._generic.extend(handlers)

    def add_registered(self, service: str, handlers: Mapping[str, Any]) -> list[str]:
        """Handlers of whole paths, which are returned."""
        by_path = {f"/{service}/{name}": handler for name, handler in handlers.items()}
        self._registered.update(by_path)
        return list(by_path)

    def find(self, path: str, metadata: Sequence[tuple[str, str | bytes]]) -> Any:
        """The `grpc.RpcMethodHandler` that answers, None where there is none. Raises what an interceptor raises."""
        return self._find(HandlerCallDetails(path, metadata))

    def _lookup(self, details: HandlerCallDetails) -> Any:
        registered = self._registered.get(details.method)
        if registered is not None:
            return registered
        found = (handler.service(details) for handler in self._generic)
        return next((handler for handler in found if handler is not None), None)


def _intercepted(
    interceptor: grpc.ServerInterceptor, find: Callable[[HandlerCallDetails], Any]
) -> Callable[[HandlerCallDetails], Any]:
    return lambda details: interceptor.intercept_service(find, details)  # type: ignore[arg-type]

"""grpc.health.v1: "" is the whole server, every service and every model has a name of its own.

Asynchronous, so that a busy server still answers its probes. NOT_SERVING everywhere from the moment stopping begins.
"""

from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pyserver import _core
from pyserver.errors import NotFoundError
from pyserver.repository.lifecycle import ModelRepository
from pyserver.services.change_feed import ChangeFeed, TooManyWatchersError
from pyserver.services.versions import serves
from pyserver.transport import Transport

SERVICE = "grpc.health.v1.Health"
_Status = health_pb2.HealthCheckResponse


def follow_readiness(repository: ModelRepository, core: _core.Core) -> Callable[[], None]:
    """Tells the core, which answers probes itself, after every change of a model whether the server is ready.

    What is returned tells it at once: for changes that are not those of a model.
    """

    def publish() -> None:
        core.set_ready(repository.ready())

    repository.subscribe(publish)
    return publish


class HealthServicer(health_pb2_grpc.HealthServicer):
    """Computed from the repository at every question; holds only whether the server is stopping."""

    def __init__(self, repository: ModelRepository, changes: ChangeFeed, services: Collection[str]) -> None:
        self._repository = repository
        self._changes = changes
        self._services = frozenset(services)
        self._stopping = False

    def register(self, transport: Transport) -> None:
        """Adds the service to the transport."""
        health_pb2_grpc.add_HealthServicer_to_server(self, transport)  # type: ignore[arg-type]

    def stop(self, patience_s: float) -> None:
        """NOT_SERVING from now on. Waits `patience_s` at most until those who watch are told. Any thread."""
        self._stopping = True
        self._changes.notify()
        self._changes.wait_until_told(patience_s)

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> health_pb2.HealthCheckResponse:  # noqa: N802
        """The status now. NOT_FOUND for a name that is neither a service nor a model."""
        status = self._status(request.service)
        if status == _Status.SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no service and no model of this name")
        return _Status(status=status)

    async def Watch(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The status at once, then whenever it is another. SERVICE_UNKNOWN for names that may come later."""
        try:
            with self._changes.watch() as watch:
                told = None
                while True:
                    status = self._status(request.service)
                    if status != told:
                        yield _Status(status=status)
                    told = status
                    await watch.change()
        except TooManyWatchersError as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, error.message)

    def _status(self, name: str) -> Any:
        if not name or name in self._services:
            serving = self._repository.ready()
        else:
            try:
                serving = serves(self._repository.snapshot(name)[0], 0)
            except NotFoundError:
                return _Status.SERVICE_UNKNOWN
        return _Status.SERVING if serving and not self._stopping else _Status.NOT_SERVING

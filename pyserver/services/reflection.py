"""grpc.reflection.v1alpha: lets grpcurl and its like find the services without their .proto files."""

from collections.abc import Collection

from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from pyserver.transport import Transport

SERVICE: str = reflection.SERVICE_NAME


def add_reflection(transport: Transport, services: Collection[str]) -> None:
    """Registers the service, which tells of `services` and of itself."""
    # The asynchronous one: a client may keep its stream open for hours, and must not hold a thread.
    servicer = reflection.aio.ReflectionServicer([*services, SERVICE])
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(  # type: ignore[no-untyped-call]
        servicer, transport
    )

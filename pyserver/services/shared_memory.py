"""The shared memory calls of inference.GRPCInferenceService: clients register regions, which their requests then name.

Which places requests name in them, and what lies there, is the core's business: csrc/shared_memory.
"""

from __future__ import annotations

from typing import Any

from pyserver import _core
from pyserver.open_inference import open_inference_pb2 as pb
from pyserver.services.failure import SwitchedOffError, answered

_SYSTEM_EXTENSION = "system_shared_memory"
_CUDA_EXTENSION = "cuda_shared_memory"


def shared_memory_extensions(regions: _core.RegionTable | None) -> list[str]:
    """The protocol's names of what can be registered here."""
    if regions is None:
        return []
    return [_SYSTEM_EXTENSION, _CUDA_EXTENSION] if regions.has_gpus else [_SYSTEM_EXTENSION]


class SharedMemoryServicer:
    """The part of the service that speaks of shared memory. Stateless: the table is the core's."""

    def __init__(self, regions: _core.RegionTable | None) -> None:
        """`regions`: None where clients must not use shared memory."""
        self._table = regions

    @answered
    def SystemSharedMemoryStatus(  # noqa: N802
        self,
        request: pb.SystemSharedMemoryStatusRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.SystemSharedMemoryStatusResponse:
        """The region, or all of them."""
        response = pb.SystemSharedMemoryStatusResponse()
        for region in self._regions().system_regions(request.name):
            response.regions[region.name].CopyFrom(
                pb.SystemSharedMemoryStatusResponse.RegionStatus(
                    name=region.name, key=region.key, offset=region.offset, byte_size=region.byte_size
                )
            )
        return response

    @answered
    def SystemSharedMemoryRegister(  # noqa: N802
        self,
        request: pb.SystemSharedMemoryRegisterRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.SystemSharedMemoryRegisterResponse:
        """Makes a part of a POSIX shared memory object known by a name."""
        self._regions().register_system(request.name, request.key, request.offset, request.byte_size)
        return pb.SystemSharedMemoryRegisterResponse()

    @answered
    def SystemSharedMemoryUnregister(  # noqa: N802
        self,
        request: pb.SystemSharedMemoryUnregisterRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.SystemSharedMemoryUnregisterResponse:
        """Forgets the region, or all of them; requests underway still use it."""
        self._regions().unregister_system(request.name)
        return pb.SystemSharedMemoryUnregisterResponse()

    @answered
    def CudaSharedMemoryStatus(  # noqa: N802
        self,
        request: pb.CudaSharedMemoryStatusRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.CudaSharedMemoryStatusResponse:
        """The region, or all of them."""
        response = pb.CudaSharedMemoryStatusResponse()
        for region in self._regions().cuda_regions(request.name):
            response.regions[region.name].CopyFrom(
                pb.CudaSharedMemoryStatusResponse.RegionStatus(
                    name=region.name, device_id=region.device_id, byte_size=region.byte_size
                )
            )
        return response

    @answered
    def CudaSharedMemoryRegister(  # noqa: N802
        self,
        request: pb.CudaSharedMemoryRegisterRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.CudaSharedMemoryRegisterResponse:
        """Makes the memory behind an IPC handle known by a name."""
        self._regions().register_cuda(request.name, request.raw_handle, request.device_id, request.byte_size)
        return pb.CudaSharedMemoryRegisterResponse()

    @answered
    def CudaSharedMemoryUnregister(  # noqa: N802
        self,
        request: pb.CudaSharedMemoryUnregisterRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.CudaSharedMemoryUnregisterResponse:
        """Forgets the region, or all of them; requests underway still use it."""
        self._regions().unregister_cuda(request.name)
        return pb.CudaSharedMemoryUnregisterResponse()

    def _regions(self) -> _core.RegionTable:
        if self._table is None:
            raise SwitchedOffError(
                "shared memory of clients is switched off; start the server with --allow-client-shm, or send tensors "
                "in requests"
            )
        return self._table

"""pyserver.v1.ModelStatusService: what is served, in which state, and how it is doing."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import grpc

from pyserver import _core
from pyserver.errors import NotFoundError
from pyserver.nvml import GpuUse
from pyserver.repository.lifecycle import ModelRepository
from pyserver.repository.state import ModelState, VersionState
from pyserver.services.change_feed import ChangeFeed, TooManyWatchersError
from pyserver.services.failure import InvalidRequestError, answered
from pyserver.services.gpu_uses import GpuUses
from pyserver.services.memory_counters import memory_counters
from pyserver.services.versions import find_version
from pyserver.transport import Transport
from pyserver.v1 import model_status_pb2, model_status_pb2_grpc, tensor_pb2

SERVICE = "pyserver.v1.ModelStatusService"


def add_model_status(transport: Transport, core: _core.Core, repository: ModelRepository, changes: ChangeFeed) -> None:
    """Registers the service. `changes` is notified whenever a version's state changes."""
    servicer = ModelStatusServicer(repository, changes, transport.counters, partial(memory_counters, core), GpuUses())
    model_status_pb2_grpc.add_ModelStatusServiceServicer_to_server(servicer, transport)


class ModelStatusServicer(model_status_pb2_grpc.ModelStatusServiceServicer):
    """Reads the repository's snapshot and the metrics of runtimes, transport and memory; holds nothing itself."""

    def __init__(
        self,
        repository: ModelRepository,
        changes: ChangeFeed,
        transport_counters: Callable[[], dict[str, int]],
        memory_counters: Callable[[], dict[str, int]],
        gpu_uses: Callable[[], list[GpuUse]],
    ) -> None:
        self._repository = repository
        self._changes = changes
        self._transport_counters = transport_counters
        self._memory_counters = memory_counters
        self._gpu_uses = gpu_uses

    @answered
    def ModelStatus(  # noqa: N802
        self,
        request: model_status_pb2.ModelStatusRequest,
        context: Any,  # noqa: ARG002
    ) -> model_status_pb2.ModelStatusResponse:
        """The models asked for."""
        if request.version and not request.model:
            raise InvalidRequestError(f"version {request.version} is asked for without a model")
        models = self._repository.snapshot(request.model or None)
        return model_status_pb2.ModelStatusResponse(
            models=[_model(model, request.version) for model in models],
            transport_counters={} if request.model else self._transport_counters(),
            memory_counters={} if request.model else self._memory_counters(),
            gpus=[] if request.model else [_gpu(use) for use in self._gpu_uses()],
        )

    async def WatchModelStatus(  # noqa: N802
        self, request: model_status_pb2.WatchModelStatusRequest, context: Any
    ) -> AsyncIterator[model_status_pb2.WatchModelStatusResponse]:
        """The status at once, then after every change."""
        try:
            with self._changes.watch() as watch:
                models = self._repository.snapshot(request.model or None)
                while True:
                    yield model_status_pb2.WatchModelStatusResponse(models=[_model(model, 0) for model in models])
                    await watch.change()
                    models = self._models_left(request.model)
        except TooManyWatchersError as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, error.message)
        except NotFoundError as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, error.message)

    def _models_left(self, name: str) -> list[ModelState]:
        """A model that was removed while it is watched is no error, but a change."""
        try:
            return self._repository.snapshot(name or None)
        except NotFoundError:
            return []


def _gpu(use: GpuUse) -> model_status_pb2.GpuUse:
    return model_status_pb2.GpuUse(
        name=use.name,
        uuid=use.uuid,
        busy_percent=use.busy_percent,
        used_bytes=use.used_bytes,
        total_bytes=use.total_bytes,
    )


def _model(model: ModelState, version: int) -> model_status_pb2.ModelStatus:
    versions = [find_version(model, version)] if version else model.versions
    return model_status_pb2.ModelStatus(
        name=model.name, default_version=model.default_version, versions=[_version(state) for state in versions]
    )


def _version(state: VersionState) -> model_status_pb2.ModelVersionStatus:
    status = model_status_pb2.ModelVersionStatus(
        version=state.version, state=f"MODEL_VERSION_STATE_{state.state.name}", reason=state.reason
    )
    runtime = state.runtime
    if runtime is None:
        return status
    status.engine = runtime.engine
    status.device = runtime.device
    for group in runtime.instance_groups:
        status.instance_groups.add(count=group.count, threads=group.threads)
    signature = runtime.signature
    status.inputs.extend(_tensor_spec(spec) for spec in signature.inputs)
    status.outputs.extend(_tensor_spec(spec) for spec in signature.outputs)
    _add_processing(status, runtime)
    settings = runtime.batch_settings
    status.batching.CopyFrom(
        model_status_pb2.Batching(
            max_batch_size=signature.max_batch_size,
            max_queue_delay_us=settings.max_queue_delay_us,
            preferred_batch_sizes=settings.preferred_batch_sizes,
            max_queue_size=settings.max_queue_size,
            priority_levels=settings.priority_levels,
            default_timeout_us=settings.default_timeout_us,
        )
    )
    status.counts.CopyFrom(_counts(runtime))
    status.engine_counters.update(runtime.engine_counters())
    return status


def _add_processing(status: model_status_pb2.ModelVersionStatus, runtime: _core.ModelRuntime) -> None:
    """The model's own face, where requests see another."""
    for name, model_name, ops in runtime.preprocessing:
        status.preprocessing.add(name=name, model_name=model_name, ops=ops)
    for name, model_name, ops in runtime.postprocessing:
        status.postprocessing.add(name=name, model_name=model_name, ops=ops)
    if status.preprocessing or status.postprocessing:
        model = runtime.model_signature
        status.model_inputs.extend(_tensor_spec(spec) for spec in model.inputs)
        status.model_outputs.extend(_tensor_spec(spec) for spec in model.outputs)


def _tensor_spec(spec: _core.TensorSpec) -> tensor_pb2.TensorSpec:
    datatype = f"DATATYPE_{spec.datatype}"
    return tensor_pb2.TensorSpec(name=spec.name, datatype=datatype, shape=spec.shape, optional=spec.optional)


def _counts(runtime: _core.ModelRuntime) -> model_status_pb2.ModelVersionCounts:
    metrics = runtime.metrics()
    errors = {code: count for code, count in enumerate(metrics.requests_by_code) if code and count}
    return model_status_pb2.ModelVersionCounts(
        requests=sum(metrics.requests_by_code),
        errors=sum(errors.values()),
        inferences=metrics.inferences,
        batches=metrics.batches,
        queue_depth=runtime.queue_depth,
        errors_by_code=errors,
        mean_batch_size=metrics.inferences / metrics.batches if metrics.batches else 0.0,
    )

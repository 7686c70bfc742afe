"""inference.GRPCInferenceService but for ModelInfer and ModelStreamInfer, which the core answers itself."""

from importlib.metadata import version as package_version
from typing import Any

from pyserver import _core
from pyserver.errors import NotFoundError, PyserverError
from pyserver.open_inference import open_inference_pb2 as pb
from pyserver.open_inference import open_inference_pb2_grpc
from pyserver.repository.lifecycle import ModelRepository
from pyserver.repository.state import ModelState, ModelVersionState, VersionState
from pyserver.services.failure import InvalidRequestError, answered, code_of, details_of
from pyserver.services.model_statistics import model_statistics
from pyserver.services.shared_memory import SharedMemoryServicer, shared_memory_extensions
from pyserver.services.versions import find_version, loaded_version, parse_version, serves
from pyserver.transport import Transport

SERVER_NAME = "pyserver"
EXTENSIONS = (
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "schedule_policy",
    "statistics",
)
# What RepositoryModelUnload takes. There are no models that depend on others, so it changes nothing.
_UNLOAD_PARAMETERS = frozenset({"unload_dependents"})
# What probes ask. The servicer below answers the same, for transports where the core does not.
STATE_METHODS = {
    "/inference.GRPCInferenceService/ServerLive": _core.StateQuestion.SERVER_LIVE,
    "/inference.GRPCInferenceService/ServerReady": _core.StateQuestion.SERVER_READY,
    "/inference.GRPCInferenceService/ModelReady": _core.StateQuestion.MODEL_READY,
}
_INDEX_STATES = {ModelVersionState.AVAILABLE: "READY"}


def add_open_inference(
    transport: Transport, repository: ModelRepository, regions: _core.RegionTable | None = None
) -> None:
    """Registers the service. `regions`: None where clients must not use shared memory."""
    servicer = OpenInferenceServicer(repository, regions)
    transport.add_state_methods(STATE_METHODS)
    open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, transport)


class OpenInferenceServicer(SharedMemoryServicer, open_inference_pb2_grpc.GRPCInferenceServiceServicer):
    """Stateless: everything is asked of the repository, and of the core's table of shared memory."""

    def __init__(self, repository: ModelRepository, regions: _core.RegionTable | None) -> None:
        super().__init__(regions)
        self._repository = repository
        self._extensions = sorted([*EXTENSIONS, *shared_memory_extensions(regions)])

    # What probes ask is asynchronous: they are answered while loads and unloads hold every control thread.
    async def ServerLive(self, request: pb.ServerLiveRequest, context: Any) -> pb.ServerLiveResponse:  # noqa: ARG002, N802
        """Who can answer lives."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: pb.ServerReadyRequest, context: Any) -> pb.ServerReadyResponse:  # noqa: ARG002, N802
        """Whether the models that should serve do."""
        return pb.ServerReadyResponse(ready=self._repository.ready())

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Any) -> pb.ModelReadyResponse:  # noqa: N802
        """Whether the version, or any, serves. A model that is not known is not ready."""
        try:
            ready = serves(self._model(request.name), parse_version(request.version))
        except NotFoundError:
            ready = False
        except PyserverError as error:
            await context.abort(code_of(error), details_of(error))
        return pb.ModelReadyResponse(ready=ready)

    def ServerMetadata(self, request: pb.ServerMetadataRequest, context: Any) -> pb.ServerMetadataResponse:  # noqa: ARG002, N802
        """Name, version and extensions."""
        return pb.ServerMetadataResponse(
            name=SERVER_NAME, version=package_version("pyserver"), extensions=self._extensions
        )

    @answered
    def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Any) -> pb.ModelMetadataResponse:  # noqa: ARG002, N802
        """Inputs and outputs as they go over the wire: with the batch dimension, which is -1."""
        model = self._model(request.name)
        _, runtime = loaded_version(model, parse_version(request.version))
        return pb.ModelMetadataResponse(
            name=model.name,
            versions=[str(state.version) for state in model.versions if serves(model, state.version)],
            platform=runtime.engine,
            inputs=[_metadata(spec, runtime.signature) for spec in runtime.signature.inputs],
            outputs=[_metadata(spec, runtime.signature) for spec in runtime.signature.outputs],
            properties=_processing(runtime),
        )

    @answered
    def ModelConfig(self, request: pb.ModelConfigRequest, context: Any) -> pb.ModelConfigResponse:  # noqa: ARG002, N802
        """What clients read of Triton's configuration: shapes without the batch dimension, and batchability."""
        model = self._model(request.name)
        _, runtime = loaded_version(model, parse_version(request.version))
        signature = runtime.signature
        config = pb.ModelConfig(
            name=model.name,
            platform=runtime.engine,
            backend=runtime.engine,
            max_batch_size=signature.max_batch_size,
            input=[
                pb.ModelInput(
                    name=spec.name, data_type=_data_type(spec.datatype), dims=spec.shape, optional=spec.optional
                )
                for spec in signature.inputs
            ],
            output=[
                pb.ModelOutput(name=spec.name, data_type=_data_type(spec.datatype), dims=spec.shape)
                for spec in signature.outputs
            ],
        )
        return pb.ModelConfigResponse(config=config)

    @answered
    def ModelStatistics(self, request: pb.ModelStatisticsRequest, context: Any) -> pb.ModelStatisticsResponse:  # noqa: ARG002, N802
        """Counts and times since each version was loaded."""
        version = parse_version(request.version)
        if version and not request.name:
            raise InvalidRequestError(f"version {version} is asked for without a model")
        response = pb.ModelStatisticsResponse()
        for model in self._repository.snapshot(request.name or None):
            for state in [find_version(model, version)] if version else model.versions:
                if state.runtime is not None:
                    response.model_stats.append(model_statistics(model.name, state.version, state.runtime.metrics()))
        return response

    @answered
    def RepositoryIndex(self, request: pb.RepositoryIndexRequest, context: Any) -> pb.RepositoryIndexResponse:  # noqa: ARG002, N802
        """Every version of every model, or only those that serve."""
        _refuse_repository_name(request.repository_name)
        index = pb.RepositoryIndexResponse()
        for model in self._repository.snapshot(None):
            index.models.extend(
                _index_entry(model, state)
                for state in model.versions
                if not request.ready or state.state is ModelVersionState.AVAILABLE
            )
            if not model.versions and not request.ready:
                index.models.add(name=model.name)
        return index

    @answered
    def RepositoryModelLoad(  # noqa: N802
        self,
        request: pb.RepositoryModelLoadRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.RepositoryModelLoadResponse:
        """Loads or reloads the model; answers when it serves."""
        _refuse_repository_name(request.repository_name)
        _refuse_parameters(request.parameters, frozenset())
        self._repository.load(_named(request.model_name))
        return pb.RepositoryModelLoadResponse()

    @answered
    def RepositoryModelUnload(  # noqa: N802
        self,
        request: pb.RepositoryModelUnloadRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.RepositoryModelUnloadResponse:
        """Unloads the model; answers when its last request is answered."""
        _refuse_repository_name(request.repository_name)
        _refuse_parameters(request.parameters, _UNLOAD_PARAMETERS)
        self._repository.unload(_named(request.model_name))
        return pb.RepositoryModelUnloadResponse()

    def _model(self, name: str) -> ModelState:
        return self._repository.snapshot(_named(name))[0]


def _named(name: str) -> str:
    if not name:
        raise InvalidRequestError("the request names no model")
    return name


def _refuse_repository_name(name: str) -> None:
    if name:
        raise InvalidRequestError(f"repository_name {name[:100]!r} is not supported: models are found by name alone")


def _refuse_parameters(parameters: Any, known: frozenset[str]) -> None:
    unknown = sorted(set(parameters) - known)
    if unknown:
        supported = f"expected {', '.join(sorted(known))}" if known else "there are none"
        raise InvalidRequestError(f"parameter {unknown[0][:100]!r} is not supported: {supported}")


def _processing(runtime: _core.ModelRuntime) -> dict[str, str]:
    """What lies between the client's tensors and the model's, as `decode_image → layout → x FP32 [3, -1, -1]`."""
    told = {}
    model = {spec.name: spec for spec in (*runtime.model_signature.inputs, *runtime.model_signature.outputs)}

    def face(name: str) -> str:
        return f"{name} {model[name].datatype} {list(model[name].shape)}"

    for name, model_name, ops in runtime.preprocessing:
        told[f"preprocess.{name}"] = " → ".join([*ops, face(model_name)])
    for name, model_name, ops in runtime.postprocessing:
        told[f"postprocess.{name}"] = " → ".join([face(model_name), *ops])
    return told


def _metadata(spec: _core.TensorSpec, signature: _core.ModelSignature) -> pb.ModelMetadataResponse.TensorMetadata:
    shape = [-1, *spec.shape] if signature.max_batch_size else list(spec.shape)
    return pb.ModelMetadataResponse.TensorMetadata(name=spec.name, datatype=spec.datatype, shape=shape)


def _data_type(datatype: str) -> str:
    return "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}"


def _index_entry(model: ModelState, state: VersionState) -> pb.RepositoryIndexResponse.ModelIndex:
    return pb.RepositoryIndexResponse.ModelIndex(
        name=model.name,
        version=str(state.version),
        state=_INDEX_STATES.get(state.state, state.state.name),
        reason=state.reason,
    )

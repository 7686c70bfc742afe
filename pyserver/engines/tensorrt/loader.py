"""tensorrt: plans, and ONNX models that plans are built of, on an NVIDIA GPU."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pyserver import _core
from pyserver.config.load import parse_options
from pyserver.config.schema import ModelConfig
from pyserver.config.tensorrt import FlavourName, TensorRtOptions
from pyserver.engines.loading import DeviceChains, LoadContext, device_chains, options_origin
from pyserver.engines.tensorrt.building import CURRENT, BuildRequest, build_plan
from pyserver.engines.tensorrt.contexts import Contexts
from pyserver.engines.tensorrt.described import describe
from pyserver.engines.tensorrt.files import ONNX_SUFFIX, find_model, holds_plan
from pyserver.engines.tensorrt.flavours import FLAVOURS, Flavour, FlavourMissingError, NoFlavourError, candidates
from pyserver.engines.tensorrt.library import Library
from pyserver.engines.tensorrt.onnx_files import files_of
from pyserver.engines.tensorrt.plan_cache import PlanCache, digest_of
from pyserver.engines.tensorrt.profiles import Shape
from pyserver.engines.tensorrt.recording import Recorder
from pyserver.engines.tensorrt.sentences import DeviceMemoryError, why_not_read
from pyserver.engines.tensorrt.signature import Served, serve, specs
from pyserver.errors import ModelLoadError

_log = logging.getLogger("pyserver.tensorrt")


@contextmanager
def _nothing_left_behind() -> Iterator[None]:
    """What a failed load has made goes before its device does, and not whenever the exception's frames go."""
    try:
        yield
    except Exception as error:
        link: BaseException | None = error
        while link is not None:
            traceback.clear_frames(link.__traceback__)
            link = link.__context__
        raise


class _Deserialized(NamedTuple):
    library: Library
    engine: Any  # an ICudaEngine


class TensorRtLoader:
    """Thread-safe."""

    def __init__(self) -> None:
        self._libraries: dict[FlavourName, Library] = {}  # guarded by _lock
        self._lock = threading.Lock()

    def load(self, path: Path, config: ModelConfig, context: LoadContext) -> _core.Engine:
        """Raises ConfigError, ModelLoadError, StatusError."""
        options = parse_options(TensorRtOptions, config.options, options_origin(context))
        model = find_model(path)
        device = _open_device(model, options.device)
        try:
            # TensorRT works on the device whose context is current on this thread.
            with device.current(), _nothing_left_behind():
                return self._load(model, config, options, context, device)
        except NoFlavourError as error:
            raise ModelLoadError(f"{model.name} needs TensorRT: {error.message}") from None
        except ModelLoadError as error:
            raise ModelLoadError(_named(model, error.message)) from None

    def _load(
        self,
        model: Path,
        config: ModelConfig,
        options: TensorRtOptions,
        context: LoadContext,
        device: _core.CudaDevice,
    ) -> _core.Engine:
        if model.suffix == ONNX_SUFFIX:
            found = self._built(model, config, options, context, device)
        else:
            found = self._deserialized(model, options, device)
        return _record(found, config, options, context, device)

    def reads(self, path: Path) -> bool:
        """Only plans: ONNX models are everybody's."""
        return holds_plan(path)

    def version(self) -> str:
        """Of every flavour that is installed. Raises NoFlavourError."""
        tried = [self._try_library(flavour) for flavour in FLAVOURS]
        missing = [library for library in tried if isinstance(library, FlavourMissingError)]
        if len(missing) == len(tried):
            raise NoFlavourError(missing)
        return ", ".join(library.title for library in tried if isinstance(library, Library))

    def _library(self, flavour: Flavour) -> Library:
        with self._lock:
            if flavour.name not in self._libraries:
                self._libraries[flavour.name] = Library(flavour)
            return self._libraries[flavour.name]

    def builder(self, name: FlavourName | None) -> Library:
        """The flavour that builds: the one that is asked for, or the first that is installed. Raises ModelLoadError."""
        missing = []
        for flavour in candidates(name, to_build=True):
            library = self._try_library(flavour)
            if isinstance(library, Library):
                return library
            missing.append(library)
        raise NoFlavourError(missing)

    def _try_library(self, flavour: Flavour) -> Library | FlavourMissingError:
        try:
            return self._library(flavour)
        except FlavourMissingError as error:
            return error

    def _deserialized(self, model: Path, options: TensorRtOptions, device: _core.CudaDevice) -> _Deserialized:
        plan = model.read_bytes()
        missing, refused = [], []
        for flavour in candidates(options.flavour):
            library = self._try_library(flavour)
            if not isinstance(library, Library):
                missing.append(library)
                continue
            try:
                return _Deserialized(library, deserialize(library, plan, device))
            except ModelLoadError as error:
                refused.append(error.message)
        if not refused:
            raise NoFlavourError(missing)
        raise ModelLoadError("; ".join(refused))

    def _built(
        self,
        model: Path,
        config: ModelConfig,
        options: TensorRtOptions,
        context: LoadContext,
        device: _core.CudaDevice,
    ) -> _Deserialized:
        library = self.builder(options.flavour)
        request = BuildRequest(
            precision=options.precision,
            profiles=options.profiles,
            shape_values=options.shape_values,
            max_batch_size=config.max_batch_size,
            workspace_mib=options.workspace_mib,
            optimization_level=options.optimization_level,
            compute_capabilities=(CURRENT,) if library.flavour.builds_without_gpu else (),
        )
        files = files_of(model)

        def build() -> bytes:
            _log.info("building a plan of %s with %s", model, library.title)
            return build_plan(library, model, request, lambda line: _log.info("building %s: %s", model.name, line))

        if context.cache_folder is None:
            _log.warning("no cache_dir is set: the plan of %s is built again at each load", model)
            return _Deserialized(library, deserialize(library, build(), device))
        cache = PlanCache(context.cache_folder)
        description = describe_build(library, request, digest_of(files), device)
        kept = cache.find(description)
        if kept is not None:
            try:
                return _Deserialized(library, deserialize(library, kept, device))
            except DeviceMemoryError:
                raise  # the plan is good, and another one would not take less
            except ModelLoadError as error:
                # Such as after an update of the driver; what is built now is for what is here now.
                _log.warning("the kept plan of %s is built again: %s", model, error.message)
        plan = build()
        cache.keep(description, plan)
        return _Deserialized(library, deserialize(library, plan, device))


def deserialize(library: Library, plan: bytes, device: _core.CudaDevice) -> Any:
    """The ICudaEngine. Raises ModelLoadError with the sentence that says what to change."""
    with library.messages.collected() as told:
        runtime = library.runtime
        engine = runtime.deserialize_cuda_engine(plan) if runtime is not None else None
    if engine is not None:
        return engine
    validity = getattr(runtime, "get_engine_validity", None)
    if validity is not None:
        # TensorRT-RTX tells of another version only when it is asked, and not as an error.
        with library.messages.collected(logging.DEBUG) as more:
            validity(plan)
        told.extend(more)
    raise why_not_read(library, told, device.memory()[0])


def describe_build(
    library: Library, request: BuildRequest, model_sha256: str, device: _core.CudaDevice
) -> Mapping[str, Any]:
    """All that a plan depends on, for the cache."""
    major, minor = device.info.compute_capability
    return {
        "model_sha256": model_sha256,
        "flavour": library.flavour.name,
        "version": library.version,
        "gpu": device.info.name,
        "compute_capability": f"{major}.{minor}",
        "precision": request.precision,
        "max_batch_size": request.max_batch_size,
        "profiles": [{name: shapes.model_dump() for name, shapes in profile.items()} for profile in request.profiles],
        "shape_values": {name: list(values) for name, values in request.shape_values.items()},
        "workspace_mib": request.workspace_mib,
        "optimization_level": request.optimization_level,
    }


def _record(
    found: _Deserialized,
    config: ModelConfig,
    options: TensorRtOptions,
    context: LoadContext,
    device: _core.CudaDevice,
) -> _core.Engine:
    library, engine = found
    if context.core is None:
        raise ModelLoadError("TensorRT executes models for a server only: there is no core to load this one into")
    described = describe(library.module, engine)
    served = serve(described, config, options.buckets)
    contexts = Contexts(library, engine, described, device)
    recorder = Recorder(library.module, described, served, contexts, options.strict_graphs)
    context.core.use_device(device)
    signature = _core.ModelSignature(specs(served.inputs), specs(served.outputs), served.max_batch_size)
    ops = device_chains(context, signature, device, wanted=options.device_ops)
    return recorder.record(partial(_make_builder, context.core, device, served, config, options, ops))


def _make_builder(
    core: _core.Core,
    device: _core.CudaDevice,
    served: Served,
    config: ModelConfig,
    options: TensorRtOptions,
    ops: DeviceChains,
    largest_outputs: Mapping[str, Shape],
) -> _core.CudaGraphEngineBuilder:
    builder = _core.CudaGraphEngineBuilder(
        core,
        device,
        engine="tensorrt",
        inputs=specs(served.inputs),
        outputs=specs(served.outputs),
        max_batch_size=served.max_batch_size,
        buckets=served.buckets,
        preferred=config.batching.preferred_batch_sizes,
        profiles=served.captured,
        max_output_shapes=largest_outputs,
        instances=config.instances or 1,
        lanes=options.lanes,
        strict_graphs=options.strict_graphs,
    )
    builder.set_preprocess(ops.preprocess)
    builder.set_postprocess(ops.postprocess)
    return builder


def _open_device(model: Path, ordinal: int) -> _core.CudaDevice:
    try:
        driver = _core.CudaDriver.open()
    except _core.StatusError as error:
        raise ModelLoadError(
            f"{model.name} needs an NVIDIA GPU: {error.message.rstrip('.')}. Or serve it as ONNX by "
            "engine: openvino, on the CPU"
        ) from None
    if ordinal >= len(driver.devices):
        raise ModelLoadError(f"options.device: expected 0 to {len(driver.devices) - 1}, got {ordinal}")
    return _core.CudaDevice(driver, ordinal)


def _named(model: Path, message: str) -> str:
    return message if str(model) in message else f"{model.name}: {message}"

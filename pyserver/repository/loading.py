"""One version on disk → a runtime that is ready to be published."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pyserver import _core
from pyserver.config.load import parse_model_config
from pyserver.config.schema import ModelConfig
from pyserver.engines import LoadContext, load_engine
from pyserver.errors import ConfigError, ModelLoadError, PyserverError, one_line
from pyserver.repository.layout import ModelOnDisk, VersionOnDisk
from pyserver.repository.op_placement import OpPlacement
from pyserver.repository.processing import make_processing


def read_config(model: ModelOnDisk) -> ModelConfig:
    """The model's model.yaml, or the defaults where it has none. Raises ConfigError."""
    if model.config_problem:
        raise ConfigError(model.config_problem)
    if model.config_path is None:
        return ModelConfig()
    return parse_model_config(model.config, model.config_path)


def load_runtime(
    core: _core.Core, model: str, version: VersionOnDisk, config: ModelConfig, context: LoadContext
) -> _core.ModelRuntime:
    """Loads, warms up and starts a version. Raises ModelLoadError, whatever goes wrong."""
    if version.problem:
        raise ModelLoadError(version.problem)
    try:
        folders = _folders(version, context)
        placement = OpPlacement(config, folders, context.cache_folder)
        engine = load_engine(version.path, config, replace(context, ops=placement))
        max_batch_size = engine.signature.max_batch_size
        _check_sizes("batching.preferred_batch_sizes", config.batching.preferred_batch_sizes, max_batch_size)
        settings = _core.BatchSettings(**config.batching.model_dump())
        processing = make_processing(placement.config, engine.signature, folders, context, placement.told)
        runtime = _core.ModelRuntime(core, model, version.version, engine, settings, processing)
        _warm_up(runtime, config, max_batch_size)
        runtime.start()
    except ModelLoadError:
        raise
    except PyserverError as error:
        raise ModelLoadError(error.message) from None
    except _core.StatusError as error:
        raise ModelLoadError(error.message) from None
    except Exception as error:
        # One model's surprise must not end the server, nor keep the models after it from loading.
        raise ModelLoadError(one_line(f"{type(error).__name__}: {error}")) from error
    return runtime


def _folders(version: VersionOnDisk, context: LoadContext) -> list[Path]:
    """Where the files that a model.yaml names are looked for: beside the version's files, then beside model.yaml."""
    own = version.path if version.path.is_dir() else version.path.parent
    return [own] if context.config_source is None else [own, context.config_source.parent]


def _warm_up(runtime: _core.ModelRuntime, config: ModelConfig, max_batch_size: int) -> None:
    rows = config.warmup.rows
    if rows is None:
        if any(-1 in spec.shape for spec in runtime.model_signature.inputs):
            return  # there is no telling which sizes the model takes
        rows = sorted({1, max(1, max_batch_size)})
    _check_sizes("warmup.rows", rows, max(1, max_batch_size))
    count = 0
    try:
        for count in rows:
            runtime.warm_up(count)
    except _core.StatusError as error:
        unit = "row" if count == 1 else "rows"
        raise ModelLoadError(f"warm-up with {count} {unit} failed: {error.message}") from None


def _check_sizes(key: str, sizes: Iterable[int], max_batch_size: int) -> None:
    for rows in sizes:
        if rows > max_batch_size:
            expected = (
                f"at most max_batch_size, {max_batch_size}" if max_batch_size else "none: the model does not batch"
            )
            raise ModelLoadError(f"model.yaml: {key}: expected {expected}, got {rows}")

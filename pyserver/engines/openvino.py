"""openvino: ONNX, OpenVINO IR, TensorFlow SavedModel and frozen graph, TFLite and Paddle, on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pyserver import _core
from pyserver.config.load import parse_options
from pyserver.config.schema import ModelConfig, OpenVinoOptions
from pyserver.engines.loading import LoadContext, files_with, one_model, options_origin, tensor_specs

FILE_KINDS = "*.onnx, *.xml, saved_model.pb, *.pb, *.tflite and *.pdmodel (not Paddle 3's *.json)"
_SUFFIXES = {".onnx", ".xml", ".pb", ".tflite", ".pdmodel"}
_SAVED_MODEL = "saved_model.pb"


class _OpenVinoLoader:
    def load(self, path: Path, config: ModelConfig, context: LoadContext) -> _core.Engine:
        options = parse_options(OpenVinoOptions, config.options, options_origin(context))
        return _core.openvino_engine(
            str(find_model(path)),
            threads=options.threads or context.threads,
            max_batch_size=config.max_batch_size,
            inputs=tensor_specs(config.inputs),
            outputs=tensor_specs(config.outputs),
            instances=config.instances or 0,
            plan=options.plan,
            precision=options.precision,
            pinning=options.pinning,
            cache_folder=str(context.cache_folder) if context.cache_folder is not None else "",
            properties=options.properties,
        )

    def reads(self, path: Path) -> bool:
        if path.is_file() and path.suffix not in _SUFFIXES:
            return False
        return next(_candidates(path), None) is not None

    def version(self) -> str:
        return _core.openvino_version()


LOADER = _OpenVinoLoader()


def find_model(path: Path) -> Path:
    """The one model in a version's folder, in the form that OpenVINO is given. Raises ModelLoadError.

    Where there are several, the one that is called `model` is meant.
    """
    return one_model(path, _candidates(path), FILE_KINDS)


def _candidates(path: Path) -> Iterator[Path]:
    if path.is_file():
        # TensorFlow wants the SavedModel's folder.
        yield path.parent if path.name == _SAVED_MODEL else path
        return
    if (path / _SAVED_MODEL).is_file():
        yield path
        return
    if (path / "model.savedmodel" / _SAVED_MODEL).is_file():
        yield path / "model.savedmodel"
    if path.is_dir():
        yield from files_with(path, _SUFFIXES)

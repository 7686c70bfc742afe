"""identity: output k is input k. It needs no files, only a model.yaml that names its inputs."""

from __future__ import annotations

from pathlib import Path

from pyserver import _core
from pyserver.config.load import parse_options
from pyserver.config.schema import IdentityOptions, ModelConfig
from pyserver.engines.loading import LoadContext, options_origin, tensor_specs
from pyserver.errors import ModelLoadError


class _IdentityLoader:
    def load(self, path: Path, config: ModelConfig, context: LoadContext) -> _core.Engine:
        options = parse_options(IdentityOptions, config.options, options_origin(context))
        if not config.inputs:
            raise ModelLoadError(f"{context.config_source or path}: inputs: an identity model needs at least one")
        inputs = tensor_specs(config.inputs)
        outputs = tensor_specs(config.outputs) or [
            _core.TensorSpec(f"OUTPUT{index}", tensor.datatype, tensor.shape)
            for index, tensor in enumerate(config.inputs)
        ]
        return _core.identity_engine(
            inputs=inputs,
            outputs=outputs,
            max_batch_size=config.max_batch_size or 0,
            delay_us=options.delay_us,
            instances=config.instances or 1,
        )

    def reads(self, path: Path) -> bool:  # noqa: ARG002 (only a model.yaml can ask for it)
        return False

    def version(self) -> str:
        return "built in"


LOADER = _IdentityLoader()

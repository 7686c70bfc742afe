"""Where the ops of one model version run: on the CPU, or beside the model on its GPU.

What can, goes to the GPU: the last ops before the model and the first ones after it, as many as have kernels for rows
of a fixed shape. A picture then crosses the bus as bytes, not as four times as many bytes of floats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyserver import _core
from pyserver.config.processing import InputProcessing, OpConfig
from pyserver.config.schema import ModelConfig
from pyserver.engines.loading import DeviceChains
from pyserver.engines.nvrtc import open_compiler
from pyserver.repository.presets import with_preset
from pyserver.repository.processing import EngineOps, client_spec, model_input, named_ops, naming

# Of the picture that a client sent, boxes are found by what the CPU knows of its size.
_BOXES = "nms"
_MOVES_PIXELS = "resize"
_TOP_K = "top_k"


@dataclass(frozen=True)
class DevicePart:
    """Ops of one chain that run on the GPU, and the row that goes in."""

    client: str  # the tensor, as clients call it
    ops: list[OpConfig]
    datatype: str
    shape: tuple[int, ...]


@dataclass
class OpPlacement:
    """Asked by the loader of an engine on a GPU; without that, all ops run on the CPU."""

    asked: ModelConfig  # all that model.yaml wants
    folders: Sequence[Path]  # where the files that ops name are looked for
    cache_folder: Path | None
    preprocess: dict[str, DevicePart] = field(default_factory=dict)  # by the model's input
    postprocess: dict[str, DevicePart] = field(default_factory=dict)  # by output
    config: ModelConfig = field(init=False)  # what is left for the CPU

    def __post_init__(self) -> None:
        self.config = self.asked

    def on_device(self, model: _core.ModelSignature, device: _core.CudaDevice) -> DeviceChains:
        """The chains for `device`, of a model that has `model` for a signature; what is left is in `config`.

        Needs NVRTC only where there is something to compile. Raises ModelLoadError, StatusError.
        """
        self.split(model)
        if not (self.preprocess or self.postprocess):
            return DeviceChains({}, {})
        compiler = open_compiler(self.cache_folder, _core.CudaDriver.open().version)

        def made(parts: Mapping[str, DevicePart]) -> dict[str, _core.DeviceChain]:
            return {
                name: _core.DeviceChain(
                    device, compiler, named_ops(part.ops), part.datatype, part.shape, folders=self._places
                )
                for name, part in parts.items()
            }

        return DeviceChains(made(self.preprocess), made(self.postprocess))

    @property
    def told(self) -> list[EngineOps]:
        """What runs on the GPU, for people."""
        sides = ((self.preprocess, True), (self.postprocess, False))
        return [
            EngineOps(part.client, name, [op.name for op in part.ops], before)
            for parts, before in sides
            for name, part in parts.items()
        ]

    def split(self, model: _core.ModelSignature) -> None:
        """Decides what goes to the GPU, anew each time: a loader may ask again, for a model that does not batch.

        Raises ModelLoadError where the preset is for another model.
        """
        self.config = self.asked
        self.preprocess.clear()
        self.postprocess.clear()
        config = with_preset(self.asked, model)
        if model.max_batch_size == 0:
            # Such a model may have a first dimension of 1 that the chains do not see: they stay where that is known.
            return
        pixels_stay = any(op.name == _BOXES for ops in config.postprocess.values() for op in ops)
        inputs = dict(config.preprocess)
        for name, chain in config.preprocess.items():
            with naming(f"preprocess.{name}"):
                self._split_input(name, chain, model, inputs, pixels_stay)
        outputs = dict(config.postprocess)
        for name, ops in config.postprocess.items():
            with naming(f"postprocess.{name}"):
                self._split_output(name, ops, model, outputs)
        self.config = config.model_copy(update={"preset": None, "preprocess": inputs, "postprocess": outputs})

    @property
    def _places(self) -> list[str]:
        return [str(folder) for folder in self.folders]

    def _split_input(
        self,
        name: str,
        chain: InputProcessing,
        model: _core.ModelSignature,
        inputs: dict[str, InputProcessing],
        pixels_stay: bool,
    ) -> None:
        target = model_input(name, chain, model)
        taken = next((spec for spec in model.inputs if spec.name == target), None)
        last = len(chain.ops)
        first = last
        while first > 0 and _may_run_there(chain.ops[first - 1], pixels_stay):
            first -= 1
        if first == last or taken is None:
            return
        client = client_spec(name, chain)
        for start in range(first, last):
            ops = chain.ops[start:]
            try:
                row = _core.OpChain(named_ops(chain.ops[:start]), client.datatype, client.shape, folders=self._places)
                given = _core.DeviceChain.plan(named_ops(ops), row.datatype, row.shape, folders=self._places)
            except _core.StatusError:
                continue  # fewer may have kernels; what is wrong with the chain itself is told when it is made
            if given != (taken.datatype, tuple(taken.shape)):
                return
            self.preprocess[target] = DevicePart(name, ops, row.datatype, row.shape)
            rest = chain.model_copy(
                update={"ops": chain.ops[:start], "datatype": client.datatype, "shape": list(client.shape)}
            )
            if start > 0 or name != target:
                inputs[name] = rest
            else:
                del inputs[name]
            return

    def _split_output(
        self, name: str, ops: list[OpConfig], model: _core.ModelSignature, outputs: dict[str, list[OpConfig]]
    ) -> None:
        given = next((spec for spec in model.outputs if spec.name == name), None)
        if given is None:
            return
        for end in range(len(ops), 0, -1):
            try:
                _core.DeviceChain.plan(named_ops(ops[:end]), given.datatype, given.shape, folders=self._places)
            except _core.StatusError:
                continue
            self.postprocess[name] = DevicePart(name, ops[:end], given.datatype, tuple(given.shape))
            rest = ops[end:]
            if ops[end - 1].name == _TOP_K:
                # The GPU finds the candidates; the same op on the CPU makes texts of them.
                options = {**ops[end - 1].options, "of": "candidates"}
                rest = [OpConfig(name=_TOP_K, options=options), *rest]
            if rest:
                outputs[name] = rest
            else:
                del outputs[name]
            return


def _may_run_there(op: OpConfig, pixels_stay: bool) -> bool:
    return _core.DeviceChain.supports(op.name) and not (pixels_stay and op.name == _MOVES_PIXELS)

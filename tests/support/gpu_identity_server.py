"""`python gpu_identity_server.py serve …`: pyserver, whose identity models are captured graphs on the double of a GPU.

So suites that speak to identity models find the executor of captured graphs behind the same names. BYTES models stay
on the CPU. Models of free shapes are executed without a graph, since no suite says which shapes it will send.
"""

from __future__ import annotations

import math
import os
import struct
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import cast

sys.path.append(str(Path(__file__).parent))  # the servers' Python leaves a program's folder out

import gil_holder
from device_kernels import READ, WRITE, Double, Range

import pyserver.engines
from pyserver import _core
from pyserver.__main__ import main
from pyserver.config.load import parse_options
from pyserver.config.schema import IdentityOptions, ModelConfig
from pyserver.engines import identity
from pyserver.engines.loading import LoadContext, Loader, options_origin

SIZES = {"BOOL": 1, "INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "FP16": 2, "BF16": 2, "INT32": 4, "UINT32": 4,
         "FP32": 4, "INT64": 8, "UINT64": 8, "FP64": 8}  # fmt: skip
# Elements of a free dimension at most. The behavioural suite sends 64 MB of FP32.
LARGEST = {"FP32": 16 << 20}
LARGEST_OF_OTHERS = 4096

Shapes = Mapping[str, Sequence[int]]


class GpuIdentityLoader:
    """Output k is input k, copied by a kernel."""

    def __init__(self) -> None:
        self._driver = _core.CudaDriver.open()
        self._double = Double()

    def load(self, path: Path, config: ModelConfig, context: LoadContext) -> _core.Engine:
        """As the identity loader does it, which is asked for the model's signature."""
        on_cpu = identity.LOADER.load(path, config, context)
        signature = on_cpu.signature
        if any(spec.datatype == "BYTES" for spec in signature.inputs):
            return on_cpu
        assert context.core is not None
        options = parse_options(IdentityOptions, config.options, options_origin(context))
        device = _core.CudaDevice(self._driver, 0)
        context.core.use_device(device)
        free = any(-1 in spec.shape for spec in signature.inputs)
        builder = _core.CudaGraphEngineBuilder(
            context.core,
            device,
            engine="gpu_identity",
            inputs=signature.inputs,
            outputs=signature.outputs,
            max_batch_size=signature.max_batch_size,
            profiles=[{spec.name: _largest(spec, signature.max_batch_size) for spec in signature.inputs}],
            max_output_shapes={spec.name: _largest(spec, signature.max_batch_size) for spec in signature.outputs},
            instances=config.instances or 1,
            # A model that is slow on purpose executes one batch at a time.
            lanes=1 if free or options.delay_us else 2,
        )
        if context.ops is not None and not free:
            ops = context.ops.on_device(signature, device)
            builder.set_preprocess(ops.preprocess)
            builder.set_postprocess(ops.postprocess)
        model = _Copying(self._double, signature, options.delay_us)
        for lane in builder.lanes:
            if free:
                builder.run_uncaptured(lane, partial(model.enqueue_shapes, lane))
                continue
            fixed = {spec.name: spec.shape for spec in signature.inputs}
            for rows in builder.buckets:
                builder.record(lane, rows, 0, partial(model.enqueue, lane, rows, fixed))
        return builder.build()

    def reads(self, path: Path) -> bool:  # noqa: ARG002
        """Only a model.yaml can ask for it."""
        return False

    def version(self) -> str:
        """It has none."""
        return "a test"


class _Copying:
    """The work of one model."""

    def __init__(self, double: Double, signature: _core.ModelSignature, delay_us: int) -> None:
        self._double = double
        self._pairs = list(zip(signature.inputs, signature.outputs, strict=True))
        self._delay_us = delay_us

    def enqueue(self, lane: _core.CudaLane, rows: int, shapes: Shapes) -> None:
        """Copies every input to its output."""
        for index, (given, gives) in enumerate(self._pairs):
            size = rows * math.prod(shapes[given.name]) * SIZES[given.datatype]
            if size == 0:
                continue
            source = Range(lane.input_address(given.name), size, READ)
            if self._delay_us and index == 0:
                self._double.launch(lane.stream, "spin_us", struct.pack("<Q", self._delay_us), [source])
            self._double.launch(lane.stream, "copy", b"", [source, Range(lane.output_address(gives.name), size, WRITE)])

    def enqueue_shapes(self, lane: _core.CudaLane, rows: int, shapes: Shapes) -> Shapes:
        """The same, for shapes that are known now."""
        self.enqueue(lane, rows, shapes)
        return {gives.name: shapes[given.name] for given, gives in self._pairs if -1 in gives.shape}


def _largest(spec: _core.TensorSpec, max_batch_size: int) -> list[int]:
    largest = LARGEST.get(spec.datatype, LARGEST_OF_OTHERS) // max(1, max_batch_size)
    return [largest if size == -1 else size for size in spec.shape]


if __name__ == "__main__":
    cast("dict[str, Loader]", pyserver.engines.ENGINES)["identity"] = GpuIdentityLoader()
    if folder := os.environ.get(gil_holder.FOLDER):
        gil_holder.start(Path(folder))
    main()

"""An engine of TensorRT and a model.yaml → what is served: tensors, batches, and the shapes that are captured.

Shapes in an engine are complete; in a signature, they are without the batch dimension where the model batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyserver import _core
from pyserver.config.schema import ModelConfig, TensorConfig
from pyserver.engines.tensorrt.described import DescribedEngine, DeviceTensor
from pyserver.engines.tensorrt.profiles import FREE, Shape, profile_for
from pyserver.errors import ModelLoadError

RowShapes = Mapping[str, Shape]


@dataclass(frozen=True)
class Served:
    """What the core is told of the model."""

    inputs: tuple[DeviceTensor, ...]  # shapes as in a signature
    outputs: tuple[DeviceTensor, ...]
    max_batch_size: int
    buckets: tuple[int, ...]  # none: the core's choice
    # Complete shapes of the inputs with free dimensions, as in a signature: each is captured.
    captured: tuple[RowShapes, ...]

    @property
    def batches(self) -> bool:
        """Whether the first dimension of every tensor is the batch."""
        return self.max_batch_size > 0

    def engine_shape(self, shape: Sequence[int], rows: int) -> Shape:
        """A signature's shape as the engine has it."""
        return (rows, *shape) if self.batches else tuple(shape)

    def row_shape(self, shape: Sequence[int]) -> Shape:
        """An engine's shape as a signature has it."""
        return tuple(shape[1:]) if self.batches else tuple(shape)

    def input_shapes(self, rows: int, shapes: Mapping[str, Sequence[int]]) -> dict[str, Shape]:
        """Of all inputs as the engine has them, where those with free dimensions are `shapes`."""
        return {t.name: self.engine_shape(shapes.get(t.name, t.shape), rows) for t in self.inputs}


def serve(engine: DescribedEngine, config: ModelConfig, buckets: Sequence[int]) -> Served:
    """Raises ModelLoadError where the configuration asks for what the engine is not."""
    max_batch_size, only = _batch(engine, config.max_batch_size)
    cut = 1 if max_batch_size else 0
    inputs = tuple(DeviceTensor(t.name, t.datatype, t.shape[cut:]) for t in engine.inputs)
    outputs = tuple(DeviceTensor(t.name, t.datatype, t.shape[cut:]) for t in engine.outputs)
    inputs = _configured(inputs, config.inputs, "inputs")
    outputs = _configured(outputs, config.outputs, "outputs")
    captured = _captured(engine, inputs, cut)
    if not captured:
        raise ModelLoadError("inputs: the configured shapes are in no optimization profile of the plan")
    wanted = (only,) if only else tuple(buckets) or _least_buckets(engine, max_batch_size)
    served = Served(inputs, outputs, max_batch_size, wanted, tuple(captured))
    _check_buckets(engine, served)
    return served


def specs(tensors: Sequence[DeviceTensor]) -> list[_core.TensorSpec]:
    """The core's form."""
    return [_core.TensorSpec(tensor.name, tensor.datatype, tensor.shape) for tensor in tensors]


def _batch(engine: DescribedEngine, wanted: int | None) -> tuple[int, int | None]:
    """max_batch_size, and the only batch size that the engine takes, where it takes only one."""
    tensors = (*engine.inputs, *engine.outputs)
    first = {tensor.shape[0] if tensor.shape else 0 for tensor in tensors}
    if wanted == 0 or not engine.inputs:
        return 0, None
    if first == {FREE}:
        largest = max(min(ranges.max[0] for ranges in profile.values()) for profile in engine.profiles)
        if wanted is not None and wanted > largest:
            raise ModelLoadError(
                f"max_batch_size: expected at most {largest}, which the plan was built for, got {wanted}; build it "
                "anew with larger max shapes, or ask for less"
            )
        return wanted or largest, None
    if wanted is None:
        return 0, None
    if first == {wanted}:
        return wanted, wanted
    shapes = ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in tensors)
    raise ModelLoadError(
        f"max_batch_size {wanted}: expected a free first dimension of every input and output, or {wanted}, got {shapes}"
    )


def _least_buckets(engine: DescribedEngine, max_batch_size: int) -> tuple[int, ...]:
    """The buckets of an engine that does not take a lone row: smaller batches are padded to its least."""
    if not max_batch_size:
        return ()
    least = min(max(ranges.min[0] for ranges in profile.values()) for profile in engine.profiles)
    if least <= 1:
        return ()
    doubled = [least << power for power in range(32) if least << power < max_batch_size]
    return (*doubled, max_batch_size)


def _configured(
    tensors: tuple[DeviceTensor, ...], configured: Sequence[TensorConfig], key: str
) -> tuple[DeviceTensor, ...]:
    """The tensors, with free dimensions fixed where model.yaml fixes them."""
    by_name = {tensor.name: tensor for tensor in configured}
    for name in by_name.keys() - {tensor.name for tensor in tensors}:
        raise ModelLoadError(f"{key}: the plan has no {name!r}, but {', '.join(tensor.name for tensor in tensors)}")
    made = []
    for tensor in tensors:
        wanted = by_name.get(tensor.name)
        if wanted is None:
            made.append(tensor)
            continue
        shape = tuple(wanted.shape)
        fits = len(shape) == len(tensor.shape) and all(
            have in (FREE, want) for have, want in zip(tensor.shape, shape, strict=True)
        )
        if wanted.datatype != tensor.datatype or not fits or wanted.optional:
            optional = ", optional" if wanted.optional else ""
            raise ModelLoadError(
                f"{key}: {tensor.name}: the plan has {tensor.datatype} {list(tensor.shape)}, model.yaml says "
                f"{wanted.datatype} {list(shape)}{optional}"
            )
        made.append(DeviceTensor(tensor.name, tensor.datatype, shape))
    return tuple(made)


def _captured(engine: DescribedEngine, inputs: Sequence[DeviceTensor], cut: int) -> list[RowShapes]:
    """Of each profile, the best and the largest shapes that the inputs may have; those with free dimensions only."""
    captured: list[RowShapes] = []
    for profile in engine.profiles:
        for which in ("opt", "max"):
            shapes = {}
            covered = True
            for tensor in inputs:
                known = getattr(profile[tensor.name], which)
                row = zip(tensor.shape, known[cut:], strict=True)
                shape = tuple(have if want == FREE else want for want, have in row)
                covered = covered and profile[tensor.name].covers((*known[:cut], *shape))
                if FREE in tensor.shape:
                    shapes[tensor.name] = shape
            if covered and shapes not in captured:
                captured.append(shapes)
    return captured


def _check_buckets(engine: DescribedEngine, served: Served) -> None:
    for rows in served.buckets:
        for shapes in served.captured:
            if (
                rows <= served.max_batch_size
                and profile_for(engine.profiles, served.input_shapes(rows, shapes)) is None
            ):
                raise ModelLoadError(
                    f"options.buckets: no optimization profile of the plan takes {rows} rows of "
                    f"{dict(shapes) or 'its inputs'}"
                )

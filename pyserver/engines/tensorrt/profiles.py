"""Optimization profiles: for which shapes a plan is built, and which of them a batch falls into.

Shapes in here are complete: with the batch dimension, as TensorRT has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pyserver.config.tensorrt import Profile
from pyserver.errors import ModelLoadError

DEFAULT_MAX_BATCH = 8
FREE = -1

Shape = tuple[int, ...]


class Range(NamedTuple):
    """The shapes of one input: from `min` to `max`, best at `opt`."""

    min: Shape
    opt: Shape
    max: Shape

    def covers(self, shape: Sequence[int]) -> bool:
        """Whether the input may have this shape."""
        return len(shape) == len(self.min) and all(
            low <= size <= high for low, size, high in zip(self.min, shape, self.max, strict=True)
        )


Ranges = Mapping[str, Range]


def profiles_to_build(
    inputs: Mapping[str, Shape], profiles: Sequence[Profile], max_batch_size: int | None
) -> list[dict[str, Range]]:
    """The profiles that a model with these inputs (-1: a free dimension) is built with. None where all is fixed.

    Without `profiles`, a free first dimension is taken for the batch: 1 to `max_batch_size` (or 8). Raises
    ModelLoadError where that does not say all, or what is said does not fit.
    """
    free = {name: shape for name, shape in inputs.items() if FREE in shape}
    if profiles:
        return [_configured(number, profile, inputs) for number, profile in enumerate(profiles)]
    if not free:
        return []
    for name, shape in free.items():
        if FREE in shape[1:] or max_batch_size == 0:
            raise ModelLoadError(
                f"input {name} has the shape {list(shape)}, where -1 is free: expected options.profiles to say which "
                f"shapes the plan is for, such as {_example(name, shape)}"
            )
    rows = max_batch_size or DEFAULT_MAX_BATCH
    return [{name: Range(*((size, *shape[1:]) for size in (1, rows, rows))) for name, shape in free.items()}]


def profile_for(profiles: Sequence[Ranges], shapes: Mapping[str, Shape]) -> int | None:
    """The profile that takes these shapes: of those that do, the one that is best at the nearest sizes."""
    taking = [
        (_distance(profile, shapes), number)
        for number, profile in enumerate(profiles)
        if all(profile[name].covers(shape) for name, shape in shapes.items() if name in profile)
    ]
    return min(taking)[1] if taking else None


def _distance(profile: Ranges, shapes: Mapping[str, Shape]) -> int:
    return sum(
        abs(size - best)
        for name, shape in shapes.items()
        if name in profile
        for size, best in zip(shape, profile[name].opt, strict=True)
    )


def _configured(number: int, profile: Profile, inputs: Mapping[str, Shape]) -> dict[str, Range]:
    where = f"options.profiles[{number}]"
    for name in profile:
        if name not in inputs:
            raise ModelLoadError(f"{where}: the model has no input {name!r}, but {', '.join(inputs) or 'none'}")
    missing = [name for name, shape in inputs.items() if FREE in shape and name not in profile]
    if missing:
        raise ModelLoadError(
            f"{where}: expected the shapes of every input with free dimensions, got none for {', '.join(missing)}"
        )
    ranges = {}
    for name, shapes in profile.items():
        made = Range(tuple(shapes.min), tuple(shapes.opt), tuple(shapes.max))
        model = inputs[name]
        for which, shape in zip(Range._fields, made, strict=True):
            if len(shape) != len(model) or any(
                wanted not in (FREE, size) for wanted, size in zip(model, shape, strict=True)
            ):
                raise ModelLoadError(
                    f"{where}.{name}.{which}: expected a shape that fits the model's {list(model)}, got {list(shape)}"
                )
        ranges[name] = made
    return ranges


def _example(name: str, shape: Shape) -> str:
    def sizes(free: int) -> str:
        return f"[{', '.join(str(free if size == FREE else size) for size in shape)}]"

    return f"{{{name}: {{min: {sizes(1)}, opt: {sizes(8)}, max: {sizes(32)}}}}}"

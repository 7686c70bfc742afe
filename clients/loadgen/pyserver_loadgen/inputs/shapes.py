"""The shapes of requests: what the model fixes, what is told, and what is taken where neither says it.

    --shape image=1,3,224,224        all sizes of one input; the batch dimension may be left out
    --dimension "x[1]=uniform(8,128)"  one size, drawn anew for every request of the pool; 0 is the batch dimension
    --dimension "a,b[1]=…", "*[1]=…"   one draw for several inputs, or for all that have that dimension

The token inputs of a transformer (input_ids, attention_mask, …) share what is said of any of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pyserver_loadgen.inputs.distributions import Distribution, parse_distribution
from pyserver_loadgen.inputs.images import looks_like_pixels
from pyserver_loadgen.inputs.tokens import is_token_input
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import ModelMetadata, TensorSpec

_DIMENSION = re.compile(r"\s*(.+?)\s*\[\s*(\d{1,4})\s*\]\s*=(.+)", re.DOTALL)
_TOKENS = 128
_PIXELS = 224
# So that shapes are not drawn from the numbers that contents are drawn from.
_STREAM = 0x5A9E


class ShapePlan:
    """One shape for every input and request of a pool. `notes` say what was taken on its own account."""

    def __init__(
        self,
        model: ModelMetadata,
        shapes: Sequence[str] = (),
        dimensions: Sequence[str] = (),
        batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        """Raises RequestError."""
        self._model = model
        self._seed = seed
        self.notes: list[str] = []
        # By input and axis: the distribution, and which draw it is, so that inputs can share one.
        self._rules: dict[tuple[str, int], tuple[Distribution, int]] = {}
        self._ranks = {spec.name: len(spec.shape) for spec in model.inputs if spec.shape is not None}
        self.batch_size = batch_size
        if batch_size is not None:
            self._check_batch_size(batch_size)
        for text in shapes:
            self._read_shape(text)
        for place, text in enumerate(dimensions, 1):
            self._read_dimension(text, place)
        self._share_tokens()
        if model.max_batch_size is None and model.batches() and batch_size is None and not self._rules:
            self.notes.append("the first dimension of every input is free: taken for that of batches, with 1 row")

    def varies(self, name: str) -> bool:
        """Whether the input's shape is not the same in all requests."""
        return any(rule.varies for (of, _), (rule, _) in self._rules.items() if of == name)

    def rows(self, name: str, index: int) -> int:
        """Rows of the batch dimension; 1 where there is none."""
        if not self._model.batches():
            return 1
        return self._size(self._model.input(name), 0, index)

    def shape(self, name: str, index: int) -> tuple[int, ...]:
        """Of one input of one request. Raises RequestError where a free dimension is not told."""
        spec = self._model.input(name)
        if name not in self._ranks:
            raise RequestError(f"input {name!r} may have any shape: say which with --shape {name}=…")
        return tuple(self._size(spec, axis, index) for axis in range(self._ranks[name]))

    def _size(self, spec: TensorSpec, axis: int, index: int) -> int:
        if found := self._rules.get((spec.name, axis)):
            rule, draw = found
            size = rule.draw(np.random.default_rng([self._seed, _STREAM, draw, index]))
        elif spec.shape is not None and spec.shape[axis] != -1:
            return spec.shape[axis]
        else:
            size = self._taken(spec, axis)
        most = self._model.max_batch_size
        if axis == 0 and most and size > most:
            raise RequestError(f"input {spec.name!r}: model {self._model.name!r} takes at most {most} rows, got {size}")
        return size

    def _taken(self, spec: TensorSpec, axis: int) -> int:
        """For a free dimension of which nothing is said."""
        if axis == 0 and self._model.batches():
            return self.batch_size or 1
        if spec.datatype == "BYTES":
            return 1
        taken = _TOKENS if is_token_input(spec) else _PIXELS if looks_like_pixels(spec) else 0
        if not taken:
            raise RequestError(
                f"input {spec.name!r}: dimension {axis} of {list(spec.shape or ())} is free: "
                f'say its size with --shape {spec.name}=… or --dimension "{spec.name}[{axis}]=…"'
            )
        note = f"input {spec.name}: dimension {axis} is free, {taken} was taken"
        if note not in self.notes:
            self.notes.append(note)
        return taken

    def _check_batch_size(self, size: int) -> None:
        model, most = self._model, self._model.max_batch_size
        if size < 1:
            raise RequestError(f"batch size {size}: expected a whole number from 1")
        if most and size > most:
            raise RequestError(f"batch size {size}: model {model.name!r} takes at most {most} rows")
        fixed = bool(model.inputs) and all(spec.shape and spec.shape[0] == size for spec in model.inputs)
        if not model.batches() and size > 1 and not fixed:
            raise RequestError(f"batch size {size}: model {model.name!r} has no batch dimension")

    def _read_shape(self, text: str) -> None:
        name, equals, told = text.partition("=")
        if not equals and len(self._model.inputs) == 1:
            name, told = self._model.inputs[0].name, text
        elif not equals:
            raise RequestError(f"--shape {text}: expected NAME=SIZE,SIZE,…")
        spec = self._model.input(name.strip())
        words = [word for word in told.strip().strip("[]").split(",") if word.strip()]
        sizes = [parse_distribution(word, f"--shape {text}") for word in words]
        if any(rule.varies for rule in sizes):
            raise RequestError(f"--shape {text}: expected whole numbers")
        first = 0
        if spec.shape is not None:
            first = len(spec.shape) - len(sizes)
            if first not in ((0, 1) if self._model.batches() else (0,)):
                raise RequestError(
                    f"--shape {text}: input {spec.name!r} expects {list(spec.shape)}, got {len(sizes)} sizes"
                )
        else:
            self._ranks[spec.name] = len(sizes)
        for axis, rule in enumerate(sizes, first):
            self._set(spec, axis, rule, 0, f"--shape {text}")

    def _read_dimension(self, text: str, place: int) -> None:
        where = f"--dimension {text}"
        found = _DIMENSION.fullmatch(text)
        if found is None:
            raise RequestError(f'{where}: expected "NAME[AXIS]=DISTRIBUTION"')
        axis = int(found[2])
        rule = parse_distribution(found[3], where)
        if found[1] == "*":
            named = [spec for spec in self._model.inputs if self._ranks.get(spec.name, 0) > axis]
        else:
            named = [self._model.input(name.strip()) for name in found[1].split(",")]
        if not named:
            raise RequestError(f"{where}: no input has a dimension {axis}")
        for spec in named:
            if axis >= self._ranks.get(spec.name, 0):
                shape = "any shape: say its rank with --shape" if spec.shape is None else str(list(spec.shape))
                raise RequestError(f"{where}: input {spec.name!r} has no dimension {axis}, it has {shape}")
            if found[1] == "*" and spec.shape is not None and spec.shape[axis] != -1:
                continue
            self._set(spec, axis, rule, place, where)

    def _set(self, spec: TensorSpec, axis: int, rule: Distribution, draw: int, where: str) -> None:
        fixed = spec.shape[axis] if spec.shape is not None else -1
        if fixed != -1 and rule.text != str(fixed):
            raise RequestError(f"{where}: dimension {axis} of input {spec.name!r} is {fixed}, got {rule.text}")
        batch = axis == 0 and self._model.batches() and self.batch_size is not None
        if batch and rule.text != str(self.batch_size):
            raise RequestError(f"{where}: the batch size is {self.batch_size}, got {rule.text}")
        self._rules[spec.name, axis] = (rule, draw)
        if axis == 0 and self._model.batches():
            # All inputs of a request have the same number of rows.
            for other in self._model.inputs:
                self._rules.setdefault((other.name, 0), (rule, draw))

    def _share_tokens(self) -> None:
        tokens = [spec for spec in self._model.inputs if is_token_input(spec)]
        for spec in tokens:
            for axis in range(self._ranks.get(spec.name, 0)):
                found = self._rules.get((spec.name, axis))
                for other in tokens if found else ():
                    free = other.shape is not None and len(other.shape) > axis and other.shape[axis] == -1
                    if found and free:
                        self._rules.setdefault((other.name, axis), found)


def fixed_plan(model: ModelMetadata, shapes: dict[str, tuple[int, ...]]) -> ShapePlan:
    """For requests whose shapes are recorded. Raises RequestError."""
    return ShapePlan(model, [f"{name}={','.join(map(str, shape))}" for name, shape in shapes.items()])

"""What a model takes and gives, told alike for every protocol.

Shapes are those that go over the wire: where the model batches, the batch dimension is the first one, and is -1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pyserver_loadgen.protocols.errors import RequestError


@dataclass(frozen=True)
class TensorSpec:
    """One input or output. `shape`: -1 is a free dimension; None where the server knows no rank."""

    name: str
    datatype: str
    shape: tuple[int, ...] | None
    optional: bool = False


@dataclass(frozen=True)
class ModelMetadata:
    """One model. `max_batch_size`: 0 where requests have no batch dimension, None where the server does not tell."""

    name: str
    version: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch_size: int | None = None
    platform: str = ""

    def input(self, name: str) -> TensorSpec:
        """Raises RequestError."""
        for spec in self.inputs:
            if spec.name == name:
                return spec
        known = ", ".join(spec.name for spec in self.inputs) or "none"
        raise RequestError(f"model {self.name!r} has no input {name!r}; its inputs: {known}")

    def output(self, name: str) -> TensorSpec:
        """Raises RequestError."""
        for spec in self.outputs:
            if spec.name == name:
                return spec
        known = ", ".join(spec.name for spec in self.outputs) or "none"
        raise RequestError(f"model {self.name!r} has no output {name!r}; its outputs: {known}")

    def batches(self) -> bool:
        """Whether the first dimension of every input is a batch dimension, as far as can be told."""
        if self.max_batch_size is not None:
            return self.max_batch_size > 0
        return bool(self.inputs) and all(spec.shape and spec.shape[0] == -1 for spec in self.inputs)


class SignatureSpec(Protocol):
    """What `pyserver._core.TensorSpec` has."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def datatype(self) -> str:
        """Such as "FP32"."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Without the batch dimension where the model batches."""

    @property
    def optional(self) -> bool:
        """Only for inputs."""


class Signature(Protocol):
    """What `pyserver._core.ModelSignature` has."""

    @property
    def inputs(self) -> Sequence[SignatureSpec]:
        """In the model's order."""

    @property
    def outputs(self) -> Sequence[SignatureSpec]:
        """In the model's order."""

    @property
    def max_batch_size(self) -> int:
        """Rows; 0: the model does not batch."""


def metadata_of_signature(name: str, version: str, signature: Signature, platform: str = "") -> ModelMetadata:
    """For a model in this process, where there is no server to ask."""

    def spec(of: SignatureSpec) -> TensorSpec:
        shape = wire_shape(of.shape, signature.max_batch_size)
        return TensorSpec(of.name, of.datatype, shape, of.optional)

    return ModelMetadata(
        name=name,
        version=version,
        inputs=tuple(spec(of) for of in signature.inputs),
        outputs=tuple(spec(of) for of in signature.outputs),
        max_batch_size=signature.max_batch_size,
        platform=platform,
    )


def wire_shape(shape: Sequence[int], max_batch_size: int) -> tuple[int, ...]:
    """`shape` with the batch dimension before it where the model batches."""
    return (-1, *shape) if max_batch_size else tuple(shape)

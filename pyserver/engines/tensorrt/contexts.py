"""Execution contexts: one for each captured graph, all of an instance's in one piece of scratch memory.

A graph stays valid only as long as the context that it was captured from is left as it is, so each has its own. The
contexts of an instance execute one after another on its stream, so they can share the memory for what lies between
layers, which is most of what a context takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyserver import _core
from pyserver.engines.tensorrt.described import DescribedEngine
from pyserver.engines.tensorrt.library import Library
from pyserver.engines.tensorrt.profiles import Shape, profile_for
from pyserver.engines.tensorrt.sentences import out_of_memory, said, why_not_executed
from pyserver.errors import ModelLoadError

_RESOURCE_EXHAUSTED = 8


class NoProfileError(ModelLoadError):
    """The plan was not built for these shapes."""


class Contexts:
    """Makes the contexts of one engine. Not thread-safe."""

    def __init__(self, library: Library, engine: Any, described: DescribedEngine, device: _core.CudaDevice) -> None:
        self._library = library
        self._engine = engine
        self._described = described
        self.device = device
        self._scratch: dict[int, _core.CudaMemory] = {}  # by instance

    def for_instance(self, instance: int) -> Context:
        """One that executes on that instance's stream. Raises ModelLoadError."""
        raw = self._make()
        wanted = self._engine.device_memory_size_v2
        if not wanted:
            return Context(self._library, raw, self._described, (self.device,))
        if instance not in self._scratch:
            self._scratch[instance] = self._take(wanted)
        scratch = self._scratch[instance]
        raw.set_device_memory(scratch.address, wanted)
        return Context(self._library, raw, self._described, (scratch, self.device))

    def to_probe(self) -> Context:
        """One that infers shapes, and cannot execute. Raises ModelLoadError."""
        return Context(self._library, self._make(), self._described, (self.device,))

    def _take(self, wanted: int) -> _core.CudaMemory:
        try:
            return _core.CudaMemory(self.device, wanted)
        except _core.StatusError as error:
            if error.code != _RESOURCE_EXHAUSTED:
                raise
            raise ModelLoadError(out_of_memory(self.device.memory()[0], wanted)) from None

    def _make(self) -> Any:
        module, engine = self._library.module, self._engine
        user_managed = module.ExecutionContextAllocationStrategy.USER_MANAGED
        with self._library.messages.collected() as told:
            specialization = getattr(module, "DynamicShapesKernelSpecializationStrategy", None)
            if specialization is None:
                raw = engine.create_execution_context(user_managed)
            else:
                # TensorRT-RTX compiles kernels for the shapes that it meets, in the background; a graph would keep the
                # slower ones that it begins with.
                settings = engine.create_runtime_config()
                settings.set_execution_context_allocation_strategy(user_managed)
                settings.dynamic_shapes_kernel_specialization_strategy = specialization.EAGER
                raw = engine.create_execution_context(settings)
        if raw is None:
            raise ModelLoadError(why_not_executed(self._library, told, self.device.memory()[0]))
        return raw


class Context:
    """An IExecutionContext whose refusals are exceptions. Not thread-safe."""

    def __init__(self, library: Library, raw: Any, described: DescribedEngine, kept: tuple[object, ...]) -> None:
        """`kept` is what the context needs as long as it lives: its scratch memory, and its device."""
        self._library = library
        self._raw = raw
        self._described = described
        self._profile = 0  # what TensorRT begins with
        # The last, because attributes go in this order: the engine gives its memory back to a device that is there.
        self._kept = kept
        # TensorRT gets the arrays' addresses; `described` keeps them.
        for name, values in described.shape_tensors.items():
            self._raw.set_tensor_address(name, values.ctypes.data)

    def set_shapes(self, shapes: Mapping[str, Shape], stream: int) -> dict[str, Shape]:
        """Fixes the inputs' shapes. Returns those of the outputs; -1: it depends on the data.

        Raises NoProfileError, ModelLoadError.
        """
        profile = profile_for(self._described.profiles, shapes)
        if profile is None:
            told = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
            raise NoProfileError(f"no optimization profile of the plan takes the shapes {told}")
        with self._library.messages.collected() as refusals:
            # Only where it changes: TensorRT forgets the shapes, and waits for the stream, where it is told again.
            done = profile == self._profile or self._raw.set_optimization_profile_async(profile, stream)
            if done:
                self._profile = profile
            done = done and all(self._raw.set_input_shape(name, shape) for name, shape in shapes.items())
            unknown = self._raw.infer_shapes() if done else []
        if not done or unknown:
            why = f"the shapes of {', '.join(unknown)} cannot be inferred" if unknown else said(refusals)
            raise ModelLoadError(f"{self._library.title} refuses the shapes {dict(shapes)}: {why}")
        return {tensor.name: tuple(self._raw.get_tensor_shape(tensor.name)) for tensor in self._described.outputs}

    def set_addresses(self, addresses: Mapping[str, int]) -> None:
        """Of inputs and outputs, in the GPU's memory."""
        for name, address in addresses.items():
            if not self._raw.set_tensor_address(name, address):
                raise ModelLoadError(f"{self._library.title} refuses the address {address:#x} of {name}")

    def set_output_allocator(self, name: str, allocator: Any) -> None:
        """For an output whose shape depends on the data."""
        self._raw.set_output_allocator(name, allocator)

    def largest_output_bytes(self, name: str) -> int:
        """With the shapes that are set."""
        return int(self._raw.get_max_output_size(name))

    def can_be_captured(self, stream: int) -> bool:
        """False where the engine is known to do what no graph can hold; asked after set_shapes()."""
        ask = getattr(self._raw, "is_stream_capturable", None)
        return True if ask is None else bool(ask(stream))

    def enqueue(self, stream: int) -> None:
        """Raises ModelLoadError."""
        with self._library.messages.collected() as told:
            done = self._raw.execute_async_v3(stream)
        if not done:
            raise ModelLoadError(why_not_executed(self._library, told))

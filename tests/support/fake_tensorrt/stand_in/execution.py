"""IExecutionContext: infers shapes, and launches the double's kernels.

Ops of a plan, all on FP32:
    scale    output = factor · input           add    output = the sum of both inputs          copy    output = input
    take     output = the first n elements of the input, where n is its first element: a shape that depends on the data
    rest     as copy, but of 64 columns those that the input does not have: the smaller that, the larger the output
    waits    as copy, and waits for the stream: it cannot be captured
    refuses  the execution fails
What is neither an input nor an output of the engine lies in the context's scratch memory.
"""

from __future__ import annotations

import ctypes
import struct
from math import prod
from typing import TYPE_CHECKING, Any

from stand_in.driver import READ, WRITE, Access, CudaError
from stand_in.enums import Severity
from stand_in.logger import initialised

if TYPE_CHECKING:
    from stand_in.runtime import ICudaEngine

Shape = tuple[int, ...]
_FLOAT = 4
_ALIGNMENT = 512
_COLUMNS = 64
_KERNELS = {"scale": "scale_f32", "add": "add_f32", "copy": "copy", "waits": "copy", "take": "copy", "rest": "copy"}


class IExecutionContext:
    def __init__(self, engine: ICudaEngine) -> None:
        self._engine = engine
        self._plan = engine.plan
        self._io = {tensor["name"]: tensor for tensor in engine.plan["tensors"]}
        self._profile = 0
        self._shapes: dict[str, Shape] = {}
        self._addresses: dict[str, int] = {}
        self._allocators: dict[str, Any] = {}
        self._scratch = (0, 0)

    def set_device_memory(self, memory: int, size: int) -> None:
        self._scratch = (memory, size)

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        del stream_handle
        if not 0 <= profile_index < self._engine.num_optimization_profiles:
            return self._refuse(f"profile index {profile_index} is out of range")
        self._profile = profile_index
        self._shapes.clear()
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        low, _, high = self._engine.get_tensor_profile_shape(name, self._profile)
        fits = len(shape) == len(low) and all(a <= s <= b for a, s, b in zip(low, shape, high, strict=True))
        if not fits:
            return self._refuse(
                f"Static dimension mismatch while setting input shape for {name}: {shape} is not in {low} to {high}"
            )
        self._shapes[name] = tuple(shape)
        return True

    def infer_shapes(self) -> list[str]:
        """The inputs of which too little is known."""
        unknown = []
        for name, tensor in self._io.items():
            if tensor["mode"] != "INPUT":
                continue
            if tensor.get("location") == "HOST":
                address = self._addresses.get(name)
                values = [] if address is None else list((ctypes.c_int32 * len(tensor["values"])).from_address(address))
                if values != tensor["values"]:
                    unknown.append(name)
            elif -1 in tensor["shape"] and name not in self._shapes:
                unknown.append(name)
        return unknown

    def get_tensor_shape(self, name: str) -> Shape:
        tensor = self._io.get(name)
        if tensor is not None and tensor["mode"] == "INPUT":
            return self._shapes.get(name, tuple(tensor["shape"]))
        op = next(op for op in self._plan["ops"] if op["output"] == name)
        shape = self.get_tensor_shape(op["inputs"][0])
        if op["op"] == "rest":
            return (shape[0], _COLUMNS - shape[1])
        return (-1,) if op["op"] == "take" else shape

    def get_max_output_size(self, name: str) -> int:
        op = next(op for op in self._plan["ops"] if op["output"] == name)
        return _FLOAT * prod(self.get_tensor_shape(op["inputs"][0]))

    def set_tensor_address(self, name: str, memory: int) -> bool:
        if name not in self._io:
            return self._refuse(f"{name} is no input and no output")
        self._addresses[name] = memory
        return True

    def set_output_allocator(self, name: str, output_allocator: Any) -> bool:
        self._allocators[name] = initialised(output_allocator)
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        missing = [name for name in self._io if name not in self._addresses and name not in self._allocators]
        if missing:
            return self._refuse(f"Address is not set for {missing[0]}")
        if self._plan["scratch_bytes"] > self._scratch[1]:
            return self._refuse("the device memory of the context is not set")
        try:
            return all(self._execute(op, stream_handle) for op in self._plan["ops"])
        except CudaError as error:
            return self._refuse(f"Cuda Runtime ({error})")

    def _execute(self, op: dict[str, Any], stream: int) -> bool:
        kind = op["op"]
        if kind == "refuses":
            return self._refuse("Error Code 1: Myelin ([myelinGraphExecute] called with no shapes)")
        if kind in ("take", "waits"):
            if self._engine.driver.is_capturing(stream):
                return self._refuse("Cuda Runtime (operation not permitted when stream is capturing)")
            first = self._engine.driver.read(stream, self._address(op["inputs"][0]), _FLOAT)
            if kind == "take":
                return self._take(op, int(struct.unpack("<f", first)[0]), stream)
        size = _FLOAT * prod(self.get_tensor_shape(op["output"]))
        self._launch(op, [self._address(name) for name in op["inputs"]], self._address(op["output"]), size, stream)
        return True

    def _take(self, op: dict[str, Any], count: int, stream: int) -> bool:
        name = op["output"]
        allocator = self._allocators[name]
        allocator.notify_shape(name, (count,))
        address = allocator.reallocate_output_async(name, 0, _FLOAT * count, _ALIGNMENT, stream)
        if not address:
            return self._refuse(f"Failed to allocate output {name}")
        self._launch(op, [self._address(op["inputs"][0])], address, _FLOAT * count, stream)
        return True

    def _launch(self, op: dict[str, Any], inputs: list[int], output: int, size: int, stream: int) -> None:
        arguments = struct.pack("<f", op["factor"]) if op["op"] == "scale" else b""
        accesses = [Access(address, size, READ) for address in inputs] + [Access(output, size, WRITE)]
        self._engine.driver.launch(stream, _KERNELS[op["op"]], arguments, accesses)

    def _address(self, name: str) -> int:
        if name in self._io:
            return self._addresses[name]
        inner = [op["output"] for op in self._plan["ops"] if op["output"] not in self._io]
        offset = 0
        for other in inner[: inner.index(name)]:
            offset += -(-_FLOAT * prod(self.get_tensor_shape(other)) // _ALIGNMENT) * _ALIGNMENT
        return self._scratch[0] + offset

    def _refuse(self, why: str) -> bool:
        self._engine.logger.log(Severity.ERROR, f"IExecutionContext: Error Code 3: API Usage Error ({why})")
        return False


class RtxExecutionContext(IExecutionContext):
    """Knows whether it can be captured."""

    def is_stream_capturable(self, stream: int) -> bool:
        del stream
        return not any(op["op"] in ("take", "waits") for op in self._plan["ops"])

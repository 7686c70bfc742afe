"""Where TensorRT writes an output whose shape depends on the data: into the lane's own memory."""

from __future__ import annotations

from typing import Any


class LaneOutput:
    """One output of a lane. `for_tensorrt` is the IOutputAllocator; `shape` is that of the last execution."""

    def __init__(self, module: Any, address: int, capacity: int) -> None:
        self._address = address
        self._capacity = capacity
        self.shape: tuple[int, ...] = ()
        self.for_tensorrt = self._make(module)

    def _make(self, module: Any) -> Any:
        output = self

        class _Allocator(module.IOutputAllocator):  # type: ignore[misc]  # the base is only known when the module is
            def __init__(self) -> None:
                module.IOutputAllocator.__init__(self)

            def reallocate_output_async(
                self, _name: str, _memory: int, size: int, _alignment: int, _stream: int
            ) -> int:
                return output.address_for(size)

            def reallocate_output(self, _name: str, _memory: int, size: int, _alignment: int) -> int:
                return output.address_for(size)

            def notify_shape(self, _name: str, shape: Any) -> None:
                output.shape = tuple(shape)

        return _Allocator()

    def address_for(self, size: int) -> int:
        """0, which fails the execution, where the memory is not enough."""
        return self._address if size <= self._capacity else 0

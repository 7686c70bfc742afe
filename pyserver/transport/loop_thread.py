"""An asyncio event loop on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs from its making until stop(). Thread-safe, but its own thread must not run(), call() or join() it."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs the coroutine on the loop and returns or raises what it does."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Calls the function on the loop's thread and returns or raises what it does."""

        async def on_loop() -> T:
            return function(*arguments)

        return self.run(on_loop())

    def stop(self) -> None:
        """Ends the loop soon; what still waits on it is left. On any thread, its own as well."""
        self.loop.call_soon_threadsafe(self.loop.stop)

    def join(self) -> None:
        """After stop(): waits until the thread has ended."""
        self._thread.join()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

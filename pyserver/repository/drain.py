"""Ends model versions that no longer serve: each in a thread of its own, since it waits for running requests."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from pyserver import _core

# So many versions may finish their requests at the same time; the next one makes its caller wait.
_MAX_CONCURRENT = 8


class Drainer:
    """Thread-safe."""

    def __init__(self, patience_s: float, log: logging.Logger) -> None:
        self._patience_s = patience_s
        self._log = log
        self._free = threading.BoundedSemaphore(_MAX_CONCURRENT)
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()  # guarded by _lock
        self._cut_off = 0  # guarded by _lock

    def drain(self, runtime: _core.ModelRuntime, done: Callable[[], None]) -> threading.Thread:
        """Stops a runtime that was withdrawn from the core, then calls `done`. Returns before that."""
        self._free.acquire()

        def run() -> None:
            try:
                self._stop(runtime, self._patience_s)
            finally:
                self._free.release()
                done()

        return self._start(run)

    def drain_at_end(self, runtime: _core.ModelRuntime, patience_s: float, done: Callable[[], None]) -> None:
        """As drain(), without a limit on how many at the same time."""

        def run() -> None:
            try:
                self._stop(runtime, patience_s)
            finally:
                done()

        self._start(run)

    def wait(self, deadline: float) -> bool:
        """Waits for all that was begun, until time.monotonic() reaches `deadline`. True if nothing was cut off."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            return self._cut_off == 0 and not any(thread.is_alive() for thread in threads)

    def _start(self, run: Callable[[], None]) -> threading.Thread:
        # Popped, so that what it refers to, the runtime and its engine, is gone before this thread counts as ended:
        # nobody waits for a daemon thread that still frees things when Python ends.
        work = [run]
        del run

        def forget_at_end() -> None:
            try:
                work.pop()()
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=forget_at_end, name="drain", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()
        return thread

    def _stop(self, runtime: _core.ModelRuntime, patience_s: float) -> None:
        if not runtime.stop(patience_s):
            with self._lock:
                self._cut_off += 1
            self._log.warning(
                "model %s version %d: requests were cut off after %g s", runtime.model, runtime.version, patience_s
            )

"""Wakes those who watch when something changed. A watcher holds no thread; many changes may be one wake."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pyserver.errors import PyserverError


class TooManyWatchersError(PyserverError):
    """The server's limit of concurrent watchers is reached."""


class ChangeFeed:
    """Thread-safe. `limit` is how many may watch at the same time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._watches: set[_Watch] = set()

    def notify(self, *_: object) -> None:
        """Something changed. Takes and ignores whatever a publisher says of it."""
        with self._lock:
            for watch in self._watches:
                watch.wake()

    @contextmanager
    def watch(self) -> Iterator[asyncio.Event]:
        """An event of the running loop that is set after each change; clear it, then look. TooManyWatchersError."""
        watch = _Watch()
        with self._lock:
            if len(self._watches) >= self._limit:
                raise TooManyWatchersError(f"there are {self._limit} watchers, which is the limit (max_watchers)")
            self._watches.add(watch)
        try:
            yield watch.changed
        finally:
            with self._lock:
                self._watches.discard(watch)


class _Watch:
    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        # A closed loop has no watchers any more.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.changed.set)

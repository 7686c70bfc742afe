"""Wakes those who watch when something changed. A watcher holds no thread; many changes may be one wake."""

from __future__ import annotations

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
        self._changed = threading.Condition()  # also when a watch has told or ends
        self._changes = 0
        self._watches: set[Watch] = set()

    def notify(self, *_: object) -> None:
        """Something changed. Takes and ignores whatever a publisher says of it."""
        with self._changed:
            self._changes += 1
            for watch in self._watches:
                watch.wake()

    def wait_until_told(self, timeout_s: float) -> bool:
        """Waits until every watcher has told what changed before now. False where one takes longer.

        Not on a watcher's loop.
        """
        with self._changed:
            now = self._changes
            return self._changed.wait_for(lambda: all(watch.told >= now for watch in self._watches), timeout_s)

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """For a coroutine: it tells how things are, and again after every change(). TooManyWatchersError."""
        with self._changed:
            if len(self._watches) >= self._limit:
                raise TooManyWatchersError(f"there are {self._limit} watchers, which is the limit (max_watchers)")
            watch = Watch(self, self._changes)
            self._watches.add(watch)
        try:
            yield watch
        finally:
            with self._changed:
                self._watches.discard(watch)
                self._changed.notify_all()

    def _read(self) -> int:
        with self._changed:
            return self._changes

    def _has_told(self, watch: Watch, changes: int) -> None:
        with self._changed:
            watch.told = changes
            self._changed.notify_all()


class Watch:
    """One watcher's place in the feed; of the loop that it was made on. `told`: how many changes it has told."""

    def __init__(self, feed: ChangeFeed, changes: int) -> None:
        self.told = 0
        self._feed = feed
        self._seen = changes  # before the watcher looked: it tells them all
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def change(self) -> None:
        """What there was is told: waits until there is more."""
        self._feed._has_told(self, self._seen)
        await self._woken.wait()
        self._woken.clear()
        self._seen = self._feed._read()

    def wake(self) -> None:
        """Any thread."""
        # A closed loop has no watchers any more.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._woken.set)

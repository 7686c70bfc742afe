"""What is known of every model, and how it is told to the core and to subscribers.

Thread-safe. All changes go through change(): the core's table follows while the lock is held, so the two never differ
for long, and subscribers are called after it is free.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pyserver import _core
from pyserver.errors import NotFoundError
from pyserver.repository.state import ModelState, ModelVersionState, VersionState


@dataclass(eq=False)
class VersionRecord:
    """A version. A record is replaced, not reused, when the version is loaded anew."""

    version: int
    state: ModelVersionState
    reason: str = ""
    runtime: _core.ModelRuntime | None = None
    fingerprint: str = ""  # of the files that `runtime` was made of
    failed_fingerprint: str = ""  # of the files that could not be loaded

    def available(self) -> bool:
        """Whether it answers requests."""
        return self.state is ModelVersionState.AVAILABLE


@dataclass(eq=False)
class ModelRecord:
    """A model."""

    name: str
    versions: dict[int, VersionRecord] = field(default_factory=dict)
    held: bool = False  # only load() makes it serve: it was unloaded, or never asked for
    on_disk: bool = False  # a model that left the disk is forgotten when its last version is gone

    def default_version(self) -> int:
        """The highest version that serves, or 0."""
        return max((v.version for v in self.versions.values() if v.available()), default=0)


class ModelRecords:
    """All models by name."""

    def __init__(self, core: _core.Core, log: logging.Logger) -> None:
        self._core = core
        self._log = log
        self._lock = threading.Lock()
        self._models: dict[str, ModelRecord] = {}  # guarded by _lock
        self._callbacks: dict[object, Callable[[], None]] = {}  # guarded by _lock

    @contextmanager
    def change(self, name: str) -> Iterator[ModelRecord]:
        """The model's record, new where there was none, to be changed inside of the `with`."""
        with self._lock:
            model = self._models.setdefault(name, ModelRecord(name))
            yield model
            if model.on_disk or model.versions:
                self._publish(model)
            else:
                del self._models[name]
                self._core.remove(name)
            callbacks = list(self._callbacks.values())
        for callback in callbacks:
            self._call(callback)

    def read(self, name: str) -> ModelRecord | None:
        """A copy of the model's record, with the version records themselves."""
        with self._lock:
            model = self._models.get(name)
            return None if model is None else replace(model, versions=dict(model.versions))

    def names(self) -> list[str]:
        """Sorted."""
        with self._lock:
            return sorted(self._models)

    def snapshot(self, name: str | None) -> list[ModelState]:
        """All models or one, sorted by name. Raises NotFoundError."""
        with self._lock:
            if name is None:
                return [_state_of(self._models[key]) for key in sorted(self._models)]
            if name not in self._models:
                raise NotFoundError(f"model {name[:100]!r} is not in a repository")
            return [_state_of(self._models[name])]

    def serving(self) -> list[tuple[str, bool]]:
        """Every model that should serve, and whether it does."""
        with self._lock:
            return [
                (model.name, model.default_version() > 0)
                for model in self._models.values()
                if not model.held and model.on_disk
            ]

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls `callback` after every change; returns what ends that."""
        key = object()
        with self._lock:
            self._callbacks[key] = callback

        def unsubscribe() -> None:
            with self._lock:
                self._callbacks.pop(key, None)

        return unsubscribe

    def _call(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:
            self._log.exception("a subscriber of the model repository failed")

    def _publish(self, model: ModelRecord) -> None:
        versions: dict[int, _core.ModelRuntime | str] = {}
        for record in model.versions.values():
            if record.available() and record.runtime is not None:
                versions[record.version] = record.runtime
            else:
                versions[record.version] = record.reason or record.state.name.lower()
        self._core.publish(model.name, versions, model.default_version())


def _state_of(model: ModelRecord) -> ModelState:
    versions = tuple(
        VersionState(record.version, record.state, record.reason, record.runtime)
        for _, record in sorted(model.versions.items(), reverse=True)
    )
    return ModelState(model.name, versions, model.default_version())

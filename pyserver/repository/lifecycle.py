"""ModelRepository: makes what serves follow what lies on disk.

In scope: when to look, what may be loaded by whom, the end. How a model's versions are exchanged is in `follow.py`;
what is known of them is in `records.py`, under its own short lock, so snapshot() never waits for a load.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable

from pyserver import _core
from pyserver.config.schema import ServerSettings
from pyserver.cpu_budget import CpuBudget
from pyserver.engines import LoadContext
from pyserver.errors import ModelLoadError, NotFoundError, RepositoryError
from pyserver.repository.drain import Drainer
from pyserver.repository.follow import STOPPING, Follower
from pyserver.repository.layout import ModelOnDisk, Scan, VersionOnDisk, scan
from pyserver.repository.records import ModelRecords, VersionRecord
from pyserver.repository.state import ModelState, ModelVersionState
from pyserver.repository.watcher import Watcher


class ModelRepository:
    """All models of a server. Thread-safe; loads run one after another."""

    def __init__(
        self, settings: ServerSettings, core: _core.Core, budget: CpuBudget, *, log: logging.Logger | None = None
    ) -> None:
        self._settings = settings
        self._core = core
        self._log = log if log is not None else logging.getLogger(__name__)
        self._stopping = threading.Event()
        self._records = ModelRecords(core, self._log)
        self._drainer = Drainer(settings.unload_grace_s, self._log)
        context = LoadContext(settings.cpu_threads or budget.threads, settings.cache_dir, core=core)
        self._follower = Follower(core, self._records, self._drainer, context, self._stopping, self._log)
        self._watcher = Watcher(self.poll, settings.poll_interval_s, self._log)
        self._started = False
        self._changes = threading.Lock()  # held by whoever changes which versions serve
        self._on_disk: dict[str, ModelOnDisk] = {}  # guarded by _changes
        self._warned: set[str] = set()  # guarded by _changes
        self._never_found: set[str] = set()  # of load_models; guarded by _changes

    def start(self) -> None:
        """Loads what should serve, one model after another, and begins to watch.

        A model that cannot be loaded does not keep others from it. Raises RepositoryError where a repository cannot be
        used, and ModelLoadError after all was tried where `exit_on_load_error` is set.
        """
        failures: list[str] = []
        with self._changes:
            seen = self._scan()
            if seen.unreadable:
                raise RepositoryError("; ".join(seen.unreadable.values()))
            self._never_found = set(self._settings.load_models) - set(seen.models)
            for name in sorted(self._never_found):
                failures.append(f"model {name}: load_models names it, and it is not in a repository")
                self._log.error("%s", failures[-1])
            explicit = self._settings.model_control == "explicit"
            wanted = [name for name in seen.models if not explicit or name in self._settings.load_models]
            for name, model in seen.models.items():
                self._follower.hold(model, "waiting to be loaded" if name in wanted else "not loaded")
            for name in wanted:
                reasons = self._follower.follow(seen.models[name], lambda _: True)
                failures += (f"model {name}: {reason}" for reason in reasons)
            self._on_disk = seen.models
        self._started = True
        if failures and self._settings.exit_on_load_error:
            raise ModelLoadError("; ".join(failures))
        if self._settings.model_control == "poll":
            self._watcher.start()

    def poll(self) -> None:
        """Looks at the repositories once and applies what changed.

        A version is loaded when two looks in a row found the same files: what is being copied is left alone.
        """
        with self._changes:
            if self._stopping.is_set():
                return
            seen = self._scan()
            before = self._on_disk
            self._on_disk = seen.models | self._out_of_sight(seen)
            for name, model in seen.models.items():
                old = before[name].versions if name in before else {}
                self._apply(model, old)
            for name in self._records.names():
                record = self._records.read(name)
                if name not in self._on_disk and record is not None and record.on_disk:
                    self._log.info("model %s: it left the repository", name)
                    self._follower.remove(name)

    def load(self, name: str) -> None:
        """Loads a model, or loads it anew, from what lies on disk now; afterwards poll() follows it.

        Raises NotFoundError, and ModelLoadError where a version that should serve could not be loaded: what served
        before serves on.
        """
        with self._changes:
            self._refuse_when_stopping()
            model = self._scan().models.get(name)
            if model is None:
                raise NotFoundError(f"model {name[:100]!r} is not in a repository")
            self._never_found.discard(name)
            failures = self._follower.follow(model, lambda _: True, again=True)
            self._on_disk[name] = model
            self._refuse_when_stopping()
        if failures:
            raise ModelLoadError(f"model {name}: " + "; ".join(failures))

    def unload(self, name: str) -> None:
        """Ends all versions of a model, when their requests are answered. It stays unloaded until load().

        Raises NotFoundError.
        """
        with self._changes:
            self._records.snapshot(name)
            draining = self._follower.unload(name)
        for thread in draining:
            thread.join()

    def stop(self, grace_s: float) -> bool:
        """Refuses new requests, waits for those that run, `grace_s` at most. True if nothing was cut off."""
        deadline = time.monotonic() + grace_s
        self._stopping.set()
        self._core.close(STOPPING)
        self._watcher.stop()
        # A load cannot be interrupted; where it takes too long, its runtime is thrown away by whoever loads.
        idle = self._changes.acquire(timeout=max(0.0, deadline - time.monotonic()))
        try:
            for name in self._records.names():
                self._end(name, deadline)
        finally:
            if idle:
                self._changes.release()
        complete = self._drainer.wait(deadline + 1.0)
        return self._watcher.join(max(0.0, deadline + 1.0 - time.monotonic())) and complete

    def snapshot(self, name: str | None = None) -> list[ModelState]:
        """The state of all models, or of one. Raises NotFoundError. Never waits for a load."""
        return self._records.snapshot(name)

    def ready(self) -> bool:
        """Whether what should serve does: all models or any, as `ready_requires` says."""
        if not self._started or self._stopping.is_set():
            return False
        serving = [serves for _, serves in self._records.serving()] + [False] * len(self._never_found)
        if self._settings.ready_requires == "any":
            return any(serving) or not serving
        return all(serving)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Has `callback` called after every change, in the thread that made it; returns what ends that."""
        return self._records.subscribe(callback)

    def _apply(self, model: ModelOnDisk, before: dict[int, VersionOnDisk]) -> None:
        record = self._records.read(model.name)
        known = record is not None and record.on_disk
        if record is not None and known and record.held:
            self._follower.hold(model, "unloaded")
        elif not known and self._settings.model_control == "explicit":
            self._follower.hold(model, "not loaded")
        else:
            self._follower.follow(model, lambda found: before.get(found.version) == found)

    def _scan(self) -> Scan:
        seen = scan(self._settings.repositories)
        warnings = {*seen.warnings, *seen.unreadable.values()}
        for warning in sorted(warnings - self._warned):
            self._log.warning("%s", warning)
        self._warned = warnings
        return seen

    def _out_of_sight(self, seen: Scan) -> dict[str, ModelOnDisk]:
        """Models of repositories that cannot be looked at now, such as on a disk that is away: they serve on."""
        return {
            name: model
            for name, model in self._on_disk.items()
            if model.root in seen.unreadable and name not in seen.models
        }

    def _refuse_when_stopping(self) -> None:
        if self._stopping.is_set():
            raise ModelLoadError(STOPPING)

    def _end(self, name: str, deadline: float) -> None:
        with self._records.change(name) as model:
            serving = [record for record in model.versions.values() if record.available()]
            for record in serving:
                record.state, record.reason = ModelVersionState.UNAVAILABLE, STOPPING
        for record in serving:
            if record.runtime is not None:
                patience_s = max(0.0, deadline - time.monotonic())
                self._drainer.drain_at_end(record.runtime, patience_s, functools.partial(self._ended, name, record))

    def _ended(self, name: str, record: VersionRecord) -> None:
        with self._records.change(name):
            record.runtime = None

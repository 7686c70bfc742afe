"""Follower: brings one model's versions from what serves now to what lies on disk.

load → warm up → publish → withdraw the old → drain → gone. Traffic moves in the one step of publishing, so a version
is always replaced, never interrupted; what fails to load leaves what served serving.

Not thread-safe: its owner lets one thread at a time call it. Only the end of a drain comes from other threads, and
touches nothing but the record that was drained.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from pyserver import _core
from pyserver.config.schema import ModelConfig, VersionPolicy
from pyserver.engines import LoadContext
from pyserver.errors import ConfigError, ModelLoadError
from pyserver.repository.drain import Drainer
from pyserver.repository.layout import ModelOnDisk, VersionOnDisk
from pyserver.repository.loading import load_runtime, read_config
from pyserver.repository.records import ModelRecords, VersionRecord
from pyserver.repository.state import ModelVersionState
from pyserver.repository.version_policy import wanted_versions

_State = ModelVersionState
STOPPING = "the server is stopping"
UNLOADED = "unloaded"


class Follower:
    """Loads, replaces and ends the versions of models."""

    def __init__(
        self,
        core: _core.Core,
        records: ModelRecords,
        drainer: Drainer,
        context: LoadContext,
        stopping: threading.Event,
        log: logging.Logger,
    ) -> None:
        self._core = core
        self._records = records
        self._drainer = drainer
        self._context = context
        self._stopping = stopping
        self._log = log
        self._policies: dict[str, VersionPolicy] = {}  # the last that could be read

    def follow(self, model: ModelOnDisk, settled: Callable[[VersionOnDisk], bool], *, again: bool = False) -> list[str]:
        """Makes the model serve what its folder holds; returns why versions that should serve do not (or are old).

        A version that has not `settled` is left for the next time. `again`: also what did not change, and what failed.
        """
        config, problem = self._config(model)
        wanted = self._wanted(model, config)
        versions = self._versions(model.name)
        record = self._records.read(model.name)
        if record is None or not record.on_disk or record.held:
            with self._records.change(model.name) as changed:
                changed.on_disk, changed.held = True, False
        settling = False
        failures = []
        for number in wanted:
            found = model.versions.get(number)
            if found is None:
                self._set_missing(model.name, number)
            elif self._needs_load(model.name, versions.get(number), found, again):
                if not settled(found):
                    settling = True
                    continue
                self._load(model, found, config, problem)
            failures += self._failure(model.name, number)
        if problem and not any(number in model.versions for number in wanted):
            failures.append(problem)  # no version was there to say so
        self._withdraw_unwanted(model, wanted, settling)
        return failures

    def hold(self, model: ModelOnDisk, reason: str) -> None:
        """Lists the model's versions without loading any."""
        wanted = self._wanted(model, self._config(model)[0])
        record = self._records.read(model.name)
        idle = {n for n, v in self._versions(model.name).items() if v.state is _State.UNAVAILABLE}
        if record is not None and record.on_disk and record.held and idle == set(wanted):
            return
        with self._records.change(model.name) as changed:
            changed.on_disk, changed.held = True, True
            for number in idle - set(wanted):
                del changed.versions[number]
            for number in wanted:
                changed.versions.setdefault(number, VersionRecord(number, _State.UNAVAILABLE, reason))

    def unload(self, name: str) -> list[threading.Thread]:
        """Ends all versions, and keeps the model from being loaded. Returns the threads that drain."""
        with self._records.change(name) as model:
            model.held = True
            for record in model.versions.values():
                if record.state is _State.UNAVAILABLE:
                    record.reason, record.failed_fingerprint = UNLOADED, ""
        return self._withdraw(name, self._versions(name), UNLOADED)

    def remove(self, name: str) -> None:
        """Ends a model that left the disk; it is forgotten when its requests are finished."""
        self._policies.pop(name, None)
        with self._records.change(name) as model:
            model.on_disk, model.held = False, False
            for number in [n for n, v in model.versions.items() if v.state is _State.UNAVAILABLE]:
                del model.versions[number]
        self._withdraw(name, self._versions(name), "")

    def _config(self, model: ModelOnDisk) -> tuple[ModelConfig | None, str]:
        """The configuration, or why there is none."""
        try:
            config = read_config(model)
        except ConfigError as error:
            return None, error.message
        self._policies[model.name] = config.version_policy
        return config, ""

    def _wanted(self, model: ModelOnDisk, config: ModelConfig | None) -> tuple[int, ...]:
        policy = (
            self._policies.get(model.name, ModelConfig().version_policy) if config is None else config.version_policy
        )
        return wanted_versions(policy, model.versions)

    def _versions(self, name: str) -> dict[int, VersionRecord]:
        record = self._records.read(name)
        return {} if record is None else record.versions

    def _needs_load(self, name: str, record: VersionRecord | None, found: VersionOnDisk, again: bool) -> bool:
        if again or record is None or record.state is _State.UNLOADING:
            return True
        if record.available() and record.fingerprint == found.fingerprint:
            if record.failed_fingerprint:
                # What could not be loaded was taken back.
                with self._records.change(name):
                    record.reason, record.failed_fingerprint = "", ""
            return False
        return record.failed_fingerprint != found.fingerprint

    def _load(self, model: ModelOnDisk, found: VersionOnDisk, config: ModelConfig | None, problem: str) -> None:
        if self._stopping.is_set():
            return
        number = found.version
        with self._records.change(model.name) as changed:
            old = changed.versions.get(number)
            if old is None or not old.available():
                changed.versions[number] = VersionRecord(number, _State.LOADING, "loading")
            else:
                old.reason = "reloading"
        begin = time.monotonic()
        try:
            if config is None:
                raise ModelLoadError(problem)
            context = replace(self._context, config_source=model.config_path)
            runtime = load_runtime(self._core, model.name, found, config, context)
        except ModelLoadError as error:
            self._failed(model.name, found, error.message)
            return
        if self._stopping.is_set():
            runtime.stop(0)
            self._failed(model.name, found, STOPPING)
            return
        loaded = VersionRecord(number, _State.AVAILABLE, "", runtime, found.fingerprint)
        replaced = self._replace(model.name, loaded)
        instances = sum(group.count for group in runtime.instance_groups)
        self._log.info(
            "model %s version %d: %s in %.2f s (%s on %s, instances: %d, max_batch_size: %d)",
            model.name, number, "reloaded" if replaced else "loaded", time.monotonic() - begin,
            runtime.engine, runtime.device, instances, runtime.signature.max_batch_size,
        )  # fmt: skip

    def _failed(self, name: str, found: VersionOnDisk, reason: str) -> None:
        with self._records.change(name) as model:
            record = model.versions[found.version]
            record.failed_fingerprint = found.fingerprint
            if record.available():
                record.reason = f"reload failed: {reason}"
            else:
                record.state, record.reason = _State.UNAVAILABLE, reason
        level = logging.INFO if reason == STOPPING else logging.ERROR
        self._log.log(level, "model %s version %d: not loaded: %s", name, found.version, reason)

    def _failure(self, name: str, number: int) -> list[str]:
        record = self._versions(name).get(number)
        return [f"version {number}: {record.reason}"] if record is not None and record.reason else []

    def _set_missing(self, name: str, number: int) -> None:
        reason = "version_policy names it, and it is not in the repository"
        record = self._versions(name).get(number)
        if record is None or record.reason != reason:
            self._replace(name, VersionRecord(number, _State.UNAVAILABLE, reason))

    def _replace(self, name: str, record: VersionRecord) -> bool:
        """Puts `record` in its version's place. True where that had been serving: it finishes its requests unseen."""
        with self._records.change(name) as model:
            old = model.versions.get(record.version)
            model.versions[record.version] = record
        if old is None or old.runtime is None or not old.available():
            return False
        self._drainer.drain(old.runtime, lambda: None)
        return True

    def _withdraw_unwanted(self, model: ModelOnDisk, wanted: Iterable[int], settling: bool) -> None:
        versions = self._versions(model.name)
        complete = all(number in versions and versions[number].available() for number in wanted)
        unwanted = {number: record for number, record in versions.items() if number not in wanted}
        # The old version is there for when the new one fails; a new one that is still being copied may replace one
        # whose files are gone already.
        over = {n: r for n, r in unwanted.items() if (complete if n in model.versions else not settling)}
        self._withdraw(model.name, over, "")
        stale = [number for number, record in unwanted.items() if record.state is _State.UNAVAILABLE]
        if stale:
            with self._records.change(model.name) as changed:
                for number in stale:
                    changed.versions.pop(number, None)

    def _withdraw(self, name: str, versions: dict[int, VersionRecord], reason: str) -> list[threading.Thread]:
        """Ends those of `versions` that serve. Then they are UNAVAILABLE with `reason`, or, without one, gone."""
        serving = [record for record in versions.values() if record.available()]
        if not serving:
            return []
        with self._records.change(name):
            for record in serving:
                record.state, record.reason = _State.UNLOADING, "unloading"
        return [self._drain(name, record, reason) for record in serving]

    def _drain(self, name: str, record: VersionRecord, reason: str) -> threading.Thread:
        runtime = record.runtime
        assert runtime is not None  # noqa: S101 (it served)
        return self._drainer.drain(runtime, lambda: self._drained(name, record, reason))

    def _drained(self, name: str, record: VersionRecord, reason: str) -> None:
        with self._records.change(name) as model:
            record.runtime = None
            if model.versions.get(record.version) is record:
                if reason and model.held:
                    record.state, record.reason = _State.UNAVAILABLE, reason
                else:
                    del model.versions[record.version]
        self._log.info("model %s version %d: unloaded", name, record.version)

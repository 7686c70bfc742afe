"""One flavour of TensorRT in this process: its module, its logger and its runtime.

TensorRT tells why something failed only through its logger, and wants one logger a process; so there is one Library for
each flavour, and what it logs during a call is kept for the sentence that the call fails with.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from pyserver.engines.tensorrt.flavours import Flavour, import_flavour

_MAX_KEPT = 50

_log = logging.getLogger("pyserver.tensorrt")


class Library:
    """Thread-safe, as far as TensorRT is."""

    def __init__(self, flavour: Flavour) -> None:
        """Raises FlavourMissingError."""
        self.flavour = flavour
        self.module: Any = import_flavour(flavour)
        self.messages = Messages(self.module)
        self._runtime: Any = None

    @property
    def version(self) -> str:
        """Of the package, such as 10.13.0.35."""
        return str(self.module.__version__)

    @property
    def title(self) -> str:
        """For sentences."""
        return f"{self.flavour.name} {self.version}"

    @property
    def runtime(self) -> Any:
        """Made when it is first asked for: without a GPU there is none, and it may be None."""
        if self._runtime is None:
            try:
                self._runtime = self.module.Runtime(self.messages.logger)
            except TypeError:
                # What pybind11 raises where the library gives a null pointer; the reason is in the log.
                return None
        return self._runtime


class Messages:
    """What a library logs: passed on to Python's log, and the errors kept while somebody collects them."""

    def __init__(self, module: ModuleType) -> None:
        self.logger = _make_logger(module, self._add)
        self._lock = threading.Lock()
        self._collected: list[tuple[int, list[str]]] = []

    @contextmanager
    def collected(self, least: int = logging.WARNING) -> Iterator[list[str]]:
        """What is logged meanwhile, from the level `least` on, the first first."""
        kept: list[str] = []
        entry = (least, kept)
        with self._lock:
            self._collected.append(entry)
        try:
            yield kept
        finally:
            with self._lock:
                # By identity: equal lists are not the same.
                self._collected = [other for other in self._collected if other is not entry]

    def _add(self, level: int, text: str) -> None:
        _log.log(level, "%s", text)
        with self._lock:
            for least, kept in self._collected:
                if level >= least and len(kept) < _MAX_KEPT:
                    kept.append(text)


def _make_logger(module: Any, add: Any) -> Any:
    severity = module.ILogger.Severity
    # INFO says what is being done, at length; VERBOSE says so thousands of times for each model.
    levels = {
        severity.INTERNAL_ERROR: logging.ERROR,
        severity.ERROR: logging.ERROR,
        severity.WARNING: logging.WARNING,
        severity.INFO: logging.DEBUG,
    }

    class _Logger(module.ILogger):  # type: ignore[misc]  # the base is only known when the module is
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            level = levels.get(severity)
            if level is not None:
                add(level, msg)

    return _Logger()

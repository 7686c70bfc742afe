"""The thread that looks at the repositories from time to time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable


class Watcher:
    """Calls `look` every `interval_s` seconds, counted from the end of the look before. It survives failures.

    Thread-safe: a server may be stopped on one thread while another one still starts it.
    """

    def __init__(self, look: Callable[[], None], interval_s: float, log: logging.Logger) -> None:
        self._look = look
        self._interval_s = interval_s
        self._log = log
        self._stop = threading.Event()
        self._beginning = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="repository", daemon=True)

    def start(self) -> None:
        """Begins to look, one interval from now; not after stop()."""
        with self._beginning:
            if not self._stop.is_set():
                self._thread.start()

    def stop(self) -> None:
        """No look begins after this."""
        with self._beginning:
            self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """After stop(): waits for a look that runs. True when it is over, and where none ever began."""
        if self._thread.ident is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self._look_once()

    def _look_once(self) -> None:
        try:
            self._look()
        except Exception:
            self._log.exception("looking at the model repositories failed")

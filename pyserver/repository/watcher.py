"""The thread that looks at the repositories from time to time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable


class Watcher:
    """Calls `look` every `interval_s` seconds, counted from the end of the look before. It survives failures."""

    def __init__(self, look: Callable[[], None], interval_s: float, log: logging.Logger) -> None:
        self._look = look
        self._interval_s = interval_s
        self._log = log
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="repository", daemon=True)

    def start(self) -> None:
        """Begins to look, one interval from now."""
        self._thread.start()

    def stop(self) -> None:
        """No look begins after this."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Waits for a look that runs. True when it is over."""
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

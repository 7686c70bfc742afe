from __future__ import annotations

import logging
import threading

from pyserver.repository.watcher import Watcher

LOG = logging.getLogger("test")


def test_it_looks_again_and_again_also_after_a_look_that_failed() -> None:
    looks: list[int] = []
    enough = threading.Event()

    def look() -> None:
        looks.append(len(looks))
        if len(looks) == 3:
            enough.set()
        raise OSError("nothing to see")

    watcher = Watcher(look, 0.001, LOG)
    watcher.start()
    assert enough.wait(10)
    watcher.stop()
    assert watcher.join(10)


def test_stopped_before_it_was_started_it_never_begins() -> None:
    looks: list[int] = []
    watcher = Watcher(lambda: looks.append(1), 0.0, LOG)
    watcher.stop()
    assert watcher.join(0)
    watcher.start()
    assert watcher.join(0)
    assert not looks

"""SIGTERM and SIGINT, told on a thread of their own.

Python runs signal handlers on the main thread, between two bytecodes. A signal that another thread gets, or that comes
just before the main thread begins to wait for a lock, is not noticed until that wait is over, which may be never. What
Python writes to the wakeup descriptor when the signal comes is not lost.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signals(received: Callable[[], None]) -> Iterator[None]:
    """Calls `received` once for each SIGTERM and SIGINT. To be entered and left on the main thread."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def listen() -> None:
        while number := reader.recv(1):
            if number[0] in _SIGNALS:
                received()

    listener = threading.Thread(target=listen, name="pyserver-signals", daemon=True)
    listener.start()
    descriptor_before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    # Without a handler a signal would end the process; there is nothing left for one to do.
    handlers_before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers_before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(descriptor_before)
        writer.close()
        listener.join()
        reader.close()

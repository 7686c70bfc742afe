"""Holds a server's GIL for as long as a test wants, by two named pipes: what is answered meanwhile needs no Python."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator
from pathlib import Path

# The environment variable that names the folder of the pipes.
FOLDER = "TESTED_GIL_FOLDER"


def make_pipes(folder: Path) -> None:
    """Before the server starts."""
    for name in ("orders", "answers"):
        os.mkfifo(folder / name)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """In the test: while inside, no thread of the server runs Python."""
    with (folder / "orders").open("wb", buffering=0) as orders, (folder / "answers").open("rb", buffering=0) as answers:
        orders.write(b"h")
        answers.read(1)
        try:
            yield
        finally:
            orders.write(b"r")


def start(folder: Path) -> None:
    """In the server."""
    threading.Thread(target=_obey, args=(folder,), name="gil-holder", daemon=True).start()


def _obey(folder: Path) -> None:
    # A PyDLL keeps the GIL during its calls.
    libc = ctypes.PyDLL(None)
    order = ctypes.create_string_buffer(1)
    with (folder / "orders").open("rb", buffering=0) as orders, (folder / "answers").open("wb", buffering=0) as answers:
        while orders.read(1):
            libc.write(answers.fileno(), b"k", 1)
            libc.read(orders.fileno(), order, 1)

"""Starting client processes, and adding up what they tell."""

from __future__ import annotations

import collections
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

CLIENTS = Path(__file__).with_name("clients.py")


@dataclass
class Told:
    """What the clients saw."""

    sent: int = 0
    wrong: int = 0
    failures: collections.Counter[str] = field(default_factory=collections.Counter)
    versions: collections.Counter[str] = field(default_factory=collections.Counter)


class Load:
    """Processes of clients that send requests until they have sent them all, or until stop()."""

    def __init__(
        self, address: str, model: str, *, processes: int, clients: int, requests: int, until: Path | None = None
    ) -> None:
        self._until = until
        command = [sys.executable, str(CLIENTS), address, model, str(clients), str(requests)]
        if until is not None:
            command += ["--until", str(until)]
        self._processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]

    @property
    def running(self) -> bool:
        return any(process.poll() is None for process in self._processes)

    def stop(self) -> Told:
        """Waits for all processes (asks them to end if they run until told) and adds up."""
        if self._until is not None:
            self._until.touch()
        told = Told()
        for process in self._processes:
            line, _ = process.communicate(timeout=600)
            part = json.loads(line)
            told.sent += part["sent"]
            told.wrong += part["wrong"]
            told.failures.update(part["failures"])
            told.versions.update(part["versions"])
        return told

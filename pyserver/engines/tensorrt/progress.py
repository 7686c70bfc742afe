"""How far a build is, for those who wait: TensorRT's IProgressMonitor → a few lines in the log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_EVERY_S = 2.0


@dataclass
class _Phase:
    parent: str | None
    steps: int
    done: int = 0


class Progress:
    """What TensorRT tells of a build; `tell` gets a line when one is due. Called on the thread that builds."""

    def __init__(self, tell: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._phases: dict[str, _Phase] = {}
        self._told_at = clock()
        self.interruption: BaseException | None = None

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        """A phase begins; within another, or as one of the build's own."""
        self._phases[phase_name] = _Phase(parent_phase or None, num_steps)
        if not parent_phase:
            self._say()

    def step_complete(self, phase_name: str, step: int) -> bool:
        """Whether to go on."""
        phase = self._phases.get(phase_name)
        if phase is not None:
            phase.done = step + 1
        if self._clock() - self._told_at >= _EVERY_S:
            self._say()
        return self.interruption is None

    def phase_finish(self, phase_name: str) -> None:
        """A phase ends; those within it have ended."""
        self._phases.pop(phase_name, None)

    def _say(self) -> None:
        self._told_at = self._clock()
        told = [
            f"{name} {100 * phase.done // phase.steps if phase.steps > 0 else 0} %"
            for name, phase in self._phases.items()
        ]
        self._tell(", ".join(told))


def monitor_for(module: Any, progress: Progress) -> Any | None:
    """What a builder is given; None where the flavour has no such thing."""
    base: Any = getattr(module, "IProgressMonitor", None)
    if base is None:
        return None

    class _Monitor(base):  # type: ignore[misc]  # the base is only known when the module is
        def __init__(self) -> None:
            base.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            progress.phase_start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            try:
                return progress.step_complete(phase_name, step)
            except KeyboardInterrupt as error:
                # TensorRT would print it and go on. The build is given up, and its caller raises it again.
                progress.interruption = error
                return False

        def phase_finish(self, phase_name: str) -> None:
            progress.phase_finish(phase_name)

    return _Monitor()

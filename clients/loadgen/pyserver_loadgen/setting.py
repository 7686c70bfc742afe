"""How one run asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyserver_loadgen.schedules import Schedule

_MOST_WINDOWS = 600  # each is kept, and has a place in the report


@dataclass(frozen=True)
class Setting:
    """How one run asks. Times in seconds."""

    schedule: Schedule
    duration_s: float = 10.0
    warmup_s: float = 1.0
    max_requests: int | None = None  # ends the run when so many were sent after the warm-up
    connections: int = 1
    threads: int = 1
    max_in_flight: int | None = None  # in all, of an open loop; None: as many as the server allows
    timeout_s: float | None = None
    drain_s: float = 10.0  # how long answers are awaited after the end
    seed: int = 0
    bodies: npt.NDArray[np.int32] | None = None  # which body the n-th request has; None: in turn
    random_bodies: bool = False  # drawn with replacement instead of in turn
    label: str = ""
    window_s: float | None = None  # length of the windows; None: a second, of short runs a tenth, of long ones 1/600

    @property
    def window_length_s(self) -> float:
        """Of the windows into which the run is divided."""
        if self.window_s is not None:
            return self.window_s
        if self.max_requests is not None:
            return 1.0  # nobody knows how long that takes
        return max(1.0, self.duration_s / _MOST_WINDOWS) if self.duration_s >= 10 else max(self.duration_s / 10, 0.01)

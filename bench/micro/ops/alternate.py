"""Measures several functions in turns, so that a noisy machine is noisy for all of them."""

import statistics
import time
from collections.abc import Callable

# One round of one function takes about so long.
ROUND_S = 0.1


def median_seconds(run: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median over `rounds` rounds in which each has its turn."""
    times: dict[str, list[float]] = {name: [] for name in run}
    for _ in range(rounds):
        for name, function in run.items():
            began = time.perf_counter()
            count = 0
            while time.perf_counter() - began < ROUND_S:
                function()
                count += 1
            times[name].append((time.perf_counter() - began) / count)
    return {name: statistics.median(taken) for name, taken in times.items()}

"""What is to be measured, chosen from what was written on the command line; what cannot go together is told.

One of five kinds comes out: a single setting, a sweep over several, a search for the highest rate, a comparison of two
targets, an MLPerf scenario.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pyserver.errors import ConfigError
from pyserver_loadgen.measurement import Kind, Slo
from pyserver_loadgen.mlperf import MIN_DURATION_S, SCENARIOS, Scenario
from pyserver_loadgen.run import Setting
from pyserver_loadgen.schedules import Arrivals, Burst, ClosedLoop, Ramp, Replay, Schedule, Steady
from pyserver_loadgen.spellings import read_burst, read_duration, read_ramp, read_slo, read_sweep

DEFAULT_CONCURRENCY = 8
DEFAULT_DURATION_S = 10.0
_LONGEST_S = 3600.0  # so that a server that hangs does not keep a number of requests from ending
_LONGEST_OPTION_S = 30 * 86400.0
_MOST_ARRIVALS = 100_000_000  # of an open loop, planned before it: 8 bytes each
_MOST_IN_FLIGHT = 1_000_000
_MOST_REQUESTS = 10**15
_Word = TypeVar("_Word", bound=str)
_ARRIVALS: tuple[Arrivals, ...] = ("poisson", "constant")


@dataclass(frozen=True)
class Wishes:
    """The options as they were written; "" and None: not given."""

    concurrency: str = ""
    rate: str = ""
    arrivals: str = "poisson"
    ramp: str = ""
    burst: str = ""
    trace: bool = False
    scenario: str = ""
    duration: str = ""
    warmup: str = "1s"
    requests: int | None = None
    connections: int = 1
    threads: int = 1
    timeout: str = ""
    drain: str = "10s"
    seed: int = 0
    slos: Sequence[str] = ()
    max_errors: int = 0
    stable: bool = False
    rounds: int = 3
    two_targets: bool = False
    compare: bool = False


@dataclass(frozen=True)
class Choice:
    """What is measured. `setting` has the schedule, of a sweep the first one; `values` are a sweep's."""

    kind: Kind
    setting: Setting
    slos: Sequence[Slo] = ()
    values: Sequence[float] = ()
    schedule: Callable[[float], Schedule] | None = field(default=None, repr=False)
    arrivals: Arrivals = "poisson"
    scenario: Scenario | None = None
    rate: float | None = None  # of the Server scenario


def choose(wishes: Wishes) -> Choice:
    """Raises ConfigError for what cannot be read or cannot go together."""
    slos = [read_slo(text) for text in wishes.slos]
    arrivals = _one_of(wishes.arrivals, _ARRIVALS, "--arrivals")
    if wishes.rounds < 1:
        raise ConfigError(f"--rounds {wishes.rounds}: expected at least 1")
    if wishes.threads > wishes.connections:
        raise ConfigError(
            f"--threads {wishes.threads}: a thread needs a connection of its own, and there are {wishes.connections} "
            "(--connections)"
        )
    given = [
        name
        for name, value in (
            ("--concurrency", wishes.concurrency),
            ("--rate", wishes.rate),
            ("--ramp", wishes.ramp),
            ("--burst", wishes.burst),
            ("--trace", wishes.trace),
        )
        if value
    ]
    if len(given) > 1:
        raise ConfigError(f"{given[0]} and {given[1]} are two schedules: give one")
    if wishes.scenario:
        choice = _scenario(wishes, slos, given)
    elif not given and slos:
        choice = Choice("search", _setting(wishes, ClosedLoop(1)), slos, arrivals=arrivals)
    else:
        choice = _schedules(wishes, slos, arrivals)
    return _compared(_checked(choice, wishes), wishes)


def with_trace(
    choice: Choice, arrivals_ns: npt.NDArray[np.int64], bodies: npt.NDArray[np.int32] | None, name: str, whole: bool
) -> Choice:
    """With the schedule of a recording. `whole`: all of it, however long it is."""
    replay = Replay(arrivals_ns / 1e9, name)
    duration_s = replay.length_s + 0.001 if whole else choice.setting.duration_s
    # Times are counted from the recording's first request, which also begins the warm-up.
    setting = replace(choice.setting, schedule=replay, bodies=bodies, duration_s=duration_s)
    return replace(choice, setting=setting)


def _schedules(wishes: Wishes, slos: Sequence[Slo], arrivals: Arrivals) -> Choice:
    if wishes.rate:
        rates = read_sweep(wishes.rate, "--rate")
        return _sweep(wishes, slos, rates, lambda rate: Steady(rate, arrivals))
    if wishes.ramp:
        return Choice("single", _setting(wishes, Ramp(*read_ramp(wishes.ramp), arrivals)), slos)
    if wishes.burst:
        return Choice("single", _setting(wishes, Burst(*read_burst(wishes.burst))), slos)
    if wishes.trace:
        # The recording is read later; until then something stands in its place.
        return Choice("single", _setting(wishes, ClosedLoop(1)), slos)
    counts = read_sweep(wishes.concurrency or str(DEFAULT_CONCURRENCY), "--concurrency")
    if any(count != int(count) or count > _MOST_IN_FLIGHT for count in counts):
        raise ConfigError(
            f"--concurrency {wishes.concurrency!r}: expected whole numbers of at most {_MOST_IN_FLIGHT:,}"
        )
    return _sweep(wishes, slos, counts, lambda count: ClosedLoop(int(count)))


def _sweep(
    wishes: Wishes, slos: Sequence[Slo], values: Sequence[float], schedule: Callable[[float], Schedule]
) -> Choice:
    kind: Kind = "sweep" if len(values) > 1 else "single"
    for value in values[1:]:
        _setting(wishes, schedule(value))  # says what is wrong with it now, not after the others
    return Choice(kind, _setting(wishes, schedule(values[0])), slos, values, schedule)


def _scenario(wishes: Wishes, slos: Sequence[Slo], given: Sequence[str]) -> Choice:
    scenario = _one_of(wishes.scenario, SCENARIOS, "--scenario")
    rate = None
    if scenario == "server":
        if len(slos) != 1 or slos[0].measure != "p99":
            raise ConfigError("--scenario server: expected one limit for p99, such as --slo p99=15ms")
        if given == ["--rate"]:
            rates = read_sweep(wishes.rate, "--rate")
            if len(rates) > 1:
                raise ConfigError("--scenario server: expected one --rate, or none, and the highest is searched for")
            rate, given = rates[0], []
    elif slos:
        raise ConfigError(f"--scenario {scenario} has no limit of latency: --slo does not go with it")
    if given:
        raise ConfigError(f"--scenario {scenario} has its own schedule: {given[0]} does not go with it")
    for option, value in (("--stable", wishes.stable), ("--requests", wishes.requests)):
        if value:
            raise ConfigError(f"--scenario {scenario} has its own rules for its length: {option} does not go with it")
    setting = _setting(wishes, ClosedLoop(1), MIN_DURATION_S)
    return Choice("mlperf", setting, slos, scenario=scenario, rate=rate)


def _setting(wishes: Wishes, schedule: Schedule, default_s: float = DEFAULT_DURATION_S) -> Setting:
    duration_s = _duration(wishes.duration, "--duration") if wishes.duration else default_s
    warmup_s = _duration(wishes.warmup, "--warmup")
    drain_s = _duration(wishes.drain, "--drain")
    timeout_s = _duration(wishes.timeout, "--timeout") if wishes.timeout else None
    if wishes.requests is not None and wishes.requests > _MOST_REQUESTS:
        raise ConfigError(f"--requests {wishes.requests}: expected at most {_MOST_REQUESTS:,}")
    if duration_s <= 0 or timeout_s == 0:
        raise ConfigError(f"{'--timeout' if duration_s > 0 else '--duration'}: expected more than 0")
    if wishes.requests is not None and not wishes.duration and not isinstance(schedule, Ramp | Replay):
        # The number of requests is the end. Of an open loop the arrivals are made before: more than enough of them.
        rate = math.inf if isinstance(schedule, ClosedLoop) else schedule.mean_rate
        duration_s = _LONGEST_S if rate == math.inf else 2 * wishes.requests / rate + 10
    _check_arrivals(schedule, warmup_s + duration_s)
    return Setting(
        schedule=schedule,
        duration_s=duration_s,
        warmup_s=warmup_s,
        max_requests=wishes.requests,
        connections=wishes.connections,
        threads=wishes.threads,
        timeout_s=timeout_s,
        drain_s=drain_s,
        seed=wishes.seed,
    )


def _duration(text: str, option: str) -> float:
    seconds = read_duration(text, option)
    if seconds > _LONGEST_OPTION_S:
        raise ConfigError(f"{option} {text!r}: expected at most {_LONGEST_OPTION_S / 86400:.0f} days")
    return seconds


def _check_arrivals(schedule: Schedule, length_s: float) -> None:
    if isinstance(schedule, ClosedLoop):
        return
    arrivals = schedule.mean_rate * length_s
    if arrivals > _MOST_ARRIVALS:
        raise ConfigError(
            f"{schedule.text}: {arrivals:.3g} requests in {length_s:.3g} s, expected at most {_MOST_ARRIVALS:,}: "
            "a lower rate, or a shorter --duration"
        )


def _checked(choice: Choice, wishes: Wishes) -> Choice:
    if wishes.stable and (wishes.ramp or wishes.burst or wishes.trace or wishes.requests):
        raise ConfigError("--stable needs a load that stays the same: --concurrency or --rate, and no --requests")
    return choice


def _compared(choice: Choice, wishes: Wishes) -> Choice:
    if not wishes.two_targets and not wishes.compare:
        return choice
    option = "a second target" if wishes.two_targets else "--compare"
    if wishes.two_targets and wishes.compare:
        raise ConfigError("a second target and --compare are two comparisons: give one")
    if choice.kind == "single" or (wishes.two_targets and choice.kind == "sweep"):
        return replace(choice, kind="compare") if wishes.two_targets else choice
    if wishes.compare and choice.kind == "search":
        return choice
    several = " or sweep" if wishes.two_targets else ""
    raise ConfigError(f"{option} compares at one setting{several}: give one --concurrency, --rate or other schedule")


def _one_of(value: str, known: Sequence[_Word], option: str) -> _Word:
    for word in known:
        if word == value:
            return word
    raise ConfigError(f"{option} {value!r}: expected {', '.join(known)}")

"""From a setting to the engine's plan, and from the engine's windows to a measurement; the engine is a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pyserver.channel import UnreachableError
from pyserver_loadgen.histogram import Histogram
from pyserver_loadgen.measurement import Measurement, ServerUse, Window
from pyserver_loadgen.run import Runner, Setting, Subject, plan_of
from pyserver_loadgen.schedules import ClosedLoop, Replay, Steady

MS = 1_000_000


def told_window(start_s: float, latencies_ms: Sequence[float], *, warmup: bool = False, **more: Any) -> SimpleNamespace:
    """As `_core.LoadWindow` has it."""
    latency = Histogram()
    latency.add(np.array(latencies_ms) * MS)
    plain = {
        "start_ns": int(start_s * 1e9),
        "length_ns": 10**9,
        "warmup": warmup,
        "sent": len(latencies_ms),
        "answered": len(latencies_ms),
        "failed": 0,
        "lost": 0,
        "errors": {},
        "request_bytes": 10,
        "response_bytes": 20,
        "latency": latency.to_buckets(),
        "latency_sum_ns": latency.sum_ns,
        "latency_max_ns": latency.max_ns,
        "lag": [],
        "lag_max_ns": 0,
        "ledger": {},
        "ledger_count": 0,
        "ledger_batch_rows": 0,
    }
    return SimpleNamespace(**(plain | more))


@dataclass
class Recorded:
    """A load that gives a window at every wait, and ends when all were given."""

    told: list[Any]
    elapsed_s: float = 3.0
    interrupt_at: Sequence[int] = ()  # waits in which Ctrl-C is pressed
    refuse: str = ""
    stopped: bool = False
    ended: bool = False
    waits: int = 0
    plans: list[Mapping[str, Any]] = field(default_factory=list)

    def start(self) -> None:
        if self.refuse:
            raise ConnectionRefusedError(self.refuse)

    def wait(self, timeout_s: float) -> bool:
        assert timeout_s < 1
        self.waits += 1
        if self.waits in self.interrupt_at:
            raise KeyboardInterrupt
        self.ended = self.stopped or len(self.told) <= 1
        return self.ended

    def stop(self) -> None:
        self.stopped = True

    def windows(self) -> list[Any]:
        count = len(self.told) if self.ended else 1
        ready, self.told = self.told[:count], self.told[count:]
        return ready

    def summary(self) -> SimpleNamespace:
        return SimpleNamespace(
            elapsed_ns=int(self.elapsed_s * 1e9), cpu_ns=500 * MS, reconnects=2, errors_examples={"UNAVAILABLE": "no"}
        )


def run(load: Recorded, setting: Setting, **more: Any) -> Measurement:
    def take(plan: Mapping[str, Any]) -> Recorded:
        load.plans.append(plan)
        return load

    return Runner(Subject("server, Predict", take, watch=more.pop("watch", None)), more.pop("listener", None))(
        setting, **more
    )


CLOSED = Setting(ClosedLoop(2), duration_s=3, warmup_s=1, window_s=1.0)


def test_warm_up_is_in_none_of_the_numbers() -> None:
    measured = run(
        Recorded([told_window(0, [500] * 9, warmup=True), *(told_window(k, [1, 2]) for k in (1, 2, 3))]), CLOSED
    )
    assert measured.sent == measured.succeeded == 6
    assert measured.latency.max_s == pytest.approx(0.002)
    assert measured.throughput == 2
    assert (measured.client_cpu_s, measured.reconnects) == (0.5, 2)
    assert measured.error_examples == {"UNAVAILABLE": "no"}


def test_a_closed_loop_lasts_as_long_as_its_windows() -> None:
    # The last answers come later: but as many answers came within the windows as requests left.
    load = Recorded([told_window(1, [1]), told_window(2, [900])], elapsed_s=2.9)
    assert run(load, CLOSED).duration_s == 2


def test_an_open_loop_that_is_not_kept_up_with_lasts_until_its_last_answer() -> None:
    overloaded = Recorded([told_window(0, [10, 1000]), told_window(1, [2000, 3000])], elapsed_s=5.01)
    measured = run(overloaded, Setting(Steady(2), duration_s=2, warmup_s=0))
    assert measured.duration_s == pytest.approx(5.0, rel=0.001)
    assert measured.throughput == pytest.approx(0.8, rel=0.001)
    assert measured.offered_rate == 2


def test_what_the_quickest_request_takes_is_no_falling_behind() -> None:
    steady = Recorded([told_window(0, [300, 310]), told_window(1, [305, 300])], elapsed_s=2.3)
    measured = run(steady, Setting(Steady(2), duration_s=2, warmup_s=0))
    assert measured.throughput == pytest.approx(2.0, rel=0.001)


def test_a_number_of_requests_lasts_until_its_last_answer() -> None:
    load = Recorded([told_window(0, [1, 1, 1])], elapsed_s=0.25)
    assert run(load, Setting(ClosedLoop(1), max_requests=3, warmup_s=0)).throughput == 12


def test_errors_are_counted_by_code_and_lost_ones_too() -> None:
    told = told_window(0, [1], sent=6, failed=3, lost=2, errors={"UNAVAILABLE": 1, "MISMATCH": 2})
    measured = run(Recorded([told]), CLOSED)
    assert measured.errors == {"MISMATCH": 2, "NO ANSWER": 2, "UNAVAILABLE": 1}
    assert (measured.failed, measured.lost) == (5, 2)
    assert measured.error_rate == pytest.approx(5 / 6)


def test_lag_and_ledger_come_through() -> None:
    lag = Histogram()
    lag.add([1000, 3000])
    told = told_window(
        0, [1], lag=lag.to_buckets(), lag_max_ns=3000, ledger={"queue_us": 30}, ledger_count=3, ledger_batch_rows=12
    )
    measured = run(Recorded([told]), CLOSED)
    assert measured.lag.mean_s == pytest.approx(2e-6, rel=0.004)
    assert measured.ledger is not None
    assert (measured.ledger.mean_us("queue_us"), measured.ledger.mean_batch) == (10, 4)


def test_until_sees_the_measured_windows_and_ends_the_run() -> None:
    seen: list[int] = []

    def until(windows: Sequence[Window]) -> bool:
        seen.append(len(windows))
        return len(windows) == 2

    load = Recorded([told_window(0, [1], warmup=True), *(told_window(k, [1]) for k in range(1, 9))])
    measured = run(load, CLOSED, until=until)
    assert load.stopped
    assert not measured.stopped  # the user did not
    assert seen[:3] == [0, 1, 2]


def test_ctrl_c_stops_drains_and_tells_what_there_is() -> None:
    load = Recorded([told_window(k, [1]) for k in range(9)], interrupt_at=[3])
    measured = run(load, CLOSED)
    assert load.stopped
    assert measured.stopped
    assert measured.succeeded >= 3


def test_a_second_ctrl_c_waits_for_nothing() -> None:
    load = Recorded([told_window(k, [1]) for k in range(9)], interrupt_at=[1, 2])
    with pytest.raises(KeyboardInterrupt):
        run(load, CLOSED)


def test_a_server_that_is_not_there_is_told_so() -> None:
    with pytest.raises(UnreachableError, match="no server answers at server, Predict: connection refused"):
        run(Recorded([], refuse="connection refused"), CLOSED)


def runner_of(*loads: Any) -> Runner:
    left = list(loads)

    def load(plan: Mapping[str, Any]) -> Any:  # noqa: ARG001
        return left.pop(0)

    return Runner(Subject("server, Predict", load))


def test_a_server_that_is_gone_at_a_later_run_does_not_cost_what_was_measured() -> None:
    twice = runner_of(Recorded([told_window(0, [1])]), Recorded([], refuse="connection refused"))
    first, second = twice(CLOSED), twice(CLOSED)
    assert (first.succeeded, first.unreachable) == (1, "")
    assert second.unreachable == "no server answers at server, Predict: connection refused"
    assert (second.stopped, second.sent, second.label) == (True, 0, "2 in flight")


def test_ctrl_c_between_two_runs_does_not_cost_what_was_measured() -> None:
    class Interrupted(Recorded):
        def start(self) -> None:
            raise KeyboardInterrupt

    twice = runner_of(Recorded([told_window(0, [1])]), Interrupted([]))
    twice(CLOSED)
    second = twice(CLOSED)
    assert (second.stopped, second.unreachable, second.sent) == (True, "", 0)
    with pytest.raises(KeyboardInterrupt):
        runner_of(Interrupted([]))(CLOSED)


def test_a_listener_hears_of_everything() -> None:
    heard: list[str] = []

    class Listener:
        def begin(self, setting: Setting) -> None:
            heard.append(setting.schedule.label)

        def window(self, window: Window) -> None:
            heard.append(f"{window.start_s:g}{' warm-up' if window.warmup else ''}")

        def end(self, measurement: Measurement) -> None:
            heard.append(f"{measurement.succeeded}")

    run(Recorded([told_window(0, [1], warmup=True), told_window(1, [1, 1])]), CLOSED, listener=Listener())
    assert heard == ["2 in flight", "0 warm-up", "1", "2"]


def test_the_watch_begins_after_the_warm_up_and_its_use_is_kept() -> None:
    calls: list[str] = []

    class Watch:
        def begin(self) -> None:
            calls.append("begin")

        def poll(self) -> None:
            calls.append("poll")

        def end(self) -> ServerUse:
            calls.append("end")
            return ServerUse(cpu_s=1.5)

    measured = run(Recorded([told_window(k, [1]) for k in range(3)]), Setting(ClosedLoop(1), warmup_s=0), watch=Watch())
    assert measured.server == ServerUse(cpu_s=1.5)
    assert calls == ["begin", "poll", "poll", "end"]
    never = run(Recorded([told_window(0, [1])]), Setting(ClosedLoop(1), warmup_s=1000), watch=Watch())
    assert never.server is None


def test_in_process_the_clients_cpu_time_is_not_the_servers() -> None:
    class Watch:
        def begin(self) -> None: ...
        def poll(self) -> None: ...
        def end(self) -> ServerUse:
            return ServerUse(cpu_s=1.5)

    load = Recorded([told_window(0, [1]), told_window(1, [1])])
    subject = Subject("in process", lambda plan: load, watch=Watch(), in_process=True)  # noqa: ARG005
    assert Runner(subject)(Setting(ClosedLoop(1), warmup_s=0)).server == ServerUse(cpu_s=1.0)


def test_waiting_for_a_cpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting(ClosedLoop(1), duration_s=3, warmup_s=1, threads=2, connections=2)
    for waited, noted in (({7: 0.5, 8: 0.5}, True), ({7: 0.1, 8: 0.1}, False)):
        monkeypatch.setattr("pyserver_loadgen.processes.waited_s", lambda name, told=waited: told)  # noqa: ARG005
        notes = run(Recorded([told_window(k, [1]) for k in (1, 2, 3)]), setting).notes
        assert any("waited 12% of the time for a CPU" in note for note in notes) == noted


def test_the_plan_of_a_closed_loop() -> None:
    plan = plan_of(Setting(ClosedLoop(1000), connections=4, threads=2, timeout_s=1.0))
    assert plan["concurrency"] == 1000
    assert plan["max_in_flight"] == 250
    assert "arrivals_ns" not in plan
    assert (plan["connections"], plan["threads"], plan["timeout_s"], plan["window_s"]) == (4, 2, 1.0, 1.0)
    lengths = [Setting(ClosedLoop(1), duration_s=duration_s).window_length_s for duration_s in (2, 10, 600, 3600)]
    assert lengths == [0.2, 1, 1, 6]


def test_the_plan_of_an_open_loop_has_the_warm_up_in_it() -> None:
    plan = plan_of(Setting(Steady(10, "constant"), duration_s=2, warmup_s=1))
    assert len(plan["arrivals_ns"]) == 30
    assert "concurrency" not in plan
    assert plan["max_in_flight"] == 10_000  # no limit but the server's


def test_random_bodies_come_as_often_as_each_other_and_by_the_seed() -> None:
    def drawn(seed: int) -> np.ndarray[Any, Any]:
        setting = Setting(Steady(1000), duration_s=10, seed=seed, random_bodies=True)
        bodies: np.ndarray[Any, Any] = plan_of(setting, pool=4)["bodies"]
        return bodies

    assert np.array_equal(drawn(1), drawn(1))
    assert not np.array_equal(drawn(1)[:9000], drawn(2)[:9000])
    assert np.bincount(drawn(1)).min() > len(drawn(1)) / 4 * 0.9
    assert "bodies" not in plan_of(Setting(ClosedLoop(1)), pool=4)


def test_a_recordings_warm_up_has_the_bodies_of_its_beginning() -> None:
    replay = Replay(np.array([0.0, 0.5, 2.0]))
    plan = plan_of(Setting(replay, duration_s=10, warmup_s=1, bodies=np.array([7, 8, 9], np.int32)))
    assert plan["bodies"].tolist() == [7, 8, 7, 8, 9]
    assert len(plan["arrivals_ns"]) == 5

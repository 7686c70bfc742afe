"""Due times: exact where they are, and distributed as they should be where they are random."""

import numpy as np
import pytest

from pyserver_loadgen.schedules import AllAtOnce, Burst, ClosedLoop, Ramp, Replay, Steady

S = 1_000_000_000


def test_a_constant_rate_leaves_equal_gaps() -> None:
    due = Steady(4, "constant").due_ns(1, 2, seed=1)
    assert due.tolist() == [k * S // 4 for k in range(12)]
    assert due.dtype == np.int64


@pytest.mark.parametrize("rate", [0.3, 7, 1000, 33_333])
def test_a_constant_rate_has_as_many_requests_as_it_says(rate: float) -> None:
    assert len(Steady(rate, "constant").due_ns(0, 10, seed=1)) == int(np.ceil(rate * 10))


def test_poisson_gaps_are_exponential() -> None:
    due = Steady(1000).due_ns(0, 200, seed=3) / S
    gaps = np.diff(due)
    assert len(due) == pytest.approx(200_000, abs=5 * np.sqrt(200_000))
    assert gaps.mean() == pytest.approx(0.001, rel=0.01)
    assert gaps.std() == pytest.approx(0.001, rel=0.02)
    # P(gap > t) = exp(-rate · t), at several t.
    for t in (0.0005, 0.001, 0.003):
        assert (gaps > t).mean() == pytest.approx(np.exp(-1000 * t), abs=0.005)


def test_poisson_counts_vary_as_much_as_their_mean() -> None:
    due = Steady(1000).due_ns(0, 500, seed=5)
    counts = np.bincount(due // S, minlength=500)
    assert counts.var() == pytest.approx(counts.mean(), rel=0.2)


def test_the_same_seed_gives_the_same_arrivals_and_another_others() -> None:
    assert np.array_equal(Steady(100).due_ns(0, 5, 1), Steady(100).due_ns(0, 5, 1))
    assert not np.array_equal(Steady(100).due_ns(0, 5, 1), Steady(100).due_ns(0, 5, 2))


@pytest.mark.parametrize(
    "schedule",
    [Steady(777), Steady(777, "constant"), Ramp(100, 900), Ramp(900, 100, "constant"), Burst(7, 0.3), AllAtOnce(5)],
)
def test_due_times_ascend_and_end_before_the_end(schedule: Steady | Ramp | Burst | AllAtOnce) -> None:
    due = schedule.due_ns(1.5, 4, seed=1)
    assert (np.diff(due) >= 0).all()
    assert due[0] >= 0
    assert due[-1] < 5.5 * S


@pytest.mark.parametrize(("first", "last"), [(100, 900), (900, 100), (500, 500)])
def test_a_ramp_changes_its_rate_evenly(first: float, last: float) -> None:
    due = Ramp(first, last, "constant").due_ns(2, 10, seed=1) / S
    # The warm-up has the first rate, and every second of the measured part that of its middle.
    assert ((due < 2).sum(), (due >= 2).sum()) == pytest.approx((first * 2, (first + last) * 5), abs=1)
    for second in range(10):
        wanted = first + (last - first) * (second + 0.5) / 10
        assert ((due >= 2 + second) & (due < 3 + second)).sum() == pytest.approx(wanted, abs=1)


def test_a_poisson_ramp_has_the_mean_rate() -> None:
    assert len(Ramp(100, 5000).due_ns(0, 20, seed=1)) == pytest.approx(51_000, abs=5 * np.sqrt(51_000))


def test_bursts_come_at_the_start_and_where_the_measured_part_begins() -> None:
    due = Burst(3, 1.0).due_ns(1.5, 2, seed=1)
    assert due.tolist() == [m * S // 2 for m in (1, 3, 5) for _ in range(3)]


def test_a_recording_is_replayed_after_its_own_beginning() -> None:
    replay = Replay(np.array([0.0, 0.25, 2.0, 3.5]))
    assert replay.due_ns(1, 10, seed=1).tolist() == [0, S // 4, S, S + S // 4, 3 * S, 4 * S + S // 2]
    assert replay.warmup_count(1) == 2
    assert replay.due_ns(0, 3, seed=1).tolist() == [0, S // 4, 2 * S]


def test_all_at_once_is_due_when_the_measured_part_begins() -> None:
    assert AllAtOnce(3).due_ns(1, 1, seed=1).tolist() == [S, S, S]


def test_schedules_tell_what_they_are() -> None:
    assert ClosedLoop(8).text == "closed loop, 8 in flight"
    assert Steady(2000).text == "open loop, Poisson 2,000/s"
    assert Ramp(100, 5000, "constant").text == "open loop, constant ramp from 100/s to 5,000/s"
    assert Burst(50, 1.0).text == "open loop, 50 at once every 1 s"
    assert Replay(np.array([0.0, 2.0])).text == "open loop, 2 requests as recorded in trace, 1/s"

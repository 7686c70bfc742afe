"""What a person writes on the command line."""

import math

import pytest

from pyserver.errors import ConfigError
from pyserver_loadgen import spellings


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("15ms", 0.015), ("250us", 0.00025), ("2m", 120), ("1m30s", 90), ("10", 10), ("1.5", 1.5),
     (".5s", 0.5), ("2 min", 120), ("1h", 3600)],
)  # fmt: skip
def test_durations_are_read(text: str, seconds: float) -> None:
    assert spellings.read_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "10 parsecs", "-1s", "1s5", "1e999s", "10ss"])
def test_what_is_no_duration_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a duration such as 10s"):
        spellings.read_duration(text, "--duration")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.015, "15 ms"), (1.5, "1.5 s"), (600, "10 min"), (0.00025, "250 µs"), (0.0012345, "1.23 ms"), (0.1234, "123 ms"),
     (0.9999, "1 s"), (120, "120 s"), (5e-8, "50 ns"), (0, "0 s"), (math.nan, "-")],
)  # fmt: skip
def test_durations_are_told_in_three_digits(seconds: float, text: str) -> None:
    assert spellings.duration_text(seconds) == text


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("8", [8]),
        ("1,2,8", [1, 2, 8]),
        ("1:64:x2", [1, 2, 4, 8, 16, 32, 64]),
        ("500:4000:+500", [500, 1000, 1500, 2000, 2500, 3000, 3500, 4000]),
        ("1:10:x4", [1, 4, 10]),
        ("5:5:+1", [5]),
    ],
)
def test_sweeps_reach_their_last_value(text: str, values: list[float]) -> None:
    assert spellings.read_sweep(text, "--rate") == values


@pytest.mark.parametrize("text", ["", "0", "-1", "8:1:x2", "1:8:x1", "1:8:2", "1:8", "a:b:+1", "1:nan:+1", "1:1e9:+1"])
def test_what_is_no_sweep_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--rate .* a sweep such as 1:64:x2"):
        spellings.read_sweep(text, "--rate")


def test_ramps_and_bursts_are_read() -> None:
    assert spellings.read_ramp("100:5000") == (100, 5000)
    assert spellings.read_burst("50@1s") == (50, 1.0)


@pytest.mark.parametrize("text", ["100", "0:5", "a:b"])
def test_what_is_no_ramp_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--ramp"):
        spellings.read_ramp(text)


@pytest.mark.parametrize("text", ["50", "0@1s", "50@0s", "x@1s", "50@soon", "1.5@1s"])
def test_what_is_no_burst_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--burst"):
        spellings.read_burst(text)


def test_limits_are_read() -> None:
    slo = spellings.read_slo("p99.9=15ms")
    assert (slo.measure, slo.limit_s, slo.text) == ("p99.9", 0.015, "p99.9=15ms")
    assert spellings.read_slo("mean=1s").measure == "mean"


@pytest.mark.parametrize("text", ["p99", "p0=1s", "p100=1s", "99=15ms", "p99=0s", "p99=", "median=1s"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--slo"):
        spellings.read_slo(text)

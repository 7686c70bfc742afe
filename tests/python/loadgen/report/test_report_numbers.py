"""How numbers are written, and where scales put values."""

import math

import pytest

from pyserver_loadgen.report.scales import (
    CategoryScale,
    LinearScale,
    LogScale,
    NinesScale,
    around_one,
    fitting,
    linear_from_zero,
    tick_text,
)
from pyserver_loadgen.report.units import (
    Unit,
    bytes_text,
    digits,
    microseconds_text,
    percent_text,
    rate_text,
    ratio_text,
    seconds_text,
    time_unit,
)

MS = Unit("ms", 1e-3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 ns"),
        (85e-9, "85 ns"),
        (1.234e-6, "1.23 µs"),
        (999.4e-6, "999 µs"),
        (999.7e-6, "1.00 ms"),
        (0.01234, "12.3 ms"),
        (0.9996, "1.00 s"),
        (61.5, "61.5 s"),
        (12345.6, "12,346 s"),
        (math.nan, "-"),
        (None, "-"),
    ],
)
def test_times_have_three_digits_and_a_unit(value: float | None, text: str) -> None:
    assert seconds_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (9.996, "10.0"),
        (0.01234, "0.0123"),
        (123.4, "123"),
        (999.9, "1,000"),
        (12345.6, "12,346"),
        (-2.5, "-2.50"),
    ],
)
def test_digits_that_matter(value: float, text: str) -> None:
    assert digits(value) == text


def test_other_units() -> None:
    assert rate_text(12345.6) == "12,346/s"
    assert rate_text(0) == "0/s"
    assert rate_text(math.nan) == "-"
    assert bytes_text(999) == "999 B"
    assert bytes_text(600_000) == "600 kB"
    assert bytes_text(1_234_567) == "1.23 MB"
    assert microseconds_text(1500) == "1.50 ms"
    assert ratio_text(0.784) == "0.784×"  # noqa: RUF001
    assert [percent_text(share) for share in (0.0, 1.0, 0.5, 0.99999, 0.00001)] == [
        "0 %",
        "100 %",
        "50.0 %",
        ">99.9 %",
        "<0.01 %",
    ]


def test_the_unit_fits_the_time() -> None:
    assert [time_unit(t).name for t in (2e-9, 3e-6, 0.2, 2.0, 500.0)] == ["ns", "µs", "ms", "s", "s"]


def test_a_linear_scale_is_proportional() -> None:
    scale = LinearScale(10, 30)
    assert [scale.at(value) for value in (10, 15, 30)] == [0, 0.25, 1]
    assert [scale.at(value) for value in (-5, 99)] == [0, 1]


def test_a_log_scale_has_equal_ratios() -> None:
    scale = LogScale(0.001, 10)
    assert [scale.at(value) for value in (0.001, 0.01, 0.1, 1, 10)] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert scale.at(0) == 0


def test_nines_are_equally_far_apart() -> None:
    scale = NinesScale(4)
    assert [scale.at(p) for p in (0, 90, 99, 99.9, 99.99)] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert scale.at(100) == 1
    assert [tick.text for tick in scale.ticks()] == ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]


def test_the_first_category_is_on_top() -> None:
    scale = CategoryScale(["first", "second"])
    assert scale.at(0) == 0.75
    assert scale.at(1) == 0.25


def test_ticks_are_round_and_in_the_unit() -> None:
    assert [tick.text for tick in linear_from_zero([0.0213], MS).ticks()] == ["0", "5", "10", "15", "20", "25"]
    assert [tick.value for tick in linear_from_zero([0.0213], MS).ticks()] == pytest.approx(
        [0, 5e-3, 1e-2, 15e-3, 2e-2, 25e-3]
    )
    assert [tick.text for tick in LogScale(0.0005, 0.02, MS).ticks()] == ["0.5", "1", "2", "5", "10", "20"]


def test_of_many_log_ticks_only_decades_are_written() -> None:
    texts = [tick.text for tick in LogScale(1e-6, 10, MS).ticks()]
    assert [text for text in texts if text] == ["0.001", "0.01", "0.1", "1", "10", "100", "1,000", "10,000"]


@pytest.mark.parametrize(
    "values", [[1, 1.1], [0.3, 70], [1e-9, 1e3], [5], [], [0.0], [math.nan, 3.0], [0.02, 0.0200001]]
)
def test_every_value_lies_on_its_scale_with_at_least_two_ticks(values: list[float]) -> None:
    for scale in (fitting(values, MS), linear_from_zero(values, MS)):
        assert len(scale.ticks()) >= 2
        for value in values:
            if value > 0:
                assert scale.low <= value * (1 + 1e-9)
                assert value <= scale.high * (1 + 1e-9)
        assert all(0 <= scale.at(tick.value) <= 1 for tick in scale.ticks())


def test_scales_are_logarithmic_where_values_differ_a_lot() -> None:
    assert isinstance(fitting([1, 5]), LinearScale)
    assert isinstance(fitting([1, 50]), LogScale)


def test_tick_texts_have_no_rounding_noise() -> None:
    assert [tick_text(value) for value in (0.1 + 0.2, 1e4, 2.5, 0.0, 1e-5, -3)] == [
        "0.3",
        "10,000",
        "2.5",
        "0",
        "0.00001",
        "-3",
    ]


def test_ratios_lie_around_one() -> None:
    scale = around_one([0.784, 0.771, 0.797])
    assert scale.low <= 0.771
    assert scale.high > 1
    assert "1" in [tick.text for tick in scale.ticks()]
    assert isinstance(around_one([0.1, 4]), LogScale)


def test_ratios_beyond_a_factor_of_a_thousand_lie_at_the_ends() -> None:
    scale = around_one([1e-300, 1e300])
    assert [tick.text for tick in scale.ticks() if tick.text] == ["0.001", "0.01", "0.1", "1", "10", "100", "1,000"]
    assert (scale.at(1e-300), scale.at(1e300)) == (0, 1)

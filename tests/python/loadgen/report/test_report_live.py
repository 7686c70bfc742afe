"""The live view: a panel on a terminal, lines elsewhere, silence where it is asked for."""

import io
from dataclasses import replace

import pytest
import sample_reports
from rich.console import Console

from pyserver_loadgen.measurement import Measurement
from pyserver_loadgen.report.live import LiveView, curve_text
from pyserver_loadgen.run import Setting
from pyserver_loadgen.schedules import ClosedLoop

SETTING = Setting(ClosedLoop(8), duration_s=30, warmup_s=1)


def measured() -> Measurement:
    return sample_reports.measurement("8 in flight", 1000, 5.0, seconds=30, failed=7)


def shown(*, terminal: bool, quiet: bool = False, windows: int = 30, setting: Setting = SETTING) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=90, legacy_windows=False, _environ={})
    with LiveView(console, quiet=quiet) as view:
        view.begin(setting)
        view.window(replace(sample_reports.window(0, 500, 5.0), start_s=0.0, warmup=True))
        for window in measured().windows[:windows]:
            view.window(window)
        view.end(measured())
    return out.getvalue()


def test_in_a_pipe_there_are_plain_lines() -> None:
    text = shown(terminal=False)
    assert "\x1b" not in text
    lines = text.splitlines()
    assert lines[0] == "8 in flight: closed loop, 8 in flight, 30 s after 1 s of warm-up"
    assert [line.split(",")[0] for line in lines[1:4]] == [
        "8 in flight: 10 s",
        "8 in flight: 20 s",
        "8 in flight: 30 s",
    ]
    latency = measured().latency
    assert lines[-1].startswith(
        f"8 in flight: {measured().throughput:,.0f}/s, p50 {latency.percentile(50) * 1e3:.2f} ms"
    )
    assert lines[-1].endswith(f"7 of {measured().sent:,} failed")
    assert len(lines) == 5


def test_on_a_terminal_the_figures_come_as_they_are_measured() -> None:
    text = shown(terminal=True)
    assert "\x1b[" in text
    assert "warm-up" in text
    for window in measured().windows:
        assert f"{window.throughput:,.0f}/s, p50 {window.latency.percentile(50) * 1e3:.2f} ms" in text
    assert "7 failed" in text
    assert "31 of 31 s" in text


def test_what_stays_on_the_terminal_is_a_line_a_run() -> None:
    last = shown(terminal=True).splitlines()[-1]
    assert f"7 of {measured().sent:,} failed" in last


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_is_silent(terminal: bool) -> None:
    assert shown(terminal=terminal, quiet=True) == ""


def test_an_error_leaves_the_terminal_in_order() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=90, legacy_windows=False, _environ={})

    def interrupted() -> None:
        with LiveView(console) as view:
            view.begin(SETTING)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h") == 1


def test_nothing_is_shown_outside_of_the_block() -> None:
    out = io.StringIO()
    view = LiveView(Console(file=out, force_terminal=True, _environ={}))
    view.begin(SETTING)
    view.window(sample_reports.window(0, 10, 1.0))
    view.end(measured())
    assert out.getvalue() == ""


def test_a_run_that_takes_longer_than_planned_fills_its_bar() -> None:
    assert "31 of 31 s" in shown(terminal=True, setting=replace(SETTING, duration_s=5))


def test_labels_are_not_taken_for_markup() -> None:
    text = shown(terminal=False, setting=replace(SETTING, label="[red]x[/]"))
    assert text.startswith("[red]x[/]: ")


def test_the_small_curve_begins_at_zero() -> None:
    assert curve_text([0, 4, 8]) == "▁▅█"
    assert curve_text([]) == curve_text([0, 0]) == ""


def test_labels_cannot_move_the_cursor() -> None:
    assert "\x1b" not in shown(terminal=False, setting=replace(SETTING, label="\x1b[2Jx\r\x08"))

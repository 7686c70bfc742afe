"""`pyserver bench` against a real server: what it prints and writes, and its exit codes. Nothing is about speed."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from server_process import RepositoryBuilder, ServerProcess, StartServer

from pyserver.client import Client
from pyserver_loadgen.measure import measure, target
from pyserver_loadgen.run import Setting
from pyserver_loadgen.schedules import ClosedLoop
from pyserver_loadgen.sweep import sweep

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
SHORT = ("--duration", "0.3s", "--warmup", "0.1s")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = RepositoryBuilder(tmp_path_factory.mktemp("bench") / "models")
    repository.identity("echo", inputs=[{"name": "IN", "datatype": "FP32", "shape": [4]}], max_batch_size=8)
    repository.identity("slow", inputs=[{"name": "IN", "datatype": "FP32", "shape": [4]}], delay_us=20_000)
    return repository.root


@pytest.fixture(scope="module")
def server(models: Path, transport: str) -> Iterator[ServerProcess]:
    started = ServerProcess([str(models), "--transport", transport], models.parent / "log")
    yield started
    started.stop()


@pytest.fixture
def bench(server: ServerProcess) -> Bench:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return command(*arguments, "--address", server.address)

    return run


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pyserver", "bench", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


def written(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told


def test_a_model_is_all_that_must_be_said(bench: Bench) -> None:
    done = bench("echo", *SHORT)
    assert done.returncode == 0, done.stderr
    assert "8 in flight" in done.stdout
    assert "p99" in done.stdout


def test_every_form_of_the_report_is_written(bench: Bench, tmp_path: Path) -> None:
    files = {form: tmp_path / f"report.{form}" for form in ("json", "csv", "html", "png")}
    options = [word for form, path in files.items() for word in (f"--{form}", path)]
    done = bench("echo", *SHORT, "--rate", "300", "--slo", "p99=10s", "--quiet", *options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    report = written(files["json"])
    (measured,) = report["measurements"]
    assert measured["rate"] == 300
    assert sum(window["failed"] for window in measured["windows"]) == 0
    assert sum(window["answered"] for window in measured["windows"]) > 10
    assert report["command"][:2] == ["pyserver", "bench"]
    assert report["model"]["name"] == "echo"
    assert report["environment"]["Python"]
    assert measured["server"]["cpu_s"] is not None
    assert measured["server"]["mean_batch"] is not None
    assert len(list(csv.reader(files["csv"].open()))) == 2
    assert files["html"].read_text().startswith("<!doctype html>")
    assert files["png"].read_bytes().startswith(b"\x89PNG")


def test_a_missed_limit_fails(bench: Bench) -> None:
    done = bench("slow", *SHORT, "--rate", "20", "--slo", "p50=1ms", "--quiet")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("pyserver: missed: p50 latency")


def test_errors_fail_unless_they_are_allowed(bench: Bench) -> None:
    # A deadline that the model cannot keep.
    late = ("slow", *SHORT, "--timeout", "5ms", "--concurrency", "2", "--quiet")
    done = bench(*late)
    assert done.returncode == 1
    assert "pyserver: missed: errors" in done.stderr
    assert bench(*late, "--max-errors", "100000").returncode == 0


def test_a_sweep_measures_every_value(bench: Bench, tmp_path: Path) -> None:
    done = bench("echo", *SHORT, "--concurrency", "1:4:x2", "--json", tmp_path / "report.json")
    assert done.returncode == 0, done.stderr
    report = written(tmp_path / "report.json")
    assert [measured["concurrency"] for measured in report["measurements"]] == [1, 2, 4]
    assert report["knee"] is not None


def test_two_servers_are_measured_in_turns(bench: Bench, server: ServerProcess, tmp_path: Path) -> None:
    both = ("--against", server.address, "--rounds", "2", "--json", tmp_path / "report.json")
    assert bench("echo", *SHORT, *both).returncode == 0
    report = written(tmp_path / "report.json")
    assert [measured["label"] for measured in report["measurements"]] == ["A 1", "B 1", "A 2", "B 2"]
    assert report["comparison"]["rounds"] == 2


def test_two_servers_are_measured_in_turns_at_every_setting_of_a_sweep(
    bench: Bench, server: ServerProcess, tmp_path: Path
) -> None:
    files = ("--json", tmp_path / "report.json", "--ratios-csv", tmp_path / "ratios.csv")
    both = ("--against", server.address, "--rounds", "2", "--concurrency", "1,4", *files)
    done = bench("echo", *SHORT, *both)
    assert done.returncode == 0, done.stderr
    report = written(tmp_path / "report.json")
    assert [measured["concurrency"] for measured in report["measurements"]] == [1] * 4 + [4] * 4
    points = report["comparison"]["points"]
    assert [(point["setting"], point["rounds"]) for point in points] == [("1 in flight", 2), ("4 in flight", 2)]
    # Not of every row: in a run as short as this a process may seem to have used no CPU time.
    throughputs = [row for point in points for row in point["rows"] if row["measure"] == "throughput"]
    assert len(throughputs) == 2
    assert all(row["ratio_low"] <= row["ratio"] <= row["ratio_high"] for row in throughputs)
    with (tmp_path / "ratios.csv").open(encoding="utf-8", newline="") as opened:
        assert {line["setting"] for line in csv.DictReader(opened)} == {"1 in flight", "4 in flight"}


def test_a_saved_report_is_compared_with(bench: Bench, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    assert bench("echo", *SHORT, "--json", saved).returncode == 0
    done = bench("echo", *SHORT, "--compare", saved, "--json", tmp_path / "new.json")
    assert done.returncode == 0, done.stderr
    assert written(tmp_path / "new.json")["comparison"]["a"] == str(saved)


def test_the_highest_rate_is_searched_for(bench: Bench, tmp_path: Path) -> None:
    # One at a time and 20 ms each, eight rows together: there is a limit, and it is found.
    report_file = tmp_path / "report.json"
    done = bench("slow", *SHORT, "--slo", "p50=80ms", "--json", report_file)
    report = written(report_file)
    assert report["kind"] == "search"
    assert len(report["measurements"]) > 3
    assert (done.returncode == 0) == (report["found"] is not None)


def test_a_model_in_this_process_is_measured_alone_and_beside_a_server(
    bench: Bench, models: Path, tmp_path: Path
) -> None:
    alone = command("echo", *SHORT, "--in-process", models)
    assert alone.returncode == 0, alone.stderr
    assert "in process" in alone.stdout
    done = bench("echo", *SHORT, "--in-process", models, "--rounds", "1", "--json", tmp_path / "both.json")
    assert done.returncode == 0, done.stderr
    report = written(tmp_path / "both.json")
    assert report["comparison"]["a"].startswith("in process")
    assert all(measured["server"]["mean_batch"] >= 1 for measured in report["measurements"])


def test_all_at_once_does_not_overrun_the_servers_queue(bench: Bench, tmp_path: Path) -> None:
    done = bench("echo", *SHORT, "--scenario", "offline", "--json", tmp_path / "report.json")
    report = written(tmp_path / "report.json")
    assert done.returncode == 1  # too short
    assert report["verdicts"][0]["got"].startswith("INVALID: duration")
    assert "errors" not in report["verdicts"][0]["got"]


def test_a_model_file_that_is_not_there_is_one_line() -> None:
    done = command("--in-process", "/no/such/model.onnx")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_a_short_scenario_is_invalid_and_fails(bench: Bench) -> None:
    done = bench("echo", *SHORT, "--scenario", "multi-stream")
    assert done.returncode == 1
    assert "INVALID: duration" in done.stderr


def test_a_number_of_requests_is_what_is_sent(bench: Bench, tmp_path: Path) -> None:
    done = bench("echo", "--requests", "123", "--warmup", "0s", "--json", tmp_path / "report.json")
    assert done.returncode == 0, done.stderr
    (measured,) = written(tmp_path / "report.json")["measurements"]
    assert measured["results"]["answered"] == 123


def test_a_recording_is_replayed(bench: Bench, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    lines = [{"time_s": 100 + k / 100, "inputs": {"IN": [[k, 0, 0, 0]]}} for k in range(20)]
    trace.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    done = bench("echo", "--trace", trace, "--warmup", "0s", "--json", tmp_path / "report.json")
    assert done.returncode == 0, done.stderr
    (measured,) = written(tmp_path / "report.json")["measurements"]
    assert measured["results"]["answered"] == 20


def test_python_measures_in_one_call(server: ServerProcess) -> None:
    measured = measure(server.address, "echo", Setting(ClosedLoop(2), duration_s=0.2, warmup_s=0))
    assert measured.succeeded > 0
    assert measured.latency.percentile(99) > 0
    with target(server.address, "echo", protocol="oip") as runner:
        both = sweep(runner, Setting(ClosedLoop(1), duration_s=0.1, warmup_s=0), [1, 2], lambda n: ClosedLoop(int(n)))
    assert all(one.succeeded and not one.errors for one in both)


def test_answers_are_compared_with_the_first_ones(bench: Bench) -> None:
    done = bench("echo", *SHORT, "--expect", "first")
    assert done.returncode == 0, done.stderr


def test_a_secured_server_is_measured_by_whoever_trusts_it(
    models: Path, start_server: StartServer, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "pki", "authority")
    own = authority.sign("localhost", "DNS:localhost", "IP:127.0.0.1")
    server = start_server(models, "--grpc-tls-cert", own.chain, "--grpc-tls-key", own.key)
    asked = ("echo", *SHORT, "--address", server.address, "--quiet")
    trusting = command(*asked, "--tls-ca", authority.certificate)
    assert (trusting.returncode, trusting.stderr) == (0, "")
    assert command(*asked, "--tls-no-verify").returncode == 0
    # The system's authorities do not know this one; and without TLS there is nobody.
    assert command(*asked, "--tls").returncode == 3
    assert command(*asked).returncode == 3


def test_a_unix_socket_is_an_address(models: Path, start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(models, "--grpc-address", f"unix:{tmp_path / 'socket'}")
    done = command("echo", *SHORT, "--address", server.address, "--json", tmp_path / "report.json")
    assert done.returncode == 0, done.stderr
    (measured,) = written(tmp_path / "report.json")["measurements"]
    assert measured["server"]["rss_bytes"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "MODEL is missing"),
        (["echo", "--rate", "1", "--ramp", "1:2"], "two schedules"),
        (["echo", "--rate", "fast"], "--rate 'fast': expected a number"),
        (["echo", "--json", "/no/such/folder/report.json"], "there is no folder /no/such/folder"),
        (["echo", "--json", "/tmp"], "--json /tmp: expected a file, got a folder"),
        (["echo", "--method", "/a.B/C"], "--method /a.B/C: only --protocol raw has one, not predict"),
        (["echo", "--tolerance", "0.1"], "--tolerance 0.1: of which answers? Give --expect too"),
        (["echo", "--trace-speed", "2"], "--trace-speed 2: of which trace? Give --trace too"),
        (["echo", "--layout", "nchw"], "--layout 'nchw': expected hwc or chw"),
        (["echo", "--scale", "nan"], "--scale nan: expected a finite number"),
        (["echo", "--input", "noise"], "--input IN=noise: expected a file, a folder, or "),
        (["echo", "--ratios-csv", "ratios.csv"], "--ratios-csv: nothing is compared"),
        (["echo", "--protocol", "soap"], "protocol 'soap': expected predict, oip"),
        (["echo", "--tls-key", "key.pem"], "--tls-cert and --tls-key go together"),
        (["echo", "--input", "OUT=zeros"], "has no input 'OUT'"),
        (["echo", "--server-pid", "4194305"], "--server-pid 4194305: there is no such process"),
        (["echo", "--server-pid", "1", "--against", "127.0.0.1:1"], "--server-pid names one server"),
        (["echo", "--in-process", "models", "--against", "127.0.0.1:1"], "two comparisons"),
    ],
)
def test_wrong_usage_is_one_line(bench: Bench, arguments: list[str], message: str) -> None:
    done = bench(*arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_an_unknown_model_is_one_line(bench: Bench) -> None:
    done = bench("ghost", *SHORT)
    assert done.returncode == 1
    assert done.stderr.startswith("pyserver: NOT_FOUND")
    assert done.stderr.count("\n") == 1


def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        done = command("echo", *SHORT, "--address", f"127.0.0.1:{free.getsockname()[1]}")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


def test_figures_are_printed_and_written_where_one_file_cannot_be(bench: Bench, tmp_path: Path) -> None:
    done = bench("echo", *SHORT, "--csv", "/dev/full", "--json", tmp_path / "report.json")
    assert done.returncode == 1
    assert done.stderr.endswith("pyserver: --csv /dev/full: No space left on device\n")
    assert "p99" in done.stdout
    assert written(tmp_path / "report.json")["measurements"]


def test_a_server_that_goes_away_in_a_sweep_leaves_a_report(
    models: Path, start_server: StartServer, tmp_path: Path
) -> None:
    started = start_server(models)
    line = [sys.executable, "-m", "pyserver", "bench", "echo", "--address", started.address, "--warmup", "0s"]
    line += ["--duration", "1s", "--concurrency", "1:64:x2", "--json", str(tmp_path / "report.json")]
    with subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the first begins
        process.stderr.readline()  # and has ended
        started.kill()
        output, told = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "the report is of what was measured before" in told
    assert "1 in flight" in output
    report = written(tmp_path / "report.json")
    assert report["measurements"][0]["results"]["answered"] > 0
    assert "no server answers at" in report["measurements"][-1]["unreachable"]


def test_ctrl_c_ends_with_a_report_of_what_there_is(server: ServerProcess, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "pyserver", "bench", "echo", "--address", server.address, "--duration", "1h"]
    line += ["--warmup", "0s", "--json", str(tmp_path / "report.json")]
    # Whoever runs the tests in the background has SIGINT ignored, and so would its children.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, handler)
    with process:
        before, deadline = _asked(server), time.monotonic() + 60
        while _asked(server) == before and time.monotonic() < deadline:
            pass
        os.kill(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped before its end" in output
    (measured,) = written(tmp_path / "report.json")["measurements"]
    assert measured["stopped"]
    assert measured["results"]["answered"] > 0


def _asked(server: ServerProcess) -> int:
    """How often the model was."""
    with Client(server.address) as client:
        return int(client.status("echo")[0].versions[0].counts.requests)

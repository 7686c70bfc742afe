"""The support of the other tests: a report of a sanitizer in a server's log is a failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from server_process import ServerProcess

REPORTS = [
    "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010",
    "==7==ERROR: LeakSanitizer: detected memory leaks",
    "WARNING: ThreadSanitizer: data race (pid=7)",
    "/work/csrc/base/text.cc:7:3: runtime error: signed integer overflow",
    "AddressSanitizer: CHECK failed: asan_interceptors.cpp:335",
]


def start(folder: Path, line: str) -> ServerProcess:
    """Starts what says that it is ready, writes one line into its log, and serves until it is killed."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\necho '{line}' >&2\necho 'ready grpc=127.0.0.1:1 models='\nexec sleep 60\n")
    python.chmod(0o755)
    return ServerProcess([], folder / "log", python=[str(python)])


@pytest.mark.parametrize("line", REPORTS)
def test_a_report_of_a_sanitizer_fails_the_test_though_the_server_goes_on(tmp_path: Path, line: str) -> None:
    server = start(tmp_path, line)
    with pytest.raises(pytest.fail.Exception, match="a sanitizer found something"):
        server.kill()
    assert server.process.poll() is not None


def test_what_the_server_logs_itself_is_no_report(tmp_path: Path) -> None:
    line = '2026-11-21T16:02:38.697Z ERROR pyserver.server: a client sent "WARNING: ThreadSanitizer" in a name'
    start(tmp_path, line).kill()

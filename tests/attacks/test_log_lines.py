"""What a caller sends cannot begin a line of the log."""

from __future__ import annotations

import threading
import time

import attack_frames as http2
import numpy as np
import pytest
from attacked_server import AttackedServer
from reactions import assert_refused

FORGED = "FORGED 2031-01-01 all is well"


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r", "\u2028", "\x1b[2K\x1b[1G", "\0"])
def test_a_line_end_in_a_model_name_begins_no_line_of_the_log(roomy_server: AttackedServer, line_end: str) -> None:
    request = http2.predict_request(f"echo{line_end}{FORGED}", np.zeros((1, 4)))
    peer = roomy_server.peer()
    assert_refused(peer.call(http2.PREDICT, request))
    assert_refused(peer.call(http2.call_fields()[":path"] + "%0d%0a" + FORGED.replace(" ", "%20")))
    # The log is written by a thread of its own.
    deadline, pause = time.monotonic() + 3, threading.Event()
    while line_end.encode("unicode_escape") + FORGED.encode() not in roomy_server.log_path.read_bytes():
        if time.monotonic() > deadline:
            break
        pause.wait(0.02)
    log = roomy_server.log_path.read_bytes()
    assert FORGED.encode() in log, "the request is not logged at all"
    assert b"\x1b[2K" not in log
    for ending in (b"\r", b"\n", b"\0", "\u2028".encode()):
        assert not any(line.startswith(FORGED.encode()) for line in log.split(ending))


def test_long_names_do_not_fill_the_log(server: AttackedServer) -> None:
    before = server.log_path.stat().st_size
    peer = server.peer()
    for _ in range(3):
        assert_refused(peer.call(http2.PREDICT, http2.predict_request("x" * (1 << 20), np.zeros((1, 4)))))
    assert_refused(peer.call("/" + "x" * 4000 + "/" + "y" * 4000))
    assert server.log_path.stat().st_size - before < 50_000

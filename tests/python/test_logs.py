from __future__ import annotations

import json
import logging
import sys
from types import SimpleNamespace
from typing import Any

import grpc
import numpy as np
import pytest
from server_process import RepositoryBuilder, StartServer

from pyserver.channel import RequestFailedError
from pyserver.client import Client
from pyserver.logs import JsonFormatter, TextFormatter, fields, log_request


def record(message: str, **told: object) -> logging.LogRecord:
    return logging.getLogger("pyserver.x").makeRecord(
        "pyserver.x", logging.INFO, "file", 1, message, (), None, extra=fields(**told)
    )


HOSTILE = 'x\r\n2026-01-01 INFO forged\x00\x1b[31m\u2028\u0085\udcff "quoted" \\n'


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_nothing_that_is_logged_makes_a_second_line_or_a_control_character(formatter: logging.Formatter) -> None:
    line = formatter.format(record(HOSTILE, model=HOSTILE))
    assert line.isprintable()
    line.encode("utf-8")


def test_a_backslash_of_the_caller_is_told_from_an_escape() -> None:
    assert TextFormatter().format(record("a\\n")) != TextFormatter().format(record("a\n"))


def test_json_keeps_what_was_logged() -> None:
    event = json.loads(JsonFormatter().format(record(HOSTILE, model=HOSTILE)))
    assert event["message"] == event["model"] == HOSTILE
    assert (event["level"], event["logger"]) == ("INFO", "pyserver.x")
    assert event["time"].endswith("Z")


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_traceback_stays_on_the_line(formatter: logging.Formatter) -> None:
    made = record("failed")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = formatter.format(made)
    assert "ValueError" in line
    assert line.isprintable()


@pytest.mark.parametrize(
    ("code", "level"),
    [
        (grpc.StatusCode.OK, logging.DEBUG),
        (grpc.StatusCode.INVALID_ARGUMENT, logging.INFO),
        (grpc.StatusCode.INTERNAL, logging.WARNING),
    ],
)
def test_requests_are_logged_by_whose_fault_they_are(
    caplog: pytest.LogCaptureFixture, code: grpc.StatusCode, level: int
) -> None:
    completed: Any = SimpleNamespace(code=code.value[0], message="why", request_id="r1", model="m")
    log = logging.getLogger("tests.requests")
    with caplog.at_level(logging.DEBUG, "tests.requests"):
        log_request(log, completed)
    (made,) = caplog.records
    assert made.levelno == level
    assert made.fields["request_id"] == "r1"  # type: ignore[attr-defined]
    assert made.fields["code"] == code.name  # type: ignore[attr-defined]


def test_a_failed_request_is_logged_with_its_id_model_code_and_reason(
    repository: RepositoryBuilder, start_server: StartServer
) -> None:
    repository.identity("echo")
    server = start_server(repository.root, "--log-format", "json")
    with Client(server.address) as client, pytest.raises(RequestFailedError) as failure:
        client.predict("echo", {"IN": np.zeros((1, 2), np.int8)}, id="a\r\nb")
    assert failure.value.code is grpc.StatusCode.INVALID_ARGUMENT
    events = [json.loads(line) for line in server.log().splitlines()]
    (event,) = [event for event in events if event["message"] == "request failed"]
    assert (event["request_id"], event["model"], event["code"]) == ("a\r\nb", "echo", "INVALID_ARGUMENT")
    assert event["reason"]

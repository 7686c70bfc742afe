"""Logs on stderr: one line an event, as text or as JSON. Nothing that is logged can forge a line.

An event is a message and fields: `log.info("model loaded", extra=fields(model="digits", version=1))`.
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Literal

import grpc

from pyserver import _core

_OWN_FAULTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED}
_CODE_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}
_WARNING_CODES = {code.value[0] for code in _OWN_FAULTS}


def fields(**values: object) -> dict[str, Any]:
    """The `extra` of a log call that adds these fields to its event."""
    return {"fields": values}


def escaped(text: str) -> str:
    """The text with every character that is not printable, and every backslash, written as an escape."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(
        character
        if character.isprintable() and character != "\\"
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def log_request(log: logging.Logger, completed: _core.Completed | _core.FinishedRequest) -> None:
    """One finished request: a failure of ours is a warning, one of the caller's is info, a success is debug."""
    if completed.code == 0:
        level = logging.DEBUG
    else:
        level = logging.WARNING if completed.code in _WARNING_CODES else logging.INFO
    if not log.isEnabledFor(level):
        return
    told: dict[str, object] = {"request_id": completed.request_id, "model": completed.model}
    told["code"] = _CODE_NAMES.get(completed.code, str(completed.code))
    if completed.code != 0:
        told["reason"] = completed.message
    log.log(level, "request answered" if completed.code == 0 else "request failed", extra={"fields": told})


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO pyserver: model loaded model=digits version=1`."""

    def format(self, record: logging.LogRecord) -> str:
        """The event on one line."""
        told = [f"{_time(record)} {record.levelname} {record.name}: {escaped(record.getMessage())}"]
        told += [f"{name}={_quoted(value)}" for name, value in _fields(record).items()]
        if record.exc_info:
            told.append(escaped(self.formatException(record.exc_info)))
        return " ".join(told)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, then the event's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The event on one line."""
        told = {"time": _time(record), "level": record.levelname, "logger": record.name}
        told["message"] = record.getMessage()
        told |= _fields(record)
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)


def configure_logs(level: str, log_format: Literal["text", "json"]) -> None:
    """Sends the logs of the process to stderr: pyserver's from `level` on, those of libraries from WARNING on."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(logging.WARNING)
    logging.getLogger("pyserver").setLevel(level.upper())


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    told: Mapping[str, Any] = getattr(record, "fields", {})
    return told


def _quoted(value: object) -> str:
    text = escaped(str(value))
    return text if text and not set(text) & set(' "=') else '"' + text.replace('"', '\\"') + '"'

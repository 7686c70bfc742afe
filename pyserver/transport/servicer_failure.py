"""What a servicer's failure is answered with, the same over every transport.

- A message that protobuf cannot read is INVALID_ARGUMENT (grpc says INTERNAL or UNKNOWN).
- A method that generated code knows and the servicer does not have is UNIMPLEMENTED.
- An exception that a servicer did not expect is INTERNAL, and written to the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import grpc


class UnreadableMessageError(Exception):
    """The request is no message of the type that the method takes."""


def reader(deserialize: Callable[[bytes], Any] | None, method: str) -> Callable[[bytes], Any]:
    """`deserialize`, raising UnreadableMessageError. None: the message is its bytes."""

    def read(data: bytes) -> Any:
        if deserialize is None:
            return data
        try:
            return deserialize(data)
        except Exception as error:
            told = f"{method}: the request is not a valid message of its type: {error}"
            raise UnreadableMessageError(told) from error

    return read


def answer_to(error: BaseException, log: logging.Logger) -> tuple[grpc.StatusCode, str]:
    """Code and details for an exception that left a servicer and is no abort."""
    if isinstance(error, UnreadableMessageError):
        return grpc.StatusCode.INVALID_ARGUMENT, str(error)
    if isinstance(error, NotImplementedError):  # what generated base classes raise
        return grpc.StatusCode.UNIMPLEMENTED, str(error)
    log.error("a servicer failed", exc_info=error)
    return grpc.StatusCode.INTERNAL, f"unexpected {type(error).__name__}: {error}"

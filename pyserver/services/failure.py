"""How a failed control request is answered: our exceptions as canonical gRPC codes."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import grpc

from pyserver import _core
from pyserver.errors import ModelLoadError, NotFoundError, PyserverError, RepositoryError

ServicerT = TypeVar("ServicerT")
RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


class InvalidRequestError(PyserverError):
    """A control request asks for something that cannot be."""


class NotServingError(PyserverError):
    """The model is known, but no version of it can answer."""


class SwitchedOffError(PyserverError):
    """What is asked for is an option, and off: the message names it."""


_CODES: list[tuple[type[PyserverError], grpc.StatusCode]] = [
    (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
    (SwitchedOffError, grpc.StatusCode.FAILED_PRECONDITION),
    (NotServingError, grpc.StatusCode.UNAVAILABLE),
    (NotFoundError, grpc.StatusCode.NOT_FOUND),
    (ModelLoadError, grpc.StatusCode.FAILED_PRECONDITION),
    (RepositoryError, grpc.StatusCode.FAILED_PRECONDITION),
]

_CODE_OF_NUMBER: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}

# Clients refuse trailers of more than 8192 bytes, and with them the answer.
_MAX_DETAILS_BYTES = 4096


def details_of(error: PyserverError) -> str:
    """The message, cut where it would not fit into the trailers: there a byte beyond ASCII takes three."""
    left = _MAX_DETAILS_BYTES
    for place, character in enumerate(error.message):
        left -= 1 if character.isascii() and character != "%" else 3 * len(character.encode("utf-8", "replace"))
        if left < 0:
            return error.message[:place] + "…"
    return error.message


def code_of(error: PyserverError) -> grpc.StatusCode:
    """The canonical code that answers a request which met this error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.FAILED_PRECONDITION)


def answered(
    method: Callable[[ServicerT, RequestT, Any], ResponseT],
) -> Callable[[ServicerT, RequestT, Any], ResponseT]:
    """Makes a synchronous servicer method answer a PyserverError, or the core's, with its code and message."""

    @wraps(method)
    def answer(self: ServicerT, request: RequestT, context: Any) -> ResponseT:
        try:
            return method(self, request, context)
        except PyserverError as error:
            context.abort(code_of(error), details_of(error))
            raise  # not reached: abort() raises
        except _core.StatusError as error:
            context.abort(_CODE_OF_NUMBER[error.code], details_of(PyserverError(error.message)))
            raise

    return answer

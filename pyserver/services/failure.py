"""How a failed control request is answered: our exceptions as canonical gRPC codes."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import grpc

from pyserver.errors import ModelLoadError, NotFoundError, PyserverError, RepositoryError

ServicerT = TypeVar("ServicerT")
RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


class InvalidRequestError(PyserverError):
    """A control request asks for something that cannot be."""


class NotServingError(PyserverError):
    """The model is known, but no version of it can answer."""


_CODES: list[tuple[type[PyserverError], grpc.StatusCode]] = [
    (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
    (NotServingError, grpc.StatusCode.UNAVAILABLE),
    (NotFoundError, grpc.StatusCode.NOT_FOUND),
    (ModelLoadError, grpc.StatusCode.FAILED_PRECONDITION),
    (RepositoryError, grpc.StatusCode.FAILED_PRECONDITION),
]


def code_of(error: PyserverError) -> grpc.StatusCode:
    """The canonical code that answers a request which met this error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.FAILED_PRECONDITION)


def answered(
    method: Callable[[ServicerT, RequestT, Any], ResponseT],
) -> Callable[[ServicerT, RequestT, Any], ResponseT]:
    """Makes a synchronous servicer method answer a PyserverError with its code and message."""

    @wraps(method)
    def answer(self: ServicerT, request: RequestT, context: Any) -> ResponseT:
        try:
            return method(self, request, context)
        except PyserverError as error:
            context.abort(code_of(error), error.message)
            raise  # not reached: abort() raises

    return answer

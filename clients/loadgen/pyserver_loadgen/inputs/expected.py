"""What answers are compared with: arrays in a file, or the server's own first answers."""

from __future__ import annotations

from pathlib import Path

from pyserver.tensors import Array
from pyserver_loadgen.inputs.files import read_npz
from pyserver_loadgen.inputs.pool import RequestPool
from pyserver_loadgen.protocols.base import ExpectedOutputs, RequestProtocol
from pyserver_loadgen.protocols.connection import Connection
from pyserver_loadgen.protocols.errors import RequestError


def expected_first(
    protocol: RequestProtocol, pool: RequestPool, connection: Connection, *, timeout_s: float = 60.0
) -> list[ExpectedOutputs]:
    """One for every body: what the server answers to it now.

    Raises RequestError, RequestFailedError, UnreachableError.
    """
    if pool.id_offset is not None and protocol.transport == "http":
        raise RequestError("answers in JSON are compared as a whole, and hold the id of their request: leave ids away")
    expected = []
    for body in pool.bodies:
        answer = connection.call(pool.path, body, headers=pool.headers, streaming=pool.streaming, timeout_s=timeout_s)
        expected.append(protocol.expect_like(answer, pool.model, streaming=pool.streaming))
    return expected


def expected_from_file(path: Path, protocol: RequestProtocol, pool: RequestPool) -> list[ExpectedOutputs]:
    """One for every body, from an .npz file with arrays by output.

    For a pool of one request they are its outputs; for more, each array has the outputs of the n-th request at n.
    Raises RequestError.
    """
    arrays = read_npz(path)
    count = len(pool.bodies)
    if count == 1:
        return [protocol.expect(arrays, pool.model)]
    for name, array in arrays.items():
        if array.ndim == 0 or array.shape[0] != count:
            got = "no dimension" if array.ndim == 0 else str(array.shape[0])
            raise RequestError(
                f"{path}: output {name!r} is expected of {count} different requests, one after the other in its "
                f"first dimension, which is {got}"
            )
    return [protocol.expect(_at(arrays, place), pool.model) for place in range(count)]


def _at(arrays: dict[str, Array], place: int) -> dict[str, Array]:
    return {name: array[place : place + 1].reshape(array.shape[1:]) for name, array in arrays.items()}

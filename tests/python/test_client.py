from __future__ import annotations

import grpc
import ml_dtypes
import numpy as np
import pytest
from server_process import ServerProcess

import pyserver
from pyserver.channel import RequestFailedError
from pyserver.client import Client
from pyserver.errors import PyserverError
from pyserver.tensors import DTYPES, datatype_of, to_array, to_tensor


def test_the_package_exports_these_names_and_each_can_be_had() -> None:
    assert pyserver.__all__ == [
        "Client",
        "PyserverError",
        "RequestFailedError",
        "Result",
        "Server",
        "ServerSettings",
        "UnreachableError",
    ]
    for name in pyserver.__all__:
        assert getattr(pyserver, name).__name__ == name
    with pytest.raises(AttributeError):
        pyserver.nothing  # noqa: B018


@pytest.mark.parametrize("datatype", [name for name in DTYPES if name not in ("BYTES", "BF16")])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_datatype_goes_to_a_tensor_and_back(datatype: str, order: str) -> None:
    array = np.array([[0, 1, 1], [1, 0, 1]]).astype(DTYPES[datatype].newbyteorder(order))
    assert datatype_of(array) == datatype
    back = to_array(to_tensor(array))
    assert back.dtype == DTYPES[datatype]
    np.testing.assert_array_equal(back, array)


def test_bf16_is_ml_dtypes_or_bit_patterns() -> None:
    values = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    patterns = values.view(np.uint16)
    assert to_tensor(values) == to_tensor(patterns, "BF16")
    np.testing.assert_array_equal(to_array(to_tensor(values)), patterns)


@pytest.mark.parametrize("array", [np.array([b"a\0", b""], object), np.array(["ü", "x"]), np.array([[b"ab"]])])
def test_bytes_come_back_as_objects(array: np.ndarray) -> None:
    back = to_array(to_tensor(array))
    assert back.shape == array.shape
    assert [v if isinstance(v, bytes) else v.encode() for v in array.ravel().tolist()] == back.ravel().tolist()


@pytest.mark.parametrize("array", [np.array([1j]), np.array(["2026"], "M8[D]"), np.array([object()])])
def test_what_has_no_datatype_is_refused(array: np.ndarray) -> None:
    with pytest.raises(PyserverError):
        to_tensor(array)


def test_nothing_is_cast() -> None:
    with pytest.raises(PyserverError, match="FP64, not FP32"):
        to_tensor(np.zeros(1), "FP32")


def test_predict_tells_outputs_version_id_and_ledger(server: ServerProcess) -> None:
    with Client(server.address) as client:
        result = client.predict("echo", {"IN": np.ones((2, 3), np.float32)}, version=1, id="me", ledger=True)
        plain = client.predict("echo", {"IN": np.ones((2, 3), np.float32)})
    assert (result.model, result.version, result.id) == ("echo", 1, "me")
    assert result.outputs["OUTPUT0"].tolist() == [[1.0] * 3] * 2
    assert result.ledger is not None
    assert result.ledger["batch_size"] == 2
    assert (plain.version, plain.ledger) == (3, None)


def test_a_failed_request_has_its_code(server: ServerProcess) -> None:
    with Client(server.address) as client, pytest.raises(RequestFailedError) as failure:
        client.predict("nope", {"IN": np.ones((2, 3), np.float32)})
    assert failure.value.code is grpc.StatusCode.NOT_FOUND

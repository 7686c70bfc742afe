"""Whatever parameters a request has for shared memory: it is answered by the rules, and the server goes on."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from server_process import RepositoryBuilder, ServerProcess

from pyserver.open_inference import open_inference_pb2 as pb
from pyserver.open_inference import open_inference_pb2_grpc

SIZE = 64
CONTENTS = bytes(range(SIZE))
EDGES = [-(2**63), -1, 0, 1, 4, 8, SIZE - 8, SIZE, SIZE + 1, 2**31, 2**63 - 8, 2**63 - 1]


@pytest.fixture(scope="module")
def shared(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, SharedMemory]]:
    """A stub of a server with the model `echo` (UINT8 of any length), and the object behind its region "r"."""
    folder = tmp_path_factory.mktemp("shared")
    repository = RepositoryBuilder(folder / "models")
    spec = {"name": "IN", "datatype": "UINT8", "shape": [-1]}
    repository.identity("echo", inputs=[spec], max_batch_size=0)
    server = ServerProcess([str(repository.root), "--allow-client-shm", "--transport", transport], folder / "log")
    memory = SharedMemory(create=True, size=SIZE)
    with grpc.insecure_channel(server.address) as channel:
        stub: Any = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        stub.SystemSharedMemoryRegister(
            pb.SystemSharedMemoryRegisterRequest(name="r", key=memory.name, byte_size=SIZE), timeout=10
        )
        yield stub, memory
    memory.close()
    memory.unlink()
    server.stop()


def parameter(value: object) -> pb.InferParameter:
    if isinstance(value, bool):
        return pb.InferParameter(bool_param=value)
    if isinstance(value, str):
        return pb.InferParameter(string_param=value)
    if isinstance(value, float):
        return pb.InferParameter(double_param=value)
    return pb.InferParameter() if value is None else pb.InferParameter(int64_param=int(str(value)))


def whole(value: object) -> int | None:
    """The number that the core reads, where it is one."""
    if isinstance(value, (bool, float)) or value is None:
        return None
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        return None
    number = int(str(value))
    return number if 0 <= number < 2**63 else None


NUMBERS = st.one_of(
    st.sampled_from(EDGES),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(["8", "", "-8", "0x8", "9" * 30]),
    st.just(1.5),
    st.just(True),
    st.none(),
)
ANYTHING = st.fixed_dictionaries(
    {},
    optional={
        "shared_memory_region": st.one_of(st.just("r"), st.sampled_from(["", "R", "r\n", 7, None])),
        "shared_memory_byte_size": NUMBERS,
        "shared_memory_offset": NUMBERS,
    },
)
LENGTHS = st.sampled_from([0, 1, 4, 8, SIZE])
WELL_FORMED = st.fixed_dictionaries(
    {"shared_memory_region": st.just("r"), "shared_memory_byte_size": LENGTHS},
    optional={"shared_memory_offset": st.sampled_from([0, 1, 8, SIZE - 8, "0", "8"])},
)
PARAMETERS = st.one_of(WELL_FORMED, ANYTHING)


def place(parameters: dict[str, object]) -> tuple[int, int] | None:
    """Offset and size of what well-formed parameters name; None where they do not."""
    size, offset = whole(parameters.get("shared_memory_byte_size")), whole(parameters.get("shared_memory_offset", 0))
    if parameters["shared_memory_region"] != "r" or size is None or offset is None or offset + size > SIZE:
        return None
    return offset, size


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_input=PARAMETERS, given_output=PARAMETERS, length=LENGTHS)
def test_every_request_is_answered_by_the_rules(
    shared: tuple[Any, SharedMemory], given_input: dict[str, object], given_output: dict[str, object], length: int
) -> None:
    stub, memory = shared
    memory.buf[:SIZE] = CONTENTS
    in_memory, out_memory = ("shared_memory_region" in given for given in (given_input, given_output))
    read = place(given_input) if in_memory else None
    written = place(given_output) if out_memory else None
    tensor = pb.ModelInferRequest.InferInputTensor(
        name="IN", datatype="UINT8", shape=[length], parameters={key: parameter(v) for key, v in given_input.items()}
    )
    wanted = pb.ModelInferRequest.InferRequestedOutputTensor(
        name="OUTPUT0", parameters={key: parameter(v) for key, v in given_output.items()}
    )
    request = pb.ModelInferRequest(model_name="echo", inputs=[tensor], outputs=[wanted])
    if not in_memory:
        request.raw_input_contents.append(CONTENTS[:length])
    right = (not in_memory or (read is not None and read[1] == length)) and (
        not out_memory or (written is not None and written[1] >= length)
    )
    call = functools.partial(stub.ModelInfer, request, timeout=10)
    if not right:
        with pytest.raises(grpc.RpcError) as refused:
            call()
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert bytes(memory.buf[:SIZE]) == CONTENTS
        return
    start = read[0] if read else 0
    expected = CONTENTS[start : start + length]
    answer = call()
    if written is None:
        assert answer.raw_output_contents[0] == expected
    else:
        assert answer.raw_output_contents[0] == b""
        assert answer.outputs[0].parameters["shared_memory_byte_size"].int64_param == length
        assert bytes(memory.buf[written[0] : written[0] + length]) == expected


def test_a_region_that_is_not_there_is_named(shared: tuple[Any, SharedMemory]) -> None:
    stub, _ = shared
    tensor = pb.ModelInferRequest.InferInputTensor(
        name="IN",
        datatype="UINT8",
        shape=[1],
        parameters={"shared_memory_region": parameter("q\n"), "shared_memory_byte_size": parameter(1)},
    )
    with pytest.raises(grpc.RpcError) as refused:
        stub.ModelInfer(pb.ModelInferRequest(model_name="echo", inputs=[tensor]), timeout=10)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == (r"model 'echo': input 'IN': shared memory region 'q\x0a' is not registered")

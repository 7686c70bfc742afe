"""What the codec ought to make of a request, worked out from the message as Python protobuf parsed it."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from codec_messages import DATATYPES, ELEMENT_SIZES

from pyserver.open_inference import open_inference_pb2 as oip
from pyserver.v1 import predict_pb2 as v1

INVALID_ARGUMENT, FAILED_PRECONDITION, UNIMPLEMENTED = 3, 9, 12
NOW_US = 1000 * 10**6
"""The clock of codec_differential, in microseconds."""

_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
_FORMATS = dict(zip(DATATYPES, "?BHIQbhiqefd  ", strict=True))

Tensor = tuple[str, tuple[int, ...], bytes]
"""Datatype, shape and contents, BYTES elements each with its 4-byte length."""


@dataclass
class Expectation:
    """A request as it must be decoded; or, where `refusals` is not empty, the codes it may be refused with."""

    model: str
    version: int = 0
    id: str = ""
    priority: int = 0
    wants_ledger: bool = False
    wants_typed_contents: bool = False
    timeout_us: int = -1
    wanted_outputs: list[str] = field(default_factory=list)
    inputs: dict[str, Tensor] = field(default_factory=dict)
    refusals: set[int] = field(default_factory=set)

    def refuse_unless(self, condition: bool, code: int = INVALID_ARGUMENT) -> None:
        """Notes `code` as a right answer where the condition does not hold."""
        if not condition:
            self.refusals.add(code)


def pack_elements(elements: Iterable[bytes]) -> bytes:
    """The one form of BYTES elements."""
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def _element_count(shape: Sequence[int]) -> int | None:
    if len(shape) > 16 or any(dimension < 0 for dimension in shape):
        return None
    count = math.prod(shape)
    return count if count < 2**63 else None


def _holds(datatype: str, count: int, raw: bytes) -> bool:
    if datatype != "BYTES":
        return len(raw) == count * ELEMENT_SIZES[datatype]
    at, seen = 0, 0
    while at < len(raw) and seen < count:
        if at + 4 > len(raw):
            return False
        at += 4 + int.from_bytes(raw[at : at + 4], "little")
        seen += 1
    return at == len(raw) and seen == count


def expect_predict(request: Any) -> Expectation:
    """The expectation for a PredictRequest whose map is given as repeated entries."""
    expected = Expectation(request.model, request.version, request.id, request.priority, request.return_ledger)
    expected.wanted_outputs = list(request.outputs)
    expected.refuse_unless(request.model != "" and request.version >= 0)
    expected.refuse_unless(len({entry.key for entry in request.inputs}) == len(request.inputs))
    expected.refuse_unless(len(set(request.outputs)) == len(request.outputs))
    for name, tensor in ((entry.key, entry.value) for entry in request.inputs):
        count = _element_count(tensor.shape)
        if not 1 <= tensor.datatype <= len(DATATYPES) or count is None:
            expected.refusals.add(INVALID_ARGUMENT)
            continue
        datatype = DATATYPES[tensor.datatype - 1]
        if tensor.HasField("elements"):
            expected.refuse_unless(datatype == "BYTES" and len(tensor.elements.values) == count)
            contents = pack_elements(tensor.elements.values)
        else:
            contents = tensor.raw
            expected.refuse_unless(_holds(datatype, count, contents))
        expected.inputs[name] = (datatype, tuple(tensor.shape), contents)
    return expected


def _whole_number(parameter: Any, highest: int) -> int | None:
    kind = parameter.WhichOneof("parameter_choice")
    if kind in ("int64_param", "uint64_param"):
        number = getattr(parameter, kind)
    elif kind == "string_param" and re.fullmatch("[0-9]+", parameter.string_param):
        number = int(parameter.string_param)
    else:
        return None
    return number if 0 <= number <= highest else None


def _says_yes(parameter: Any) -> bool:
    kind = parameter.WhichOneof("parameter_choice")
    if kind == "double_param":
        return struct.pack("<d", parameter.double_param) != bytes(8)
    return bool(kind and getattr(parameter, kind))


def _by_key(entries: Any) -> dict[str, Any]:
    """As protobuf has it: the last of several entries with one key counts."""
    return {entry.key: entry.value for entry in entries}


def _apply_parameters(request: Any, expected: Expectation) -> None:
    parameters = _by_key(request.parameters)
    for key in ("sequence_id", "sequence_start", "sequence_end"):
        if key in parameters:
            expected.refuse_unless(not _says_yes(parameters[key]), UNIMPLEMENTED)
    if "priority" in parameters:
        priority = _whole_number(parameters["priority"], 2**32 - 1)
        expected.refuse_unless(priority is not None)
        expected.priority = priority or 0
    if "timeout" in parameters:
        timeout = _whole_number(parameters["timeout"], 2**64 - 1)
        expected.refuse_unless(timeout is not None)
        # Later than the clock can say is never.
        if timeout and timeout < (2**63 - 1) // 1000 - NOW_US:
            expected.timeout_us = timeout


def typed_elements(contents: Any) -> dict[str, Any]:
    """The fields that hold elements, by name."""
    return {descriptor.name: values for descriptor, values in contents.ListFields()}


def convert(datatype: str, elements: Any) -> bytes | None:
    """Typed elements as raw contents; nothing where one is out of range."""
    if datatype == "BYTES":
        return pack_elements(elements)
    try:
        return struct.pack(f"<{len(elements)}{_FORMATS[datatype]}", *elements)
    except struct.error:
        return None


def _typed_input(tensor: Any, count: int, expected: Expectation) -> bytes:
    elements = typed_elements(tensor.contents)
    wanted = _FIELDS.get(tensor.datatype)
    expected.refuse_unless(set(elements) <= {wanted})
    values = elements.get(wanted, ()) if wanted else ()
    expected.refuse_unless(len(values) == count)
    contents = convert(tensor.datatype, values) if wanted else b""
    expected.refuse_unless(contents is not None)
    return contents or b""


def expect_model_infer(request: Any) -> Expectation:
    """The expectation for a ModelInferRequest whose maps are given as repeated entries."""
    expected = Expectation(request.model_name, id=request.id)
    expected.wanted_outputs = [output.name for output in request.outputs]
    expected.refuse_unless(request.model_name != "")
    if request.model_version:
        valid = re.fullmatch("[0-9]+", request.model_version) and 0 < int(request.model_version) < 2**63
        expected.refuse_unless(bool(valid))
        expected.version = int(request.model_version) if valid else 0
    _apply_parameters(request, expected)
    for names in (expected.wanted_outputs, [tensor.name for tensor in request.inputs]):
        expected.refuse_unless(len(set(names)) == len(names))
    for output in request.outputs:
        parameters = _by_key(output.parameters)
        expected.refuse_unless("shared_memory_region" not in parameters, FAILED_PRECONDITION)
        if "classification" in parameters:
            expected.refuse_unless(_whole_number(parameters["classification"], 2**32 - 1) is not None)
    raws = list(request.raw_input_contents)
    expected.refuse_unless(len(raws) in (0, len(request.inputs)))
    expected.wants_typed_contents = not raws and len(request.inputs) > 0
    for index, tensor in enumerate(request.inputs):
        expected.refuse_unless("shared_memory_region" not in _by_key(tensor.parameters), FAILED_PRECONDITION)
        count = _element_count(tensor.shape)
        if tensor.datatype not in DATATYPES or count is None:
            expected.refusals.add(INVALID_ARGUMENT)
            continue
        if raws:
            expected.refuse_unless(not typed_elements(tensor.contents))
            contents = raws[index] if index < len(raws) else b""
            expected.refuse_unless(_holds(tensor.datatype, count, contents))
        else:
            contents = _typed_input(tensor, count, expected)
        expected.inputs[tensor.name] = (tensor.datatype, tuple(tensor.shape), contents)
    return expected


def predict_outputs(response: v1.PredictResponse) -> dict[str, Tensor]:
    """The tensors of a response."""
    outputs = {}
    for name, tensor in response.outputs.items():
        datatype = DATATYPES[tensor.datatype - 1]
        assert tensor.HasField("elements") == (datatype == "BYTES")
        contents = pack_elements(tensor.elements.values) if datatype == "BYTES" else tensor.raw
        outputs[name] = (datatype, tuple(tensor.shape), contents)
    return outputs


def infer_outputs(response: oip.ModelInferResponse) -> dict[str, Tensor]:
    """The tensors of an Open Inference response, raw or typed."""
    raws = list(response.raw_output_contents)
    assert len(raws) in (0, len(response.outputs))
    outputs = {}
    for index, tensor in enumerate(response.outputs):
        if raws:
            contents: bytes | None = raws[index]
        else:
            elements = typed_elements(tensor.contents)
            assert set(elements) <= {_FIELDS[tensor.datatype]}
            contents = convert(tensor.datatype, elements.get(_FIELDS[tensor.datatype], ()))
        assert contents is not None
        outputs[tensor.name] = (tensor.datatype, tuple(tensor.shape), contents)
    return outputs

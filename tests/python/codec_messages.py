"""Random request messages of both protocols, most of them right."""

from __future__ import annotations

import struct

from codec_wire import FIXED64, WireMaker, varint

DATATYPES = (
    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
    *("FP16", "FP32", "FP64", "BYTES", "BF16"),
)
"""The name of a datatype; its number in pyserver.v1.Datatype is the index and one."""

ELEMENT_SIZES = dict(zip(DATATYPES, (1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 0, 2), strict=True))

NAMES = ("x", "y", "input_ids", "größe", "", "a" * 40, "\U0001f600", "nul\0", "b", "c")
INT_EDGES = (0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32)


class MessageMaker(WireMaker):
    """Makes requests. Each method that ends in _fields gives the pieces of a message, in any order."""

    def name(self) -> bytes:
        return b"\xff\xfe" if self.chance(0.002) else self.rng.choice(NAMES).encode()

    def shape(self) -> list[int]:
        if self.chance(0.01):
            return [self.rng.choice((-1, 2**62, 0, 2**63 - 1, 1)) for _ in range(self.rng.choice((1, 2, 16, 17)))]
        return [self.rng.choice((0, 1, 1, 2, 3)) for _ in range(self.rng.randrange(4))]

    def element_count(self, shape: list[int]) -> int:
        count = 1
        for dimension in shape:
            count *= dimension
        count = count if 0 <= count <= 100 else 1
        return count + self.rng.choice((-1, 1)) * (count > 0) if self.chance(0.02) else count

    def byte_strings(self, count: int) -> list[bytes]:
        return [self.rng.randbytes(self.rng.choice((0, 1, 3, 130 if self.chance(0.1) else 2))) for _ in range(count)]

    def raw(self, datatype: str, count: int) -> bytes:
        if datatype == "BYTES":
            return b"".join(struct.pack("<I", len(s)) + s for s in self.byte_strings(count))
        return self.rng.randbytes(count * ELEMENT_SIZES.get(datatype, 1))

    # pyserver.v1

    def predict_tensor_fields(self) -> list[bytes]:
        number = self.rng.randrange(17) if self.chance(0.03) else self.rng.randrange(1, 15)
        datatype = DATATYPES[number - 1] if 1 <= number <= 14 else "FP32"
        shape = self.shape()
        fields = [self.varint_field(1, number), *self.repeated_varints(2, list(shape))]
        count = self.element_count(shape)
        if (datatype == "BYTES" and self.chance(0.7)) or self.chance(0.01):
            fields.append(self.embedded(4, [self.bytes_field(1, s) for s in self.byte_strings(count)]))
        if datatype != "BYTES" or self.chance(0.3):
            fields.append(self.bytes_field(3, self.raw(datatype, count)))
        return fields

    def predict(self) -> bytes:
        fields = [] if self.chance(0.01) else [self.bytes_field(1, self.name() if self.chance(0.1) else b"m")]
        if self.chance(0.2):
            fields.append(self.varint_field(2, self.rng.choice((0, 1, 2**63 - 1, -1 if self.chance(0.1) else 7))))
        if self.chance(0.3):
            fields.append(self.bytes_field(3, self.name()))
        for name in self.rng.sample(NAMES, self.rng.randrange(5)):
            entry = [self.bytes_field(1, name.encode()), self.embedded(2, self.predict_tensor_fields())]
            if self.chance(0.01):
                entry.pop(self.rng.randrange(2))
            fields.append(self.bytes_field(4, self.message(entry)))
        for name in self.rng.sample(NAMES, self.rng.randrange(4)) if self.chance(0.3) else ():
            fields += [self.bytes_field(5, name.encode())]
        if self.chance(0.2):
            fields.append(self.varint_field(6, self.rng.choice(INT_EDGES)))
        if self.chance(0.2):
            fields.append(self.varint_field(7, self.rng.choice((0, 1, 2, 2**40))))
        return self.message(fields)

    def predict_stream(self) -> bytes:
        first, second = self.predict(), self.predict() if self.chance(0.1) else b""
        return b"".join(self.bytes_field(1, part) for part in (first, second) if part or self.chance(0.5))

    # inference

    def parameter(self, number: int, key: str) -> bytes:
        value: list[bytes] = []
        for _ in range(2 if self.chance(0.05) else 1):
            integer = self.rng.choice((0, 0, 1, 5, 1000, 2**32, 2**63 - 1, -1 if self.chance(0.2) else 2))
            text = str(integer).encode() if self.chance(0.8) else self.name()
            value.append(
                self.rng.choice(
                    (
                        self.varint_field(1, integer & 1),
                        self.varint_field(2, integer),
                        self.bytes_field(3, text),
                        varint(4 << 3 | FIXED64) + struct.pack("<d", integer),
                        self.varint_field(5, integer),
                    )
                )
            )
        entry = [self.bytes_field(1, key.encode()), self.embedded(2, value)]
        if self.chance(0.02):
            entry.pop(self.rng.randrange(2))
        return self.bytes_field(number, self.message(entry))

    def typed_contents(self, datatype: str, count: int) -> list[bytes]:
        if self.chance(0.01):
            datatype = self.rng.choice(DATATYPES)
        if datatype == "BYTES":
            return [self.bytes_field(8, s) for s in self.byte_strings(count)]
        if datatype in ("FP32", "FP64"):
            values = [
                self.rng.choice((0.0, -0.0, 1.5, float("inf"), float("-inf"), float("nan"))) for _ in range(count)
            ]
            return self.repeated_floats(6 if datatype == "FP32" else 7, values)
        field = {"BOOL": 1, "INT64": 3, "UINT64": 5}.get(datatype, 4 if datatype.startswith("U") else 2)
        bits = 8 * ELEMENT_SIZES[datatype]
        low = 0 if datatype[0] in "BU" else -(2 ** (bits - 1))
        numbers = [self.rng.randrange(low, low + 2 ** (1 if datatype == "BOOL" else bits)) for _ in range(count)]
        if self.chance(0.02) and numbers:
            numbers[self.rng.randrange(count)] = self.rng.choice(INT_EDGES)
        return self.repeated_varints(field, numbers)

    def infer_input(self, name: str, typed: bool) -> tuple[bytes, bytes]:
        """The input, and its raw contents where it is not typed."""
        with_typed_form = [name for name in DATATYPES if name not in ("FP16", "BF16")]
        datatype = self.rng.choice(DATATYPES if not typed or self.chance(0.02) else with_typed_form)
        shape = self.shape()
        count = self.element_count(shape)
        written = datatype if self.chance(0.99) else self.rng.choice(("fp32", "", "FP8", "TYPE_FP32"))
        fields = [self.bytes_field(1, name.encode()), self.bytes_field(2, written.encode())]
        fields += self.repeated_varints(3, list(shape))
        if self.chance(0.05):
            key = "shared_memory_region" if self.chance(0.2) else self.rng.choice(("binary_data", "shared_memory", ""))
            fields.append(self.parameter(4, key))
        if (typed and datatype not in ("FP16", "BF16")) or self.chance(0.01):
            fields.append(self.embedded(5, self.typed_contents(datatype, count)))
        return self.message(fields), self.raw(datatype, count)

    def model_infer(self) -> bytes:
        fields = [] if self.chance(0.01) else [self.bytes_field(1, b"m")]
        if self.chance(0.2):
            version = self.rng.choice(("1", "42", "9223372036854775807", "007", ""))
            fields.append(
                self.bytes_field(2, (version if self.chance(0.9) else ["-1", "0", "x"][self.rng.randrange(3)]).encode())
            )
        if self.chance(0.3):
            fields.append(self.bytes_field(3, self.name()))
        keys = ("priority", "timeout", "timeout", "binary_data_output", "priority", "x", "")
        for _ in range(self.rng.randrange(3) if self.chance(0.3) else 0):
            key = self.rng.choice(keys) if self.chance(0.9) else self.rng.choice(("id", "start", "end"))
            fields.append(self.parameter(4, f"sequence_{key}" if key in ("id", "start", "end") else key))
        typed = self.chance(0.6)
        raws = []
        for name in self.rng.sample(NAMES, self.rng.randrange(5)):
            message, raw = self.infer_input(self.rng.choice(NAMES) if self.chance(0.02) else name, typed)
            fields.append(self.bytes_field(5, message))
            raws.append(self.bytes_field(7, raw))
        for name in self.rng.sample(NAMES, self.rng.randrange(4)) if self.chance(0.3) else ():
            output = [self.bytes_field(1, name.encode())]
            if self.chance(0.1):
                output.append(
                    self.parameter(2, self.rng.choice(("binary_data", "classification", "shared_memory_region")))
                )
            fields.append(self.bytes_field(6, self.message(output)))
        if not typed and not self.chance(0.01):
            fields += raws[:-1] if self.chance(0.01) else raws
        return self.message(fields)

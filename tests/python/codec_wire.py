"""Random protobuf wire format: every form that it allows, and now and then one that it does not."""

from __future__ import annotations

import struct
from random import Random

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = 0, 1, 2, 3, 4, 5


def varint(number: int, padding: int = 0) -> bytes:
    """The number as a varint, `padding` bytes longer than it needs to be where ten bytes allow it."""
    number &= 2**64 - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    for _ in range(min(padding, 10 - len(out))):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


class WireMaker:
    """Makes fields and messages from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def varint_field(self, number: int, value: int) -> bytes:
        tag = varint(number << 3 | VARINT, 1 if self.chance(0.01) else 0)
        return tag + varint(value, self.rng.randrange(4) if self.chance(0.03) else 0)

    def bytes_field(self, number: int, value: bytes) -> bytes:
        return (
            varint(number << 3 | BYTES) + varint(len(value), self.rng.randrange(4) if self.chance(0.02) else 0) + value
        )

    def unknown_field(self, depth: int = 0) -> bytes:
        number = self.rng.choice((11, 15, 16, 1000, 2**29 - 1, 0 if self.chance(0.01) else 12))
        match self.rng.randrange(5):
            case 0:
                return self.varint_field(number, self.rng.getrandbits(64))
            case 1:
                return varint(number << 3 | FIXED32) + self.rng.randbytes(4)
            case 2:
                return varint(number << 3 | FIXED64) + self.rng.randbytes(8)
            case 3:
                return self.bytes_field(number, self.rng.randbytes(self.rng.randrange(6)))
            case _:
                levels = self.rng.choice((94, 99, 100, 101)) if self.chance(0.02) else self.rng.randrange(1, 3)
                inner = self.unknown_field(depth + 1) if depth < 3 and self.chance(0.5) else b""
                return varint(number << 3 | GROUP) * levels + inner + varint(number << 3 | END_GROUP) * levels

    def message(self, fields: list[bytes]) -> bytes:
        """The fields one after another, at times out of order and with what no one knows in between."""
        if self.chance(0.2):
            self.rng.shuffle(fields)
        if self.chance(0.05):
            fields.insert(self.rng.randrange(len(fields) + 1), self.unknown_field())
        return b"".join(fields)

    def embedded(self, number: int, fields: list[bytes]) -> bytes:
        """An embedded message; at times in two occurrences, whose sum it then is."""
        if len(fields) > 1 and self.chance(0.1):
            cut = self.rng.randrange(len(fields) + 1)
            return self.bytes_field(number, self.message(fields[:cut])) + self.bytes_field(
                number, self.message(fields[cut:])
            )
        return self.bytes_field(number, self.message(fields))

    def repeated_varints(self, number: int, values: list[int]) -> list[bytes]:
        """Packed, unpacked, or packed in several pieces."""
        pieces = []
        while values:
            count = len(values) if self.chance(0.8) else self.rng.randrange(1, len(values) + 1)
            some, values = values[:count], values[count:]
            if self.chance(0.7):
                pieces.append(
                    self.bytes_field(number, b"".join(varint(v, 1 if self.chance(0.01) else 0) for v in some))
                )
            else:
                pieces += [self.varint_field(number, value) for value in some]
        return pieces

    def repeated_floats(self, number: int, values: list[float]) -> list[bytes]:
        form, wire_type = ("<f", FIXED32) if number == 6 else ("<d", FIXED64)
        bits = [struct.pack(form, value) for value in values]
        if bits and self.chance(0.7):
            cut = self.rng.randrange(len(bits)) if self.chance(0.2) else 0
            packed = [b"".join(bits[:cut]), b"".join(bits[cut:])]
            return [self.bytes_field(number, part) for part in packed if part or self.chance(0.5)]
        return [varint(number << 3 | wire_type) + one for one in bits]

    def mutated(self, message: bytes) -> bytes:
        """With one to three bytes changed, taken out, put in or repeated, or cut short."""
        out = bytearray(message)
        for _ in range(self.rng.randrange(1, 4)):
            at = self.rng.randrange(len(out) + 1)
            match self.rng.randrange(6):
                case 0:
                    del out[at : at + self.rng.randrange(1, 4)]
                case 1:
                    out[at:at] = self.rng.randbytes(self.rng.randrange(1, 4))
                case 2:
                    out[at:at] = out[at : at + self.rng.randrange(1, 30)]
                case 3:
                    del out[at:]
                case _:
                    if at < len(out):
                        out[at] = self.rng.choice((out[at] ^ 1 << self.rng.randrange(8), 0xFF, 0x80, 0))
        return bytes(out)

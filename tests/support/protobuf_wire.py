"""Writes protobuf messages field by field, for formats whose generated code comes only with a whole framework."""

from __future__ import annotations

import struct
from collections.abc import Iterable


def varint(value: int) -> bytes:
    """`value` as a base-128 number; negative ones as their 64-bit two's complement."""
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number: int, value: int | float | str | bytes) -> bytes:
    """One field: an int or bool is a varint, a float 32 bits; text, bytes and encoded messages are length-delimited."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def repeated(number: int, values: Iterable[int | float | str | bytes]) -> bytes:
    """A repeated field, not packed."""
    return b"".join(field(number, value) for value in values)

"""Representations of header fields (RFC 7541 §5 and §6) as bytes, chosen by hand where an encoder would choose."""

from __future__ import annotations

import enum

from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

STATIC_ENTRIES = 61
USER_AGENT = 58
EOS = 256


class Literal(enum.Enum):
    """The three literal representations: first bits, and how many bits of the first byte hold the name's index."""

    INDEXED = (0x40, 6)
    NOT_INDEXED = (0x00, 4)
    NEVER_INDEXED = (0x10, 4)


def integer(value: int, prefix_bits: int, first_bits: int = 0) -> bytes:
    """§5.1: an integer whose first `prefix_bits` bits share a byte with `first_bits`."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([first_bits | value])
    encoded = [first_bits | limit]
    value -= limit
    while value >= 128:
        encoded.append(0x80 | value & 0x7F)
        value >>= 7
    return bytes([*encoded, value])


def string(text: bytes, *, huffman: bool = False) -> bytes:
    """§5.2: a string literal."""
    if huffman:
        return coded_string(HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(text))
    return integer(len(text), 7) + text


def coded_string(code: bytes) -> bytes:
    """§5.2: a string literal with the H bit and these bytes, right or wrong."""
    return integer(len(code), 7, 0x80) + code


def huffman_code(*symbols: int) -> tuple[str, int]:
    """The bits of the symbols without padding, and how many bits are missing to the next whole byte."""
    bits = "".join(f"{REQUEST_CODES[symbol]:0{REQUEST_CODES_LENGTH[symbol]}b}" for symbol in symbols)
    return bits, -len(bits) % 8


def whole_bytes(bits: str) -> bytes:
    assert len(bits) % 8 == 0
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def indexed(index: int) -> bytes:
    """§6.1: an indexed header field."""
    return integer(index, 7, 0x80)


def literal(kind: Literal, name: bytes | int, value: bytes) -> bytes:
    """§6.2: a literal header field; `name` is an index or a string literal, `value` a string literal."""
    first_bits, prefix_bits = kind.value
    if isinstance(name, int):
        return integer(name, prefix_bits, first_bits) + value
    return bytes([first_bits]) + name + value


def table_size_update(size: int) -> bytes:
    """§6.3: a dynamic table size update."""
    return integer(size, 5, 0x20)

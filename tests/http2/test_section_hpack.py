"""hpack/…: header blocks that cannot be decoded (RFC 7541) end the connection with COMPRESSION_ERROR."""

from __future__ import annotations

import hpack_fields as fields
import http2_expectations as expect
import http2_frames as http2
from catalogue import case
from hpack_fields import Literal
from http2_connection import Http2Connection
from http2_frames import ErrorCode, Setting

NAME = fields.string(b"x-test", huffman=True)
VALUE = b"test"


def refused(connection: Http2Connection, block: bytes) -> None:
    connection.send(http2.headers(1, block, end_stream=True))
    expect.connection_error(connection, ErrorCode.COMPRESSION_ERROR)


def free_index(connection: Http2Connection) -> int:
    """The first index behind both tables, after a block of the connection's encoder."""
    return fields.STATIC_ENTRIES + 1 + len(connection.encoder.header_table.dynamic_entries)


@case("hpack/2.3.3/1", "An indexed field whose index is in no table is refused")
def test_indexed_with_invalid_index(connection: Http2Connection) -> None:
    block = connection.request_block()
    refused(connection, block + fields.indexed(free_index(connection)))


@case("hpack/2.3.3/2", "A literal whose name's index is in no table is refused")
def test_literal_with_invalid_index(connection: Http2Connection) -> None:
    block = connection.request_block()
    refused(connection, block + fields.literal(Literal.INDEXED, free_index(connection), fields.string(b"")))


@case("hpack/4.2/1", "A dynamic table size update at the end of a block is refused")
def test_late_table_size_update(connection: Http2Connection) -> None:
    refused(connection, connection.request_block() + fields.table_size_update(1))


def refused_string(connection: Http2Connection, code: bytes) -> None:
    literal = fields.literal(Literal.NOT_INDEXED, NAME, fields.coded_string(code))
    refused(connection, connection.request_block() + literal)


@case("hpack/5.2/1", "A Huffman-coded string with more than 7 bits of padding is refused")
def test_huffman_with_long_padding(connection: Http2Connection) -> None:
    bits, missing = fields.huffman_code(*VALUE)
    refused_string(connection, fields.whole_bytes(bits + "1" * (missing + 8)))


@case("hpack/5.2/2", "A Huffman-coded string padded with zeros is refused")
def test_huffman_padded_with_zeros(connection: Http2Connection) -> None:
    bits, missing = fields.huffman_code(*VALUE)
    assert missing > 0
    refused_string(connection, fields.whole_bytes(bits + "0" * missing))


@case("hpack/5.2/3", "A Huffman-coded string that contains EOS is refused")
def test_huffman_with_eos(connection: Http2Connection) -> None:
    bits, missing = fields.huffman_code(*VALUE[:2], fields.EOS, *VALUE[2:])
    refused_string(connection, fields.whole_bytes(bits + "1" * missing))


@case("hpack/6.1/1", "An indexed field with index 0 is refused")
def test_index_0(connection: Http2Connection) -> None:
    refused(connection, connection.request_block() + fields.indexed(0))


@case("hpack/6.3/1", "A dynamic table size update above SETTINGS_HEADER_TABLE_SIZE is refused")
def test_too_large_table_size_update(connection: Http2Connection) -> None:
    allowed = connection.peer_settings.get(Setting.HEADER_TABLE_SIZE, 4096)
    refused(connection, fields.table_size_update(allowed + 1) + connection.request_block())

"""generic/5: every server takes every representation of a header field (RFC 7541 §6), each added to a whole request."""

from __future__ import annotations

import hpack_fields as fields
import http2_expectations as expect
import http2_frames as http2
from catalogue import case
from hpack_fields import USER_AGENT, Literal
from http2_connection import Http2Connection

VALUE = b"pyserver"
NAME = b"x-test"


def request_with(connection: Http2Connection, representation: bytes) -> None:
    block = connection.request_block() + representation
    connection.send(http2.headers(1, block, end_stream=True))
    expect.answer(connection, 1)


@case("generic/5/1", "An indexed field")
def test_indexed(connection: Http2Connection) -> None:
    request_with(connection, fields.indexed(USER_AGENT))


@case("generic/5/2", "A literal with incremental indexing, indexed name")
def test_indexing_literal_with_indexed_name(connection: Http2Connection) -> None:
    request_with(connection, fields.literal(Literal.INDEXED, USER_AGENT, fields.string(VALUE)))


@case("generic/5/3", "A literal with incremental indexing, indexed name, Huffman-coded")
def test_indexing_literal_with_indexed_name_huffman(connection: Http2Connection) -> None:
    request_with(connection, fields.literal(Literal.INDEXED, USER_AGENT, fields.string(VALUE, huffman=True)))


@case("generic/5/4", "A literal with incremental indexing, new name")
def test_indexing_literal_with_new_name(connection: Http2Connection) -> None:
    request_with(connection, fields.literal(Literal.INDEXED, fields.string(NAME), fields.string(VALUE)))


@case("generic/5/5", "A literal with incremental indexing, new name, Huffman-coded")
def test_indexing_literal_with_new_name_huffman(connection: Http2Connection) -> None:
    name, value = fields.string(NAME, huffman=True), fields.string(VALUE, huffman=True)
    request_with(connection, fields.literal(Literal.INDEXED, name, value))


@case("generic/5/6", "A literal without indexing, indexed name")
def test_unindexed_literal_with_indexed_name(connection: Http2Connection) -> None:
    request_with(connection, fields.literal(Literal.NOT_INDEXED, USER_AGENT, fields.string(VALUE)))


@case("generic/5/7", "A literal without indexing, indexed name, Huffman-coded")
def test_unindexed_literal_with_indexed_name_huffman(connection: Http2Connection) -> None:
    request_with(connection, fields.literal(Literal.NOT_INDEXED, USER_AGENT, fields.string(VALUE, huffman=True)))


@case("generic/5/8", "A literal without indexing, new name")
def test_unindexed_literal_with_new_name(connection: Http2Connection) -> None:
    request_with(connection, fields.literal(Literal.NOT_INDEXED, fields.string(NAME), fields.string(VALUE)))


@case("generic/5/9", "A literal without indexing, new name, Huffman-coded")
def test_unindexed_literal_with_new_name_huffman(connection: Http2Connection) -> None:
    name, value = fields.string(NAME, huffman=True), fields.string(VALUE, huffman=True)
    request_with(connection, fields.literal(Literal.NOT_INDEXED, name, value))


@case("generic/5/10", "A literal never indexed, indexed name")
def test_never_indexed_literal_with_indexed_name(connection: Http2Connection) -> None:
    request_with(connection, fields.literal(Literal.NEVER_INDEXED, USER_AGENT, fields.string(VALUE)))


@case("generic/5/11", "A literal never indexed, indexed name, Huffman-coded")
def test_never_indexed_literal_with_indexed_name_huffman(connection: Http2Connection) -> None:
    request_with(connection, fields.literal(Literal.NEVER_INDEXED, USER_AGENT, fields.string(VALUE, huffman=True)))


@case("generic/5/12", "A literal never indexed, new name")
def test_never_indexed_literal_with_new_name(connection: Http2Connection) -> None:
    request_with(connection, fields.literal(Literal.NEVER_INDEXED, fields.string(NAME), fields.string(VALUE)))


@case("generic/5/13", "A literal never indexed, new name, Huffman-coded")
def test_never_indexed_literal_with_new_name_huffman(connection: Http2Connection) -> None:
    name, value = fields.string(NAME, huffman=True), fields.string(VALUE, huffman=True)
    request_with(connection, fields.literal(Literal.NEVER_INDEXED, name, value))


@case("generic/5/14", "A dynamic table size update")
def test_table_size_update(connection: Http2Connection) -> None:
    connection.encoder.header_table_size = 128
    block = connection.request_block()
    assert block.startswith(fields.table_size_update(128))
    connection.send(http2.headers(1, block, end_stream=True))
    expect.answer(connection, 1)


@case("generic/5/15", "Two dynamic table size updates in a row")
def test_two_table_size_updates(connection: Http2Connection) -> None:
    updates = fields.table_size_update(128) + fields.table_size_update(4096)
    connection.send(http2.headers(1, updates + connection.request_block(), end_stream=True))
    expect.answer(connection, 1)

"""Calls that are wrong in themselves: the stream fails, the next call on the same connection works."""

from __future__ import annotations

import attack_frames as http2
import pytest
from attacked_server import AttackedServer
from reactions import assert_refused, assert_serves, assert_status

UNIMPLEMENTED = 12

# What differs from a good call.
MALFORMED: dict[str, dict[str, str]] = {
    "te": {"te": "gzip"},
    "scheme": {":scheme": "ftp"},
    "scheme_of_noise": {":scheme": "h tt\x7fp"},
    "base64": {"x-any-bin": "a*b?"},
    "base64_of_one_letter": {"x-any-bin": "a"},
    "timeout_without_unit": {"grpc-timeout": "100"},
    "timeout_of_nine_digits": {"grpc-timeout": "123456789S"},
    "negative_timeout": {"grpc-timeout": "-1S"},
    "timeout_of_no_digits": {"grpc-timeout": "S"},
    "unknown_encoding": {"grpc-encoding": "zstd"},
    "path_of_8_kb": {":path": "/" + "x" * 4096 + "/" + "y" * 4096},
    "path_without_a_slash": {":path": "nowhere"},
    "path_of_one_part": {":path": "/nowhere"},
    "path_that_climbs": {":path": "/../../etc/passwd"},
    "unknown_method": {":path": "/inference.GRPCInferenceService/Nothing"},
    "empty_path": {":path": ""},
    "upper_case_name": {"X-Upper": "case"},
    "line_feed_in_a_value": {"user-agent": "good\r\nFORGED"},
    "nul_in_a_value": {"user-agent": "a\0b"},
    "field_of_a_connection": {"connection": "close"},
    "transfer_encoding": {"transfer-encoding": "chunked"},
    "content_length_too_small": {"content-length": "1"},
    "content_length_too_large": {"content-length": "100"},
    "content_length_of_noise": {"content-length": "many"},
}


@pytest.mark.parametrize("path", [http2.SERVER_LIVE, http2.SERVER_METADATA])
@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_call_fails_its_stream_and_not_the_connection(server: AttackedServer, kind: str, path: str) -> None:
    peer = server.peer()
    response = peer.call(fields=http2.call_fields(path) | MALFORMED[kind])
    assert_refused(response)
    assert_serves(peer)


def test_an_unknown_encoding_is_answered_with_those_that_are_known(server: AttackedServer) -> None:
    response = server.peer().call(fields=http2.call_fields(http2.PREDICT) | {"grpc-encoding": "zstd"})
    assert_status(response, UNIMPLEMENTED)
    known = response.blocks[-1]["grpc-accept-encoding"].replace(" ", "").split(",")
    assert {"identity", "gzip", "deflate"} <= set(known)


def test_a_thousand_malformed_calls_on_one_connection_cost_nothing(server: AttackedServer) -> None:
    peer = server.peer()
    block = http2.block(http2.call_fields() | {"grpc-timeout": "never", "user-agent": "x" * 1000})
    streams = [peer.new_stream() for _ in range(1000)]
    peer.send(*(http2.headers(stream, block, end=True) for stream in streams))
    assert peer.wait(lambda: peer.closed or all(peer.responses[stream].over for stream in streams))


# Requests of people and machines that do not speak gRPC: what differs, and the statuses that are honest.
PLAIN: dict[str, tuple[dict[str, str], set[int]]] = {
    "get": ({":method": "GET"}, {405}),
    "get_nothing": ({":method": "GET", ":path": "/"}, {404, 405}),
    "head": ({":method": "HEAD"}, {405}),
    "put": ({":method": "PUT"}, {405}),
    "delete": ({":method": "DELETE"}, {405}),
    "unknown_method": ({":method": "BREW"}, {405}),
    "text": ({"content-type": "text/plain"}, {415}),
    "json": ({"content-type": "application/json"}, {415}),
    "grpc_web": ({"content-type": "application/grpc-web"}, {415}),
    "almost_grpc": ({"content-type": "application/grpcx"}, {415}),
    "form_to_nowhere": ({"content-type": "application/x-www-form-urlencoded", ":path": "/login.php"}, {404, 415}),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_a_request_that_is_not_grpc_gets_an_honest_answer(server: AttackedServer, kind: str) -> None:
    changes, statuses = PLAIN[kind]
    peer = server.peer()
    response = peer.call(fields=http2.call_fields() | changes)
    assert response.status in statuses, str(response)
    assert response.complete, str(response)
    if kind == "head":
        assert not response.body
    else:
        assert 0 < len(response.body) < 1000
        assert response.blocks[0]["content-type"].startswith("text/plain")
    assert_serves(peer)


def test_a_request_without_content_type_gets_an_honest_answer(server: AttackedServer) -> None:
    fields = http2.call_fields()
    del fields["content-type"]
    peer = server.peer()
    response = peer.call(fields=fields)
    assert response.status == 415, str(response)
    assert_serves(peer)


def test_an_upload_that_is_not_grpc_is_not_taken_to_its_end(server: AttackedServer) -> None:
    peer = server.peer()
    stream = peer.open(http2.block(http2.call_fields() | {"content-type": "application/octet-stream"}))
    taken = 0
    while taken < (64 << 20) and peer.send_body(stream, bytes(100_000), end=False):
        taken += 100_000
    assert taken < 8 << 20
    assert peer.responses[stream].status == 415, str(peer.responses[stream])
    assert_serves(peer)

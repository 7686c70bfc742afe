"""Frames that carry no request, by the thousand."""

from __future__ import annotations

from collections.abc import Callable

import attack_frames as http2
import pytest
from attacked_server import LATE_S, WRITE_TIMEOUT_S, AttackedServer
from raw_peer import RawPeer
from reactions import assert_calmed, assert_serves

FRAMES = 5000

BLOCK = http2.block(http2.call_fields())

# What each sends a number of. Those with a stream get one that is open.
FLOODS: dict[str, Callable[[int], bytes]] = {
    "ping": lambda _: http2.ping() * FRAMES,
    "settings": lambda _: http2.settings() * FRAMES,
    "settings_that_resize_the_table": lambda _: (
        (http2.settings({http2.HEADER_TABLE_SIZE: 0}) + http2.settings({http2.HEADER_TABLE_SIZE: 4096})) * (FRAMES // 2)
    ),
    "priority_of_one_stream": lambda stream: http2.priority(stream, 0) * FRAMES,
    "priority_of_idle_streams": lambda _: b"".join(
        http2.priority(stream, 0) for stream in range(101, 101 + 2 * FRAMES, 2)
    ),
    "priority_in_a_long_chain": lambda _: b"".join(
        http2.priority(stream, stream - 2) for stream in range(101, 101 + 2 * FRAMES, 2)
    ),
    "priority_update": lambda _: http2.frame(http2.PRIORITY_UPDATE, 0, 0, b"\0\0\0\1u=1") * FRAMES,
    "window_update_of_the_connection": lambda _: http2.window_update(0, 1) * FRAMES,
    "window_update_of_a_stream": lambda stream: http2.window_update(stream, 1) * FRAMES,
    "unknown_frame": lambda _: http2.frame(http2.UNKNOWN, 0, 0, b"?") * FRAMES,
    "unknown_frame_of_a_stream": lambda stream: http2.frame(http2.UNKNOWN, 0, stream, bytes(100)) * FRAMES,
}


def attacker(server: AttackedServer) -> tuple[RawPeer, int]:
    """A connection whose windows still have room for thousands of updates, and an open stream on it."""
    peer = server.connect().handshake(window=http2.DEFAULT_WINDOW)
    return peer, peer.open(BLOCK)


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_whose_answers_are_read_is_stopped(server: AttackedServer, kind: str) -> None:
    peer, stream = attacker(server)
    peer.send(FLOODS[kind](stream))
    assert_calmed(peer)


@pytest.mark.parametrize("kind", ["ping", "settings"])
def test_a_flood_whose_answers_are_not_read_is_stopped(server: AttackedServer, kind: str) -> None:
    peer, stream = attacker(server)
    peer.reads = False
    peer.send(FLOODS[kind](stream))
    peer.reads = True
    assert_calmed(peer)


@pytest.mark.parametrize("one", [http2.ping(), http2.settings()], ids=["ping", "settings"])
def test_a_flood_into_a_full_socket_is_stopped(server: AttackedServer, one: bytes) -> None:
    sockets = server.sockets()
    peer = server.connect(receive_buffer=2048).handshake()
    peer.reads = False
    peer.send(one * 200_000, timeout_s=2.0)
    # Nothing that the server says can reach the peer any more; it hangs up all the same.
    assert server.comes_down_to(sockets, WRITE_TIMEOUT_S + LATE_S)


@pytest.mark.parametrize(
    "polite",
    [
        pytest.param(lambda _: http2.ping() * 100, id="pings"),
        pytest.param(lambda _: http2.settings() * 50, id="settings"),
        pytest.param(lambda _: http2.frame(http2.UNKNOWN, 0, 0, b"?") * 50, id="unknown_frames"),
        pytest.param(lambda stream: http2.priority(stream, 0) * 20, id="priorities"),
        pytest.param(lambda stream: http2.window_update(stream, 100) * 5, id="window_updates"),
    ],
)
def test_a_modest_number_of_control_frames_is_taken(server: AttackedServer, polite: Callable[[int], bytes]) -> None:
    peer, stream = attacker(server)
    peer.send(polite(stream))
    assert_serves(peer)


@pytest.mark.parametrize(
    "unasked",
    [
        pytest.param(lambda _: http2.ping(ack=True), id="ping_ack"),
        pytest.param(lambda _: http2.settings_ack(), id="settings_ack"),
        pytest.param(lambda _: http2.goaway(), id="goaway"),
        pytest.param(lambda stream: http2.reset(stream), id="reset_of_a_closed_stream"),
        pytest.param(lambda stream: http2.window_update(stream, 1), id="window_update_of_a_closed_stream"),
    ],
)
def test_a_flood_that_asks_for_no_answer_disturbs_nobody(
    server: AttackedServer, unasked: Callable[[int], bytes]
) -> None:
    peer, stream = attacker(server)
    peer.send(http2.reset(stream))
    peer.send(unasked(stream) * FRAMES)
    # Whether that much is borne or stopped is the server's affair; it must not stop to listen.
    if peer.send(http2.ping()) and not peer.closed:
        peer.wait(lambda: peer.frames[http2.PING, http2.ACK] > 0)
    assert peer.closed or peer.frames[http2.PING, http2.ACK] > 0


def test_settings_with_thousands_of_entries_are_refused(server: AttackedServer) -> None:
    peer = server.peer()
    peer.send(http2.settings([(http2.INITIAL_WINDOW_SIZE, 1000)] * 2000))
    assert_calmed(peer)


def test_settings_that_move_the_windows_of_many_streams_disturb_nobody(server: AttackedServer) -> None:
    peer = server.peer()
    streams = [peer.new_stream() for _ in range(900)]
    peer.send(*(http2.headers(stream, BLOCK) for stream in streams))
    both = http2.settings({http2.INITIAL_WINDOW_SIZE: 0}) + http2.settings({http2.INITIAL_WINDOW_SIZE: 65_535})
    peer.send(both * 400)
    assert peer.wait(lambda: peer.closed or peer.frames[http2.SETTINGS, http2.ACK] >= 801)

"""What a server should do about an attack."""

from __future__ import annotations

from collections.abc import Iterable

import attack_frames as http2
from raw_peer import REACTION_S, RawPeer, Response

NAMES = {
    http2.NO_ERROR: "NO_ERROR",
    http2.PROTOCOL_ERROR: "PROTOCOL_ERROR",
    http2.ENHANCE_YOUR_CALM: "ENHANCE_YOUR_CALM",
}


def told(peer: RawPeer) -> str:
    """The connection's end, in words."""
    goaway = "no GOAWAY" if peer.goaway is None else f"GOAWAY {NAMES.get(peer.goaway, peer.goaway)}"
    return f"{goaway}, {'closed' if peer.closed else 'open'}, {peer.resets()} streams reset"


def assert_calmed(peer: RawPeer) -> None:
    """The server says ENHANCE_YOUR_CALM and hangs up."""
    peer.wait_closed()
    assert peer.closed, f"the flood is not stopped: {told(peer)}"
    assert peer.goaway == http2.ENHANCE_YOUR_CALM, told(peer)


def assert_stopped(peer: RawPeer) -> None:
    """The server names an error of the connection and hangs up: calm down, or that it broke a rule."""
    peer.wait_closed()
    assert peer.closed, f"it is not stopped: {told(peer)}"
    assert peer.goaway not in (None, http2.NO_ERROR), told(peer)


def all_closed(peers: Iterable[RawPeer], within_s: float) -> bool:
    """Whether the server hangs up on each; the time is for all together where it hangs up on all at once."""
    return all(peer.wait_closed(within_s) for peer in peers)


def assert_hung_up(peer: RawPeer, within_s: float = REACTION_S) -> None:
    """The server closes the connection, with whatever words."""
    assert peer.wait_closed(within_s), f"the connection is still open: {told(peer)}"


def assert_refused(response: Response) -> None:
    """The call has failed, in any way that a client understands."""
    failed = response.grpc_status not in (None, 0) or (response.status or 0) >= 400
    assert response.reset is not None or (response.complete and failed), str(response)


def assert_status(response: Response, *codes: int) -> None:
    """The call ends with one of these gRPC statuses, as Trailers-Only or after an answer."""
    assert response.status == 200, str(response)
    assert response.grpc_status in codes, str(response)
    assert response.complete, str(response)


def assert_serves(peer: RawPeer) -> None:
    """The connection is as good as before: the next call on it succeeds."""
    response = peer.call()
    assert response.grpc_status == 0, f"the next call fails: {response}; {told(peer)}"

"""TLS for the few calls that prepare a run, and addresses."""

from __future__ import annotations

import socket
import ssl
import tempfile
from dataclasses import dataclass
from typing import Any

from pyserver.channel import UnreachableError
from pyserver_loadgen.protocols.errors import RequestError


@dataclass(frozen=True)
class TlsOptions:
    """PEM texts; `ca` empty: the system's authorities. `verify` False: whoever answers is trusted."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
    server_name: str = ""
    verify: bool = True


def split_address(address: str) -> tuple[str, int]:
    """Host and port of "HOST:PORT" or "[IPv6]:PORT". Raises RequestError."""
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise RequestError(f"address {address!r}: expected HOST:PORT, [IPv6]:PORT or unix:PATH")
    return host, int(port)


def client_context(tls: TlsOptions) -> ssl.SSLContext:
    """For Python's own sockets. Raises RequestError."""
    try:
        context = ssl.create_default_context(cadata=tls.ca or None)
    except (ssl.SSLError, ValueError) as error:
        raise RequestError(f"the authority's certificate cannot be used: {error}") from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.certificate:
        # The ssl module reads a certificate of one's own from files only.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
            pem.write(f"{tls.certificate}\n{tls.key}\n")
            pem.flush()
            try:
                context.load_cert_chain(pem.name)
            except (ssl.SSLError, ValueError) as error:
                raise RequestError(f"the client's certificate or key cannot be used: {error}") from None
    return context


def shown_certificate(address: str, tls: TlsOptions, timeout_s: float) -> tuple[bytes, str]:
    """The certificate that a server shows, as PEM, and a name that is in it, or "".

    For libraries that cannot but verify: what the server shows is taken for its own authority. Raises RequestError,
    UnreachableError.
    """
    try:
        shown = _handshake(address, client_context(tls), timeout_s).getpeercert(binary_form=True)
        pem = ssl.DER_cert_to_PEM_cert(shown or b"")
        # Names are only told of a certificate that was verified: it is, by itself.
        context = client_context(TlsOptions(pem, tls.certificate, tls.key))
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        told = _handshake(address, context, timeout_s).getpeercert()
    except OSError as error:
        raise UnreachableError(f"no TLS server answers at {address}: {error}") from None
    entries: Any = (told or {}).get("subjectAltName", ())
    names = [str(name) for kind, name in entries if kind in ("DNS", "IP Address")]
    return pem.encode(), names[0].replace("*", "any") if names else ""


def _handshake(address: str, context: ssl.SSLContext, timeout_s: float) -> ssl.SSLSocket:
    """A connection that was secured, and is closed again."""
    if address.startswith("unix:"):
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        plain.settimeout(timeout_s)
        plain.connect(address.removeprefix("unix:"))
        host = "localhost"
    else:
        host, port = split_address(address)
        plain = socket.create_connection((host, port), timeout_s)
    with plain:
        # As every gRPC client does: servers of gRPC alone refuse who does not speak HTTP/2.
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context.wrap_socket(plain, server_hostname=host)

"""The servers that the catalogue is asked of: ours, and nghttpd to check the catalogue itself."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import shutil
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from server_process import RepositoryBuilder, ServerProcess

START_S = 20
# A method without arguments whose answer has a message, so DATA comes back. Servers that know no gRPC answer 404.
PATH = "/inference.GRPCInferenceService/ServerLive"


class Process(Protocol):
    """What can be killed at the end."""

    def kill(self) -> None: ...


@dataclass(frozen=True)
class Certificate:
    """A self-signed one for 127.0.0.1, as PEM files."""

    certificate: Path
    key: Path

    def client_context(self) -> ssl.SSLContext:
        """Trusts this certificate alone, offers h2 alone."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.set_alpn_protocols(["h2"])
        return context


@dataclass(frozen=True)
class Http2Server:
    """A server that runs. `tls` is the context for its clients, None in cleartext."""

    address: tuple[str, int]
    tls: ssl.SSLContext | None
    process: Process
    path: str = PATH


class Nghttpd:
    """Debian's nghttpd (package nghttp2-server) on an empty folder: every answer is a 404 with a body."""

    def __init__(self, folder: Path, certificate: Certificate | None) -> None:
        program = shutil.which("nghttpd")
        if program is None:
            pytest.fail("nghttpd is not installed (Debian's package nghttp2-server)")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address: tuple[str, int] = free.getsockname()
        how = ["--no-tls"] if certificate is None else []
        files = [] if certificate is None else [str(certificate.key), str(certificate.certificate)]
        command = [program, "--address=127.0.0.1", f"--htdocs={folder}", *how, str(self.address[1]), *files]
        self._process = subprocess.Popen(command)
        self._wait_until_it_listens()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _wait_until_it_listens(self) -> None:
        """It does not say when, so it is tried, for as long as it lives and START_S at most."""
        deadline = time.monotonic() + START_S
        while not self._listens():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.kill()
                pytest.fail(f"nghttpd did not start: exit code {self._process.returncode}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)

    def _listens(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(self.address) == 0


def start_http2_server(name: str, folder: Path, certificate: Certificate | None) -> Http2Server:
    """`name` is nghttpd or a transport of ours; TLS where a certificate is given."""
    tls = None if certificate is None else certificate.client_context()
    folder.mkdir(exist_ok=True)
    if name == "nghttpd":
        nghttpd = Nghttpd(folder, certificate)
        return Http2Server(nghttpd.address, tls, nghttpd)
    repository = RepositoryBuilder(folder / "models")
    repository.identity("echo")
    arguments = [str(repository.root), "--transport", name]
    if certificate is not None:
        arguments += ["--grpc-tls-cert", str(certificate.certificate), "--grpc-tls-key", str(certificate.key)]
    server = ServerProcess(arguments, folder / "log")
    host, port = server.address.rsplit(":", 1)
    return Http2Server((host, int(port)), tls, server)


def make_certificate(folder: Path) -> Certificate:
    """Valid from an hour ago, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pyserver test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made

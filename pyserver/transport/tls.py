"""What a server needs to speak TLS: PEM texts, or the files that hold them and may be replaced while it serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from pyserver.config.schema import ServerSettings
from pyserver.errors import ConfigError


@dataclass(frozen=True)
class TlsCredentials:
    """For `add_secure_port` of every transport. All PEM; the key is not encrypted.

    `client_authorities`: whom clients' certificates must come from; None: clients are not asked for one.
    """

    certificate_chain: bytes
    private_key: bytes
    client_authorities: bytes | None = None
    require_client_certificate: bool = False

    def __post_init__(self) -> None:
        if self.require_client_certificate and not self.client_authorities:
            raise ConfigError("clients cannot be required to have a certificate without authorities to check it by")


@dataclass(frozen=True)
class TlsFiles:
    """Credentials in files. The native transport reads them again when they change; grpcio reads them once."""

    certificate_chain: Path
    private_key: Path
    client_authorities: Path | None = None
    require_client_certificate: bool = False

    def read(self) -> TlsCredentials:
        """What the files hold now. Raises ConfigError."""
        authorities = None if self.client_authorities is None else _read(self.client_authorities)
        return TlsCredentials(
            _read(self.certificate_chain), _read(self.private_key), authorities, self.require_client_certificate
        )

    def fingerprint(self) -> Sequence[tuple[int, int, int] | None]:
        """Changes when a file is written or replaced, also through a symbolic link."""
        files = (self.certificate_chain, self.private_key, self.client_authorities)
        return [None if file is None else _version(file) for file in files]


def tls_files(settings: ServerSettings) -> TlsFiles | None:
    """The files that the settings name. None: no TLS."""
    if settings.grpc_tls_cert is None or settings.grpc_tls_key is None:
        return None
    return TlsFiles(
        settings.grpc_tls_cert,
        settings.grpc_tls_key,
        settings.grpc_tls_client_ca,
        settings.grpc_tls_require_client_cert,
    )


def grpcio_credentials(credentials: object) -> object:
    """The same as grpcio has it; what is not ours is given back as it is. Raises ConfigError."""
    if isinstance(credentials, TlsFiles):
        credentials = credentials.read()
    if not isinstance(credentials, TlsCredentials):
        return credentials
    return grpc.ssl_server_credentials(
        [(credentials.private_key, credentials.certificate_chain)],
        credentials.client_authorities,
        credentials.require_client_certificate,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_ino, told.st_size

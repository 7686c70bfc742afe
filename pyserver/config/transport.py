"""The server's options for TLS and for the native transport: limits and time-outs of connections, HTTP/2 and gRPC.

The names of NativeSettings are those of the core's NativeServerOptions. Time-outs of 0 are switched off.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from pyserver.config.field_types import MIB, Int, Options, Seconds

_KIB = 1024
_MAX_INT = 2**31 - 1


class TlsSettings(Options):
    """TLS. The files are PEM."""

    grpc_tls_cert: Path | None = Field(
        default=None, description="File of the server's certificate and its chain. With it, gRPC is served over TLS."
    )
    grpc_tls_key: Path | None = Field(default=None, description="File of the certificate's key, not encrypted.")
    grpc_tls_client_ca: Path | None = Field(
        default=None, description="File of the authorities that clients' certificates must come from."
    )
    grpc_tls_require_client_cert: bool = Field(default=False, description="Refuse clients without a certificate.")

    @model_validator(mode="after")
    def _certificate_and_key(self) -> TlsSettings:
        if (self.grpc_tls_cert is None) != (self.grpc_tls_key is None):
            raise ValueError("grpc_tls_cert and grpc_tls_key are only taken together")
        if self.grpc_tls_client_ca is not None and self.grpc_tls_cert is None:
            raise ValueError("grpc_tls_client_ca is only taken with grpc_tls_cert and grpc_tls_key")
        if self.grpc_tls_require_client_cert and self.grpc_tls_client_ca is None:
            raise ValueError("grpc_tls_require_client_cert is only taken with grpc_tls_client_ca")
        return self


class NativeSettings(Options):
    """The native transport."""

    io_threads: Int | None = Field(
        default=None, ge=1, le=256, description="Threads that serve connections. Default: half of the CPU threads."
    )
    max_connections: Int = Field(default=10_000, ge=1, le=1_000_000, description="Connections; one more is closed.")
    tls_handshake_timeout_s: Seconds = Field(default=10.0, gt=0, description="Seconds for a TLS handshake.")
    http2_max_concurrent_streams: Int = Field(
        default=1024, ge=1, le=_MAX_INT, description="Calls of one connection at the same time."
    )
    http2_max_header_list_bytes: Int = Field(
        default=16 * _KIB, ge=1024, le=MIB, description="Largest header block of a call, decoded, in bytes."
    )
    http2_max_header_fields: Int = Field(default=128, ge=16, le=10_000, description="Header fields of a call.")
    http2_initial_window_bytes: Int = Field(
        default=256 * _KIB, ge=65_535, le=_MAX_INT, description="What a client may send ahead at first, in bytes."
    )
    http2_max_window_bytes: Int = Field(
        default=16 * MIB, ge=65_535, le=_MAX_INT, description="What it may send ahead on a fast, long line, in bytes."
    )
    http2_max_frame_bytes: Int = Field(
        default=16 * _KIB, ge=16 * _KIB, le=2**24 - 1, description="Largest frame that is taken, in bytes."
    )
    http2_preface_timeout_s: Seconds = Field(
        default=10.0, ge=0, description="Seconds for the first words of a connection."
    )
    http2_headers_timeout_s: Seconds = Field(
        default=10.0, ge=0, description="Seconds for a header block that has begun."
    )
    http2_body_timeout_s: Seconds = Field(
        default=60.0, ge=0, description="Seconds between two pieces of a request that is not complete."
    )
    http2_write_timeout_s: Seconds = Field(
        default=60.0, ge=0, description="Seconds that a client may take nothing of what is sent to it."
    )
    http2_idle_timeout_s: Seconds = Field(default=0.0, ge=0, description="Seconds that a connection may be unused.")
    http2_keepalive_interval_s: Seconds = Field(
        default=7200.0, ge=0, description="Seconds of silence after which a client is asked whether it is there."
    )
    http2_keepalive_timeout_s: Seconds = Field(default=20.0, ge=0, description="Seconds for its answer.")
    http2_max_connection_age_s: Seconds = Field(
        default=0.0, ge=0, description="Seconds after which clients are asked to connect anew, give or take a tenth."
    )
    http2_max_connection_age_grace_s: Seconds = Field(
        default=300.0, ge=0, description="Seconds that calls of such an old connection get to finish."
    )
    http2_max_resets_per_second: Int = Field(
        default=200, ge=1, le=_MAX_INT, description="Calls that a connection may give up before they are answered."
    )
    http2_max_forced_resets_per_second: Int = Field(
        default=100, ge=1, le=_MAX_INT, description="Calls that a connection may break, so that the server resets them."
    )
    http2_max_control_frames_per_second: Int = Field(
        default=1000, ge=1, le=_MAX_INT, description="PING, SETTINGS, PRIORITY and unknown frames of a connection."
    )
    http2_max_queued_control_frames: Int = Field(
        default=1000, ge=1, le=_MAX_INT, description="Answers to such frames that a client may leave unread."
    )
    http2_max_window_updates_per_data: Int = Field(
        default=10, ge=1, le=_MAX_INT, description="WINDOW_UPDATE frames for each DATA frame that was sent."
    )
    http2_max_empty_data_frames: Int = Field(
        default=100, ge=1, le=_MAX_INT, description="DATA frames without content in a row."
    )

    @model_validator(mode="after")
    def _windows_grow(self) -> NativeSettings:
        if self.http2_initial_window_bytes > self.http2_max_window_bytes:
            raise ValueError("http2_initial_window_bytes is at most http2_max_window_bytes")
        return self

"""gRPC's interop clients: how each is called, its cases, and how it says that a case has passed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKSPACE = ROOT / "build" / "conformance"
SERVER_NAME = "interop.test"
"""What the server's certificate is for."""

STANDARD_CASES = (
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
)
"""What every client has. The others of the descriptions need credentials of a cloud, a caching proxy or a soak."""

CPP_CASES = (
    # The one that takes 40 s comes first, so that all others run beside it.
    "slow_consumer",
    *STANDARD_CASES,
    "client_compressed_unary",
    "server_compressed_unary",
    "client_compressed_streaming",
    "server_compressed_streaming",
    "half_duplex",
    "pick_first_unary",
)
"""All that the C++ client lists without credentials, but its three soaks."""


@dataclass(frozen=True)
class Client:
    """One client. `command(case, port, tls)` runs a case; `passed(output)` judges one that exited with 0."""

    name: str
    cases: tuple[str, ...]
    command: Callable[[str, int, bool], list[str]]
    environment: dict[str, str]
    passed: Callable[[str], bool]


def arguments(case: str, port: int, tls: bool) -> list[str]:
    """What all interop clients take. The certificate authority is told in a way of each one's own."""
    flags = [f"--test_case={case}", "--server_host=127.0.0.1", f"--server_port={port}"]
    if tls:
        flags += ["--use_tls=true", f"--server_host_override={SERVER_NAME}"]
    return flags


def cpp_command(case: str, port: int, tls: bool) -> list[str]:
    """The C++ client's."""
    command = [str(WORKSPACE / "cpp" / "interop_client"), *arguments(case, port, tls)]
    if tls and case == "pick_first_unary":
        # In this case the client does not look at --use_tls, only at this.
        command.append("--custom_credentials_type=ssl")
    return command


def cpp_passed(output: str) -> bool:
    """The client exits with 0 in two cases that it gave up, and says so in a line of its log (at level debug)."""
    return re.search(r"^E.* interop_client\.cc|request probe failed", output, re.MULTILINE) is None


def python_command(case: str, port: int, tls: bool) -> list[str]:
    """The Python client's."""
    return [sys.executable, "-m", "tests.interop.client", *arguments(case, port, tls)]


def js_command(case: str, port: int, tls: bool) -> list[str]:
    """That of our client over grpc-js."""
    command = ["node", str(ROOT / "tests" / "interop" / "js" / "interop_client.js"), *arguments(case, port, tls)]
    return [*command, f"--ca_file={WORKSPACE / 'tls' / 'ca.pem'}", f"--proto_root={WORKSPACE / 'grpc'}"]


ROOTS = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(WORKSPACE / "tls" / "ca.pem")}

CLIENTS = (
    Client("cpp", CPP_CASES, cpp_command, {**ROOTS, "GRPC_VERBOSITY": "debug"}, cpp_passed),
    Client(
        "python",
        STANDARD_CASES,
        python_command,
        {**ROOTS, "PYTHONPATH": f"{WORKSPACE / 'python'}:{WORKSPACE / 'generated'}"},
        lambda _: True,
    ),
    Client("js", STANDARD_CASES, js_command, {"NODE_PATH": str(WORKSPACE / "js" / "node_modules")}, lambda _: True),
)

"""Serves the interop TestService until SIGTERM, in cleartext and with TLS: prints `ready cleartext=PORT tls=PORT`."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from src.proto.grpc.testing import test_pb2_grpc
from test_service import TestService
from transports import TRANSPORTS, make_server, server_credentials

GRACE_S = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transport", choices=TRANSPORTS, required=True)
    parser.add_argument("--tls", type=Path, required=True, help="folder with server.key and server.pem")
    options = parser.parse_args()

    server = make_server(options.transport)
    test_pb2_grpc.add_TestServiceServicer_to_server(TestService(), server)
    cleartext = server.add_insecure_port("127.0.0.1:0")
    tls = server.add_secure_port("127.0.0.1:0", server_credentials(options.transport, options.tls))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server.start()
    print(f"ready cleartext={cleartext} tls={tls}", flush=True)
    stop.wait()
    if not server.stop(GRACE_S).wait(2 * GRACE_S):
        raise SystemExit("the server did not stop")


if __name__ == "__main__":
    main()

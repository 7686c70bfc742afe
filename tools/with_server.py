"""Serves models while a command runs: `with_server.py REPOSITORY -- COMMAND …`, `{address}` in it is the server's.

Starts `pyserver serve` on a free port, waits for its `ready` line, runs the command, stops the server with SIGTERM and
exits with the command's code, or with 1 where the server did not start or did not stop cleanly.
"""

from __future__ import annotations

import argparse
import collections
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

READY = re.compile(r"\bready\b")


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Server:
    """A server process; its output is kept, so that a failure can show it."""

    def __init__(self, models: str, address: str) -> None:
        command = [sys.executable, "-m", "pyserver", "serve", models, "--grpc-address", address]
        self.lines: collections.deque[str] = collections.deque(maxlen=200)
        self.ready_line = ""
        self._ready = threading.Event()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        for line in self._process.stdout:
            self.lines.append(line)
            if READY.search(line):
                self.ready_line = line.strip()
                self._ready.set()
        self._ready.set()

    def wait_until_ready(self, seconds: float) -> bool:
        """Whether the `ready` line came in time; not where the process ended before it."""
        return self._ready.wait(seconds) and self.ready_line != ""

    def stop(self, seconds: float) -> int:
        """Asks the server to stop; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._reader.join(5)


def main(arguments: Sequence[str]) -> int:
    """The command line of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", help="a model repository or a model file")
    parser.add_argument("--start-seconds", type=float, default=120)
    parser.add_argument("--stop-seconds", type=float, default=30)
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    options = parser.parse_args(arguments)

    address = f"127.0.0.1:{free_port()}"
    server = Server(options.models, address)
    code = 1
    try:
        if server.wait_until_ready(options.start_seconds):
            print(server.ready_line, flush=True)
            command = [part.replace("{address}", address) for part in options.command]
            code = subprocess.run(command, check=False).returncode
        else:
            print("The server ended, or took too long, before it was ready.", file=sys.stderr)
    finally:
        stopped = server.stop(options.stop_seconds)
    if code == 0 and stopped == 0:
        return 0
    print(f"The command ended with {code}, the server with {stopped}. The server said:", file=sys.stderr)
    sys.stderr.writelines(server.lines)
    return code or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

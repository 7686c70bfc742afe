"""Runs gRPC's interop clients against the interop service on one of our transports, and prints what passed.

Each case is one process of a client, in cleartext and with TLS, several at a time against one server. The exit code is
0 where no more failed than is allowed (ALLOWED_FAILURES), the server lived to the end and stopped when it was asked to.
What a failed case said is in build/conformance/log. Usage: ./dev conformance [--transport NAME] [--client NAME] …
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass

from clients import CLIENTS, CPP_CASES, ROOT, WORKSPACE, Client

LOGS = WORKSPACE / "log"
SECURITIES = ("cleartext", "tls")
CASE_SECONDS = 90
START_SECONDS = 120
STOP_SECONDS = 15
READY = re.compile(r"ready cleartext=(\d+) tls=(\d+)\n")

# Our transport may fail one case of the C++ client with TLS, whichever; none of the other clients', none in cleartext.
ALLOWED_FAILURES = {("cpp", "tls"): 1}
# What grpcio cannot do, in either security: it tells a servicer nothing of how a request was compressed.
GRPCIO_LACKS = ("client_compressed_unary", "client_compressed_streaming")


@dataclass(frozen=True)
class Case:
    """One case of one client, in cleartext or with TLS."""

    client: Client
    name: str
    security: str


@dataclass(frozen=True)
class Outcome:
    """How a case went."""

    case: Case
    passed: bool
    seconds: float
    reason: str = ""


@contextmanager
def running_server(transport: str) -> Iterator[dict[str, int]]:
    """The ports of a server, by security. Raises RuntimeError where it does not start, die or stop as it should."""
    command = [sys.executable, str(ROOT / "tests" / "interop" / "server.py"), "--transport", transport]
    log = LOGS / "server.log"
    with log.open("w") as errors:
        server = subprocess.Popen(
            [*command, "--tls", str(WORKSPACE / "tls")],
            env={**os.environ, "PYTHONPATH": str(WORKSPACE / "generated"), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    impatience = threading.Timer(START_SECONDS, server.kill)
    impatience.start()
    try:
        assert server.stdout is not None  # noqa: S101
        # The editable install may speak before the server does.
        ready = next((line for line in map(READY.fullmatch, server.stdout) if line is not None), None)
        impatience.cancel()
        if ready is None:
            raise RuntimeError(f"The server did not start:\n{log.read_text()}")
        yield dict(zip(SECURITIES, map(int, ready.groups()), strict=True))
        if server.poll() is not None:
            raise RuntimeError(f"The server died with {server.returncode}:\n{log.read_text()[-4000:]}")
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            code = server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            code = server.wait()
    if code != 0:
        raise RuntimeError(f"The server ended with {code} when it was stopped:\n{log.read_text()[-4000:]}")


def run_case(case: Case, port: int) -> Outcome:
    """Runs the client; what it said goes into a log of its own."""
    client, began = case.client, time.monotonic()
    reason = ""
    try:
        done = subprocess.run(
            client.command(case.name, port, case.security == "tls"),
            env={**os.environ, **client.environment},
            cwd=WORKSPACE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=CASE_SECONDS,
            check=False,
        )
        output = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            reason = f"exit code {done.returncode}"
        elif not client.passed(output):
            reason = "exit code 0, but its log says that it gave up"
    except subprocess.TimeoutExpired as error:
        output, reason = (error.stdout or b"").decode(errors="replace"), f"no end after {CASE_SECONDS} s"
    (LOGS / f"{client.name}-{case.security}-{case.name}.log").write_text(output)
    return Outcome(case, not reason, time.monotonic() - began, reason)


def print_table(outcomes: Sequence[Outcome]) -> None:
    """Clients across, cases down; then what failed, and the counts."""
    found = {(outcome.case.client.name, outcome.case.security, outcome.case.name): outcome for outcome in outcomes}
    columns = list(dict.fromkeys((outcome.case.client.name, outcome.case.security) for outcome in outcomes))
    names = sorted({outcome.case.name for outcome in outcomes}, key=CPP_CASES.index)
    print(f"\n{'case':30}" + "".join(f"{client + ' ' + security:>18}" for client, security in columns))
    for name in names:
        cells = (found.get((client, security, name)) for client, security in columns)
        words = ("-" if cell is None else "passed" if cell.passed else "FAILED" for cell in cells)
        print(f"{name:30}" + "".join(f"{word:>18}" for word in words))
    counts = collections.Counter((outcome.case.client.name, outcome.case.security) for outcome in outcomes)
    passed = collections.Counter(
        (outcome.case.client.name, outcome.case.security) for outcome in outcomes if outcome.passed
    )
    print(f"{'':30}" + "".join(f"{f'{passed[column]} of {counts[column]}':>18}" for column in columns) + "\n")
    for outcome in outcomes:
        if not outcome.passed:
            case = outcome.case
            print(f"FAILED {case.client.name} {case.security} {case.name}: {outcome.reason}, {outcome.seconds:.1f} s")


def too_many_failures(outcomes: Sequence[Outcome], transport: str) -> list[str]:
    """What failed beyond the allowed, a sentence each."""
    failed: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for outcome in outcomes:
        if not outcome.passed and not (transport != "native" and outcome.case.name in GRPCIO_LACKS):
            failed[outcome.case.client.name, outcome.case.security].append(outcome.case.name)
    sentences = []
    for (client, security), names in failed.items():
        allowed = ALLOWED_FAILURES.get((client, security), 0)
        if len(names) > allowed:
            sentences.append(f"{client} {security}: {len(names)} failed, {allowed} may ({', '.join(names)})")
    return sentences


def chosen_cases(options: argparse.Namespace) -> list[Case]:
    """The cases that the command line asks for, the longest first."""
    return [
        Case(client, name, security)
        for client in CLIENTS
        for security in SECURITIES
        for name in client.cases
        if options.client in (None, client.name)
        and options.security in (None, security)
        and options.case in (None, name)
    ]


def main(arguments: Sequence[str]) -> int:
    """The command line of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transport", choices=("native", "grpcio", "grpcio-sync"), default="native")
    parser.add_argument("--client", choices=[client.name for client in CLIENTS])
    parser.add_argument("--security", choices=SECURITIES)
    parser.add_argument("--case", choices=CPP_CASES)
    parser.add_argument("--at-once", type=int, default=4, help="cases that run at a time")
    options = parser.parse_args(arguments)
    LOGS.mkdir(parents=True, exist_ok=True)
    cases = sorted(chosen_cases(options), key=lambda case: case.name != "slow_consumer")
    try:
        with running_server(options.transport) as ports, futures.ThreadPoolExecutor(options.at_once) as pool:
            outcomes = list(pool.map(lambda case: run_case(case, ports[case.security]), cases))
            print_table(outcomes)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    sentences = too_many_failures(outcomes, options.transport)
    for sentence in sentences:
        print(f"== {sentence}")
    passed = sum(outcome.passed for outcome in outcomes)
    print(f"== gRPC interop on {options.transport}: {passed} passed, {len(outcomes) - passed} failed")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The 146 cases of h2spec's catalogue (RFC 9113 §3 to §8, RFC 7541), asked of our server in cleartext and over TLS.

h2spec itself is a Go program; these are its cases in our words, under its own ids, so results can be compared. Its
section numbers are RFC 7540's; where RFC 9113 has another number, the file says so.

    pytest tests/http2                                    pyserver's native transport
    pytest tests/http2 --http2-server nghttpd             Debian's nghttpd: checks the catalogue itself
    pytest tests/http2 --http2-server grpcio              pyserver's grpcio transport, for comparison
    pytest tests/http2 -k 'http2/5.1.1/2-tls'             one case

Needs `hpack`, `hyperframe` and `cryptography`. The last lines of the output count the cases that passed. Where h2spec
sends GET and wants an answer with a body, a gRPC call of ServerLive is sent here; any HTTP response is an answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from catalogue import CASES, STRICT_CASES
from certificates import Authority
from http2_connection import Http2Connection
from http2_servers import Http2Server, start_http2_server

FLAVOURS = {False: "cleartext", True: "tls"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--http2-server", choices=["native", "grpcio", "nghttpd"], default="native")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "http2_case(case_id, sentence, strict): a case of h2spec's catalogue")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    mark = metafunc.definition.get_closest_marker("http2_case")
    if mark is not None:
        ids = [f"{mark.args[0]}-{flavour}" for flavour in FLAVOURS.values()]
        metafunc.parametrize("flavour", list(FLAVOURS), ids=ids)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark = item.get_closest_marker("http2_case")
        if mark is not None and isinstance(item, pytest.Function):
            flavour = FLAVOURS[bool(item.callspec.params["flavour"])]
            item.user_properties.append(("http2_case", (mark.args[0], flavour, mark.kwargs["strict"])))


@pytest.fixture(scope="session")
def http2_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[bool], Http2Server]]:
    """http2_server(tls): the one server of this flavour, started when first asked for."""
    folder = tmp_path_factory.mktemp("http2")
    authority = Authority(folder, "authority")
    name = request.config.getoption("--http2-server")
    started: dict[bool, Http2Server] = {}

    def get(tls: bool) -> Http2Server:
        if tls not in started:
            started[tls] = start_http2_server(name, folder / FLAVOURS[tls], authority if tls else None)
        return started[tls]

    yield get
    for server in started.values():
        server.process.kill()


@pytest.fixture
def unspoken(
    request: pytest.FixtureRequest, flavour: bool, http2_server: Callable[[bool], Http2Server]
) -> Iterator[Http2Connection]:
    """A connection of the case's flavour on which no byte of HTTP/2 has been sent."""
    server = http2_server(flavour)
    made = Http2Connection(server.address, server.tls, server.path)
    case_id, sentence = request.node.get_closest_marker("http2_case").args
    made.transcript.append(f"{case_id}: {sentence}")
    yield made
    made.close()


@pytest.fixture
def connection(unspoken: Http2Connection) -> Http2Connection:
    """A connection after the handshake."""
    unspoken.handshake()
    return unspoken


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    passed: Counter[tuple[str, bool]] = Counter()
    missed: dict[str, list[str]] = {flavour: [] for flavour in FLAVOURS.values()}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            case = dict(report.user_properties).get("http2_case")
            if case is None:
                continue
            case_id, flavour, strict = case
            if outcome == "passed":
                passed[flavour, strict] += 1
            else:
                missed[flavour].append(f"{case_id} {outcome}")
    if not passed and not any(missed.values()):
        return
    terminalreporter.section(f"h2spec's catalogue on {config.getoption('--http2-server')}")
    for flavour in FLAVOURS.values():
        strict_cases = f"strict: {passed[flavour, True]} of {STRICT_CASES}"
        terminalreporter.line(f"{flavour}: {passed[flavour, False]} of {CASES} passed; {strict_cases}")
        for line in missed[flavour]:
            terminalreporter.line(f"  {line}")

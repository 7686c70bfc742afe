"""The commands that ask a server reach one that speaks TLS, and show it their own certificate where it asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from certificates import Authority
from server_process import RepositoryBuilder, ServerProcess, StartServer
from test_commands import pyserver


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture
def secure_server(tmp_path: Path, authority: Authority, start_server: StartServer) -> ServerProcess:
    repository = RepositoryBuilder(tmp_path / "models")
    repository.identity("echo", inputs=[{"name": "IN", "datatype": "FP32", "shape": [2]}])
    certificate = authority.sign("server", "DNS:localhost", "IP:127.0.0.1")
    files = ["--grpc-tls-cert", certificate.chain, "--grpc-tls-key", certificate.key]
    mutual = ["--grpc-tls-client-ca", authority.certificate, "--grpc-tls-require-client-cert"]
    return start_server(repository.root, *files, *mutual)


def test_a_server_with_mutual_tls_is_asked(secure_server: ServerProcess, authority: Authority, tmp_path: Path) -> None:
    own = authority.sign("client")
    trust = ["--tls-ca", authority.certificate, "--tls-cert", own.chain, "--tls-key", own.key]
    address = ["--address", secure_server.address]
    done = pyserver("status", "--json", *address, *trust)
    assert json.loads(done.stdout)["models"][0]["name"] == "echo", done.stderr
    (tmp_path / "x.json").write_text("[[1.5, 2.5]]")
    done = pyserver("predict", "echo", tmp_path / "x.json", *address, *trust)
    assert done.returncode == 0, done.stderr
    assert "2.5" in done.stdout
    done = pyserver("bench", "echo", "--duration", "0.2s", "--warmup", "0.1s", "--quiet", *address, *trust)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_pem_files_say_beside_is_not_read(
    secure_server: ServerProcess, authority: Authority, tmp_path: Path
) -> None:
    own = authority.sign("client")
    remarked = tmp_path / "remarked.pem"
    remarked.write_bytes("Zertifizierungsstelle für Versuche\n".encode("latin-1") + authority.certificate.read_bytes())
    trust = ["--tls-ca", remarked, "--tls-cert", own.chain, "--tls-key", own.key]
    for command in (["status"], ["bench", "echo", "--duration", "0.2s", "--warmup", "0.1s", "--quiet"]):
        done = pyserver(*command, "--address", secure_server.address, *trust)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tls-cert", "x.pem"], "--tls-cert and --tls-key go together"),
        (["--tls-ca", "nothing.pem"], "nothing.pem: No such file or directory"),
        (["--tls"], "server answers at 127.0.0.1:9"),
    ],
)
@pytest.mark.parametrize("command", [["status"], ["bench", "echo"]], ids=" ".join)
def test_what_is_wrong_is_told_in_one_line(command: list[str], arguments: list[str], message: str) -> None:
    done = pyserver(*command, "--address", "127.0.0.1:9", *arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert done.stderr.count("\n") == 1

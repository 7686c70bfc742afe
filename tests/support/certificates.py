"""Certificates for tests, made by the openssl command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """PEM files."""

    chain: Path
    key: Path


class Authority:
    """Signs certificates. Its own lies in `certificate`."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._own = self._write(name, ["-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE"])
        self.certificate = self._own.chain

    def sign(self, name: str, *alternative_names: str) -> Certificate:
        """For a server or a client: `alternative_names` such as "DNS:localhost"."""
        signer = ["-CA", str(self._own.chain), "-CAkey", str(self._own.key)]
        names = ["-addext", f"subjectAltName={','.join(alternative_names)}"] if alternative_names else []
        plain = ["-addext", "basicConstraints=critical,CA:FALSE"]
        return self._write(name, ["-subj", f"/CN={name}", *names, *plain, *signer])

    def _write(self, name: str, arguments: list[str]) -> Certificate:
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        kind = ["-x509", "-days", "2", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        files = ["-keyout", str(made.key), "-out", str(made.chain)]
        subprocess.run(["openssl", "req", *kind, *files, *arguments], check=True, capture_output=True)
        return made

"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from server_process import StartServer

ROOT = Path(__file__).resolve().parents[2]
FIRST_CLIENT = ROOT / "clients/python/first_client.py"


def test_the_first_client_reads_a_stroke_as_a_one(start_server: StartServer) -> None:
    server = start_server(ROOT / "examples/digits/repository")
    done = subprocess.run(
        [sys.executable, FIRST_CLIENT, server.address], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[1]\n"


def test_the_shared_memory_client_reads_the_same_from_its_own_memory(start_server: StartServer) -> None:
    server = start_server(ROOT / "examples/digits/repository", "--allow-client-shm")
    done = subprocess.run(
        [sys.executable, ROOT / "examples/shared_memory/system.py", server.address],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[1]\n"


def test_the_readme_shows_the_first_client_to_the_letter() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    code = FIRST_CLIENT.read_text(encoding="utf-8").split('"""\n\n', 1)[1]
    assert code in blocks


def test_the_readme_links_to_files_that_are_there() -> None:
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for link in re.findall(r"\]\((?!http)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"

"""Triton from PyPI: the wheel of pytriton holds tritonserver, and a stub of its Python backend for several Pythons.

It goes into an environment of its own, build/bench/triton/venv, and pytriton itself is never imported.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import toolchain

BUILT = toolchain.BUILT / "triton"
REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_NEWEST = (3, 12)


@dataclass(frozen=True)
class Triton:
    """What is started, and with which environment."""

    server: Path
    backends: Path
    environment: dict[str, str]


def install() -> Triton:
    """Installs what is missing. Raises SystemExit with the reason where Triton cannot run here."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise SystemExit(f"nvidia-pytriton has wheels for Linux on x86_64 only; this is {platform.platform()}")
    if sys.version_info[:2] > _NEWEST:
        raise SystemExit(
            f"Triton's Python backend in nvidia-pytriton needs NumPy 1, which has wheels up to Python "
            f"{'.'.join(map(str, _NEWEST))}; this is Python {_PYTHON}"
        )
    venv = BUILT / "venv"
    _create(venv)
    package = venv / "lib" / f"python{_PYTHON}" / "site-packages" / "pytriton" / "tritonserver"
    server, stubs = package / "bin" / "tritonserver", package / "python_backend_stubs"
    stub = stubs / _PYTHON / "triton_python_backend_stub"
    if not server.exists():
        raise SystemExit(f"{REQUIREMENTS.name} brings no tritonserver: expected {server}")
    if not stub.exists():
        known = ", ".join(sorted((each.name for each in stubs.iterdir()), key=_as_version))
        raise SystemExit(f"Triton's Python backend has no stub for Python {_PYTHON}, only for {known}")
    environment = _environment(venv)
    _check_libraries(stub, environment)
    # Where the backend looks. A link: the stub finds its own libraries from where it really lies.
    link = package / "backends" / "python" / stub.name
    link.unlink(missing_ok=True)
    link.symlink_to(stub)
    return Triton(server, package / "backends", environment)


def requirements() -> list[str]:
    """What the environment holds."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def _create(venv: Path) -> None:
    """Makes the environment anew where its Python or what is in it has changed."""
    stamp = venv / "stamp"
    wanted = f"{sys.version} {sys.base_prefix} {REQUIREMENTS.read_text(encoding='utf-8')}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print(f"Installing Triton into {venv} (once; some hundred MB)", file=sys.stderr, flush=True)
    shutil.rmtree(venv, ignore_errors=True)
    # -I: what PYTHONPATH names is no part of it.
    toolchain.run_logged([sys.executable, "-I", "-m", "venv", str(venv)], "bench-triton-venv")
    pip = [str(venv / "bin" / "python"), "-I", "-m", "pip", "install", "--disable-pip-version-check"]
    toolchain.run_logged([*pip, "--no-deps", "--only-binary=:all:", "-r", str(REQUIREMENTS)], "bench-triton-pip")
    stamp.write_text(wanted, encoding="utf-8")


def _environment(venv: Path) -> dict[str, str]:
    """In which the stub finds libpython, and the Python inside it the environment's packages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    libraries = [sysconfig.get_config_var("LIBDIR") or "", kept.get("LD_LIBRARY_PATH", "")]
    return {
        **kept,
        "PATH": os.pathsep.join([str(venv / "bin"), kept.get("PATH", os.defpath)]),
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
    }


def _check_libraries(stub: Path, environment: dict[str, str]) -> None:
    """Triton itself only says that the stub did not come up."""
    told = subprocess.run(["ldd", str(stub)], check=True, capture_output=True, text=True, env=environment).stdout
    missing = [line.split()[0] for line in told.splitlines() if "not found" in line]
    if missing:
        raise SystemExit(
            f"Triton's Python backend needs {', '.join(missing)}, which is not there. "
            f"Debian's package libpython{_PYTHON} has libpython; pyenv builds it with --enable-shared."
        )


def _as_version(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.split(".")))

"""What the measurements are made with: Debian's packages, and two programs of this folder, built into build/bench."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILT = ROOT / "build" / "bench"
# Debian's packages, judged by what they bring.
PACKAGES = {
    "libgrpc++-dev": lambda: Path("/usr/include/grpcpp/grpcpp.h").exists(),
    "libnghttp2-dev": lambda: Path("/usr/include/nghttp2/nghttp2.h").exists(),
    "nghttp2-client": lambda: shutil.which("h2load") is not None,
    "pkgconf": lambda: shutil.which("pkg-config") is not None,
}


def install_packages() -> None:
    """Installs what is missing. Raises SystemExit where that cannot be done."""
    missing = [name for name, is_there in PACKAGES.items() if not is_there()]
    if not missing:
        return
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    if any(shutil.which(command) is None for command in ["apt-get", *as_root]):
        raise SystemExit(f"Missing: {' '.join(missing)}. Install them (the names are Debian's), then try again.")
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run_logged([*as_root, "apt-get", "update"], "bench-apt-update", quietly)
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    run_logged([*as_root, *install], "bench-apt-install", quietly)


def build(name: str) -> Path:
    """Compiles the program of this name where its sources have changed. Returns where it is."""
    beside_python = Path(sys.executable).with_name("cmake")
    cmake = str(beside_python) if beside_python.exists() else "cmake"
    folder = BUILT / name
    run_logged([cmake, "-S", str(HERE / name), "-B", str(folder), "-DCMAKE_BUILD_TYPE=Release"], f"bench-{name}-cmake")
    run_logged([cmake, "--build", str(folder)], f"bench-{name}-build")
    return folder / name


def run_logged(command: list[str], log: str, environment: dict[str, str] | None = None) -> None:
    """Runs the command with its output in build/LOG.log, and shows that where it fails."""
    path = ROOT / "build" / f"{log}.log"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as output:
        code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment).returncode
    if code != 0:
        raise SystemExit(f"{path.read_text()[-4000:]}\nfailed: {' '.join(command)}")

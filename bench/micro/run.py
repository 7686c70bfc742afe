"""Builds and runs the micro benchmarks of the core: `./dev bench micro [NAME]`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "dev"
NAMES = ("infer_cost", "shared_memory_cost")


def main(wanted: list[str]) -> int:
    """Runs those named, or all. The exit code of the first that fails."""
    names = wanted or list(NAMES)
    subprocess.run(["cmake", "-DPYSERVER_BUILD_TESTS=ON", str(BUILD)], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", str(BUILD), "--target", *names], check=True, stdout=subprocess.DEVNULL)
    for name in names:
        print(f"-- {name}", flush=True)
        done = subprocess.run([str(BUILD / "bench" / "micro" / name)], check=False)
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

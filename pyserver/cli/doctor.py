"""`pyserver doctor`."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from pyserver.cli.doctor_gpu import gpu_rows
from pyserver.cli.exit_codes import EPILOG, FAILURE
from pyserver.cli.tables import console, table
from pyserver.cpu_budget import cpu_budget

_HELP = """Show what this machine can do: CPU, its features, what the container grants, engines, GPUs and versions.

Fails where no engine works.

Example: `pyserver doctor`
"""

# What decides how fast models run, as Linux names them.
_FEATURES = ("sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16",
             "amx_int8", "asimd", "asimddp", "bf16", "i8mm", "sve")  # fmt: skip
_PACKAGES = ("pyserver", "grpcio", "protobuf", "numpy", "openvino", "torch", "onnxruntime", "pillow", "pydantic")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("doctor", help=_HELP, epilog=EPILOG)(doctor)


def doctor() -> None:
    """Prints a report of this machine."""
    rows = table("", "")
    rows.show_header = False
    model, features = cpu_description(_read(Path("/proc/cpuinfo")))
    rows.add_row("CPU", model or platform.processor() or platform.machine())
    rows.add_row("CPU features", " ".join(features) or "not known")
    budget = cpu_budget()
    quota = "no quota" if budget.quota is None else f"a quota of {budget.quota:g} CPUs"
    rows.add_row("CPU threads", f"{budget.threads} ({budget.source}; {budget.affinity} CPUs by affinity, {quota})")
    works = False
    for name, available, detail in _engines():
        works = works or available
        rows.add_row(f"engine {name}", f"works: {detail}" if available else f"does not work: {detail}")
    for asked, found in gpu_rows():
        rows.add_row(asked, found)
    rows.add_row("versions", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))
    rows.add_row("Python", f"{platform.python_version()} on {platform.platform()}")
    console().print(rows)
    if not works:
        raise typer.Exit(FAILURE)


def cpu_description(cpuinfo: str) -> tuple[str, list[str]]:
    """The CPU's name and those of its features that matter here, from the text of /proc/cpuinfo."""
    found: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip(), value.strip())
    flags = set((found.get("flags") or found.get("Features") or "").split())
    return found.get("model name", ""), [feature for feature in _FEATURES if feature in flags]


def _engines() -> list[tuple[str, bool, str]]:
    try:
        from pyserver.engines import engine_report
    except ImportError as error:
        # The core itself cannot be loaded: that is the answer to why nothing works.
        return [("core", False, str(error))]
    return [(engine.name, engine.available, engine.detail) for engine in engine_report()]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

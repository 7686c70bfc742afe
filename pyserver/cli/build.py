"""`pyserver build`."""

import logging
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from pyserver.cli.exit_codes import EPILOG
from pyserver.config.messages import sentences
from pyserver.config.tensorrt import FLAVOUR_NAMES, PRECISIONS, TensorRtOptions
from pyserver.errors import ConfigError, ModelLoadError

_HELP = """Build a TensorRT plan of an ONNX model, ahead of time.

TensorRT-RTX (`pip install 'pyserver[tensorrt-rtx]'`) does it on a machine without a GPU, and its plan is for all GPUs
that it supports, or for those that `--compute-capability` names. TensorRT builds on the GPU that the plan is for.

`--profile` says which shapes an input with free dimensions may have: the least, the best and the largest, with the
batch dimension. An input that is named a second time begins a second profile. Without it, a free first dimension is the
batch, from 1 to `--max-batch-size`.

Progress is told on stderr, and what was built on stdout.

Example: `pyserver build resnet50.onnx --output resnet50.plan --profile images=1x3x224x224:8x3x224x224:32x3x224x224`
"""

_SHAPE = re.compile(r"\d{1,10}(x\d{1,10})*")
_CAPABILITY = re.compile(r"\d{1,2}\.\d|current")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("build", help=_HELP, epilog=EPILOG)(build)


def build(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="The model.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The plan, such as model.plan.")],
    flavour: Annotated[
        str, typer.Option("--flavour", metavar="|".join(FLAVOUR_NAMES), help="Default: the first that is installed.")
    ] = "",
    precision: Annotated[
        str,
        typer.Option("--precision", metavar="|".join(PRECISIONS), help="What the model must be computed in."),
    ] = "model",
    profile: Annotated[
        list[str] | None, typer.Option("--profile", metavar="INPUT=MIN:OPT:MAX", help="Shapes, such as 1x3x224x224.")
    ] = None,
    max_batch_size: Annotated[
        int | None, typer.Option("--max-batch-size", min=1, max=2**31 - 1, help="Rows, without --profile. Default: 8.")
    ] = None,
    shape_values: Annotated[
        list[str] | None,
        typer.Option("--shape-values", metavar="INPUT=V,V…", help="The values of an input that is a shape tensor."),
    ] = None,
    compute_capability: Annotated[
        list[str] | None,
        typer.Option("--compute-capability", metavar="M.N|current", help="A GPU to build for; may be repeated."),
    ] = None,
    workspace_mib: Annotated[
        int | None, typer.Option("--workspace-mib", min=1, max=2**24, help="GPU memory that the build may use.")
    ] = None,
    optimization_level: Annotated[
        int | None, typer.Option("--optimization-level", min=0, max=5, help="How long the build searches.")
    ] = None,
) -> None:
    """Builds a plan."""
    options = _options(
        flavour=flavour or None,
        precision=precision,
        profiles=_parse_profiles(profile or ()),
        shape_values=_parse_values(shape_values or ()),
        workspace_mib=workspace_mib,
        optimization_level=optimization_level,
    )
    capabilities = _parse_capabilities(compute_capability or ())
    if not model.is_file():
        raise ConfigError(f"{model}: no such file")
    if not output.parent.is_dir():
        raise ConfigError(f"--output: {output.parent}: no such folder")  # now, and not after minutes
    # Only now: what builds is much to import, and a wrong flag should be told at once.
    from pyserver.engines.tensorrt.building import BuildRequest, build_plan
    from pyserver.engines.tensorrt.loader import TensorRtLoader
    from pyserver.engines.tensorrt.onnx_files import files_of

    # What the library logs is in the sentence of the failure.
    logging.getLogger("pyserver.tensorrt").addHandler(logging.NullHandler())
    library = TensorRtLoader().builder(options.flavour)
    request = BuildRequest(
        precision=options.precision,
        profiles=options.profiles,
        shape_values=options.shape_values,
        max_batch_size=max_batch_size,
        workspace_mib=options.workspace_mib,
        optimization_level=options.optimization_level,
        compute_capabilities=capabilities,
    )
    files_of(model)
    _tell(f"building with {library.title}")
    began = time.monotonic()
    plan = build_plan(library, model, request, _tell)
    _write(output, plan)
    print(f"{output}: {len(plan)} bytes, built by {library.title} in {time.monotonic() - began:.1f} s")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options(**values: object) -> TensorRtOptions:
    try:
        return TensorRtOptions.model_validate(values)
    except ValidationError as error:
        raise ConfigError(sentences(error, TensorRtOptions, lambda key: f"--{key.replace('_', '-')}")) from None


def _parse_profiles(texts: Iterable[str]) -> list[dict[str, dict[str, list[int]]]]:
    profiles: list[dict[str, dict[str, list[int]]]] = []
    for text in texts:
        name, _, shapes = text.rpartition("=")
        parts = shapes.split(":")
        if not name or len(parts) != 3 or not all(_SHAPE.fullmatch(part) for part in parts):
            raise ConfigError(f"--profile: expected INPUT=MIN:OPT:MAX with shapes such as 1x3x224x224, got {text!r}")
        if not profiles or name in profiles[-1]:
            profiles.append({})
        sizes = [[int(size) for size in part.split("x")] for part in parts]
        profiles[-1][name] = dict(zip(("min", "opt", "max"), sizes, strict=True))
    return profiles


def _parse_values(texts: Iterable[str]) -> dict[str, list[int]]:
    values = {}
    for text in texts:
        name, _, numbers = text.rpartition("=")
        try:
            values[name] = [int(number) for number in numbers.split(",")]
        except ValueError:
            name = ""
        if not name:
            raise ConfigError(f"--shape-values: expected INPUT=V,V with whole numbers, got {text!r}")
    return values


def _parse_capabilities(texts: Sequence[str]) -> Sequence[str]:
    for text in texts:
        if not _CAPABILITY.fullmatch(text):
            raise ConfigError(f"--compute-capability: expected one such as 8.9, or current, got {text!r}")
    if "current" in texts and len(texts) > 1:
        raise ConfigError("--compute-capability: current stands for the GPU of this machine, and goes with no other")
    return texts


def _write(path: Path, plan: bytes) -> None:
    """Whole or not at all: a server may be watching the folder."""
    try:
        # What is left of a failure goes with the folder.
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            temporary = Path(folder) / path.name
            temporary.write_bytes(plan)
            temporary.replace(path)
    except OSError as error:
        raise ModelLoadError(f"{path}: cannot be written: {error.strerror}") from None

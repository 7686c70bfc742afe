"""Which source makes the tensors of an input: what `--input` says, or what suits its name, datatype and shape.

--input NAME=zeros             --input NAME=random, random:-1..1, random:0..9
--input NAME=text, text:12, text:5..40 (words)      --input NAME=tokens, tokens:5..8000 (ids)
--input NAME=image, image:1920x1080 (the size of JPEG files)      --input NAME=FILE or FOLDER
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pyserver_loadgen.inputs.files import SamplesSource, read_requests, read_samples
from pyserver_loadgen.inputs.images import JpegSource, PixelsSource, looks_like_pixels
from pyserver_loadgen.inputs.source import TensorSource
from pyserver_loadgen.inputs.synthetic import RandomSource, ZerosSource
from pyserver_loadgen.inputs.text import DEFAULT_WORDS, TextSource
from pyserver_loadgen.inputs.tokens import TokensSource, is_token_input
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import ModelMetadata, TensorSpec

GENERATORS = ("zeros", "random", "text", "image", "tokens")
_NUMBER = r"-?\d{1,18}(?:\.\d{1,18})?"
_RANGE = re.compile(rf"({_NUMBER})(?:\.\.({_NUMBER}))?")
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
_PICTURE_NAMES = ("image", "picture", "photo", "jpeg", "jpg", "png", "img")


def choose_sources(
    model: ModelMetadata,
    inputs: Sequence[str],
    inputs_path: Path | None,
    *,
    batch_size: int | None = None,
    scale: float = 1.0,
    layout: str = "",
) -> dict[str, TensorSource]:
    """One for every input that requests have; optional inputs only where they are named. Raises RequestError."""
    told: dict[str, str] = {}
    for text in inputs:
        name, source = _split(text, model)
        if name in told:
            raise RequestError(f"input {name!r} is given twice")
        told[name] = source
    chosen = _from_path(inputs_path, model, batch_size, scale, layout) if inputs_path is not None else {}
    sources: dict[str, TensorSource] = {}
    for spec in model.inputs:
        if spec.name in told:
            sources[spec.name] = _source(spec, told[spec.name], model, batch_size, scale, layout)
        elif spec.name in chosen:
            sources[spec.name] = chosen[spec.name]
        elif not spec.optional:
            sources[spec.name] = _suitable(spec, layout)
    return sources


def _split(text: str, model: ModelMetadata) -> tuple[str, str]:
    name, equals, source = text.partition("=")
    if equals and any(spec.name == name for spec in model.inputs):
        return name, source
    if not equals and len(model.inputs) == 1:
        return model.inputs[0].name, text
    if not equals:
        known = ", ".join(spec.name for spec in model.inputs)
        raise RequestError(f"--input {text}: expected NAME=SOURCE, because the model's inputs are {known or 'none'}")
    return model.input(name).name, source


def _source(
    spec: TensorSpec, text: str, model: ModelMetadata, batch_size: int | None, scale: float, layout: str
) -> TensorSource:
    kind, colon, argument = text.partition(":")
    if kind not in GENERATORS:
        if not Path(text).exists():
            raise RequestError(f"--input {spec.name}={text}: expected a file, a folder, or {', '.join(GENERATORS)}")
        samples = read_samples(Path(text), spec, batches=model.batches(), scale=scale, layout=layout)
        return SamplesSource(spec, samples, text, batches=model.batches(), batch_size=batch_size)
    where = f"--input {spec.name}={text}"
    if kind == "zeros":
        if colon:
            raise RequestError(f"{where}: zeros take nothing after them")
        return ZerosSource(spec)
    if kind == "image":
        return _images(spec, argument, where, layout)
    if not colon:
        if kind == "random":
            return RandomSource(spec)
        return TokensSource(spec) if kind == "tokens" else TextSource(spec)
    low, high = _range(argument, where)
    if kind == "random":
        return RandomSource(spec, low, high)
    if low % 1 or high % 1:
        raise RequestError(f"{where}: expected whole numbers")
    return TokensSource(spec, int(low), int(high)) if kind == "tokens" else TextSource(spec, int(low), int(high))


def _images(spec: TensorSpec, argument: str, where: str, layout: str) -> TensorSource:
    if not argument:
        return JpegSource(spec) if spec.datatype == "BYTES" else PixelsSource(spec, layout)
    size = _SIZE.fullmatch(argument)
    if size is None:
        raise RequestError(f"{where}: expected image:WIDTHxHEIGHT")
    if spec.datatype != "BYTES":
        raise RequestError(f"{where}: pictures of {spec.datatype} have the size of the input's shape")
    return JpegSource(spec, int(size[1]), int(size[2]))


def _range(argument: str, where: str) -> tuple[float, float]:
    found = _RANGE.fullmatch(argument.strip())
    if found is None:
        raise RequestError(f"{where}: expected a number or LOW..HIGH after the colon")
    return float(found[1]), float(found[2] or found[1])


def _suitable(spec: TensorSpec, layout: str) -> TensorSource:
    if spec.datatype == "BYTES":
        picture = any(word in spec.name.lower() for word in _PICTURE_NAMES)
        return JpegSource(spec) if picture else TextSource(spec, *DEFAULT_WORDS)
    if is_token_input(spec):
        return TokensSource(spec)
    if looks_like_pixels(spec):
        return PixelsSource(spec, layout)
    return RandomSource(spec)


def _from_path(
    path: Path, model: ModelMetadata, batch_size: int | None, scale: float, layout: str
) -> dict[str, TensorSource]:
    requests = read_requests(path, model)
    if requests is None:
        needed = [spec for spec in model.inputs if not spec.optional] or list(model.inputs)
        if len(needed) != 1:
            known = ", ".join(spec.name for spec in needed)
            raise RequestError(
                f"--inputs {path}: the model's inputs are {known}: "
                "give .npz files or JSON objects that name them, or --input NAME=FILE"
            )
        requests = {needed[0].name: read_samples(path, needed[0], batches=model.batches(), scale=scale, layout=layout)}
    return {
        name: SamplesSource(model.input(name), samples, str(path), batches=model.batches(), batch_size=batch_size)
        for name, samples in requests.items()
    }

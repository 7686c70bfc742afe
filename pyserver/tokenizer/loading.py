"""From a tokenizer.json and the options of `tokenize` to a tokenizer of the core."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Collection, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from pyserver import _core
from pyserver.config.tokenize import Output, TokenizeOptions
from pyserver.errors import ModelLoadError
from pyserver.tokenizer import cache
from pyserver.tokenizer.errors import UnsupportedTokenizerError
from pyserver.tokenizer.surroundings import read_surroundings

_PACKAGE = "openvino-tokenizers"
_OUTPUTS: tuple[Output, ...] = get_args(Output)
# What libraries call the token of padding where the file does not tell.
_PAD_TOKENS = ("[PAD]", "<pad>", "<|pad|>")


def find_tokenizer(options: TokenizeOptions, folders: Sequence[Path]) -> Path:
    """The tokenizer's file in the first of `folders` that has it. Raises ModelLoadError."""
    for folder in folders:
        if (folder / options.file).is_file():
            return folder / options.file
    looked = " and ".join(map(str, folders))
    raise ModelLoadError(f"tokenize: expected the file {options.file} in {looked}, found none")


def load_tokenizer(
    file: Path, options: TokenizeOptions, *, threads: int, cache_folder: Path | None = None
) -> _core.Tokenizer:
    """`threads` is how many texts are encoded at the same time. Raises ModelLoadError."""
    extension = _extension()
    try:
        data = file.read_bytes()
        contents = json.loads(data)
        return _load(contents, data, options, extension, threads, cache_folder)
    except UnsupportedTokenizerError as error:
        raise ModelLoadError(f"{file}: {error}") from None
    except _core.StatusError as error:
        raise ModelLoadError(f"{file}: {error.message}") from None
    except OSError as error:
        raise ModelLoadError(f"{file}: cannot be read or converted: {error}") from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelLoadError(
            f"{file}: expected a tokenizer.json of Hugging Face, got another ({type(error).__name__}: {error})"
        ) from None


def model_inputs(options: TokenizeOptions, inputs: Collection[str]) -> dict[Output, str]:
    """Which of the model's `inputs` takes which output of the tokenizer. Raises ModelLoadError."""
    for output, name in options.outputs.items():
        if name not in inputs:
            raise ModelLoadError(f"tokenize: outputs.{output}: the model has no input {name!r}")
    names = {output: options.outputs.get(output, output) for output in _OUTPUTS}
    found = {output: name for output, name in names.items() if name in inputs}
    if "input_ids" not in found:
        raise ModelLoadError(
            f"tokenize: expected a model with the input {names['input_ids']!r}, "
            f"got one with {', '.join(sorted(inputs))}"
        )
    return found


def _load(
    contents: Mapping[str, Any],
    data: bytes,
    options: TokenizeOptions,
    extension: Path,
    threads: int,
    cache_folder: Path | None,
) -> _core.Tokenizer:
    def convert(path: Path) -> None:
        # Only where there is something to convert: OpenVINO's Python package is not small.
        from openvino import save_model

        from pyserver.tokenizer.conversion import convert as to_model

        save_model(to_model(contents, extension), str(path), compress_to_fp16=False)

    truncation, padding = contents["truncation"] or {}, contents["padding"] or {}
    max_length: int | None = options.max_length or truncation.get("max_length")
    if options.padding == "max_length" and max_length is None:
        raise UnsupportedTokenizerError(
            "padding: max_length needs a max_length, of which neither file nor option tells"
        )
    surroundings = read_surroundings(contents["post_processor"])
    key = cache.key_of(data, importlib.metadata.version(_PACKAGE))
    with cache.converted(cache_folder, key, convert) as path:
        return _core.Tokenizer(
            str(path),
            str(extension),
            threads=threads,
            max_text_bytes=options.max_text_bytes,
            before=surroundings.before,
            after=surroundings.after,
            text_type=surroundings.text_type,
            max_length=max_length,
            cut=options.truncation_side or truncation.get("direction", "Right").lower(),
            pad_to=(max_length or 0) if options.padding == "max_length" else 0,
            pad=options.padding_side or padding.get("direction", "Right").lower(),
            pad_id=padding["pad_id"] if padding else _pad_id(contents["added_tokens"]),
            pad_type=padding.get("pad_type_id", 0),
        )


def _pad_id(added_tokens: Sequence[Mapping[str, Any]]) -> int:
    ids = {token["content"]: int(token["id"]) for token in added_tokens}
    return next((ids[name] for name in _PAD_TOKENS if name in ids), 0)


def _extension() -> Path:
    """The library of operations; its Python package is not imported, for it changes OpenVINO's classes."""
    spec = find_spec("openvino_tokenizers")
    if spec is None or spec.origin is None:
        raise ModelLoadError(
            "tokenize: needs the package openvino-tokenizers, which is not installed: pip install 'pyserver[tokenize]'"
        )
    return Path(spec.origin).parent / "lib" / "libopenvino_tokenizers.so"

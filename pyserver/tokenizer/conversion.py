"""A Hugging Face tokenizer.json → an OpenVINO model from texts to token ids.

Needs the packages openvino and openvino-tokenizers, of which only the library of operations is used: the package's
own conversion needs transformers, and differs from Hugging Face's library on ordinary texts (it folds case where it
should lower it, takes 100 bytes for 100 characters, puts steps in another order).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openvino import Model

from pyserver.tokenizer import patterns
from pyserver.tokenizer.errors import UnsupportedTokenizerError
from pyserver.tokenizer.models import add_model
from pyserver.tokenizer.normalizers import add_normalizer
from pyserver.tokenizer.pre_tokenizers import add_pre_tokenizers, flat
from pyserver.tokenizer.text_graph import TextGraph

_NEVER = r"([^\s\S])"


def convert(file: Mapping[str, Any], extension: Path) -> Model:
    """The model's outputs are begins, ends and ids: text k's tokens are ids[begins[k]:ends[k]].

    Raises UnsupportedTokenizerError.
    """
    graph = TextGraph(extension, _special_tokens(file))
    add_normalizer(graph, file["normalizer"])
    pre_tokenizers = flat(file["pre_tokenizer"])
    add_pre_tokenizers(graph, pre_tokenizers)
    return add_model(graph, file, pre_tokenizers)


def _special_tokens(file: Mapping[str, Any]) -> str:
    """Matches the longest special token, with the spaces that belong to it around its first group."""
    alternatives = []
    for token in sorted(file["added_tokens"], key=lambda token: len(token["content"]), reverse=True):
        if token["single_word"]:
            raise UnsupportedTokenizerError(f"added_tokens: expected no single_word, got {token['content']!r}")
        if token["normalized"] and file["normalizer"] is not None:
            raise UnsupportedTokenizerError(f"added_tokens: expected none that is normalized, got {token['content']!r}")
        if token["lstrip"] or token["rstrip"]:
            raise UnsupportedTokenizerError(
                f"added_tokens: expected none that takes spaces (lstrip, rstrip), got {token['content']!r}"
            )
        alternatives.append(patterns.literal(token["content"]))
    return f"({'|'.join(alternatives)})" if alternatives else _NEVER

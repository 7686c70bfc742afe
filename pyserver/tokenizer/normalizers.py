"""The `normalizer` of a tokenizer.json."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from pyserver.tokenizer import charsmap, patterns
from pyserver.tokenizer.errors import UnsupportedTokenizerError
from pyserver.tokenizer.text_graph import TextGraph

Json = Mapping[str, Any]


def add_normalizer(graph: TextGraph, step: Json | None) -> None:
    """Adds a normalizer, and those that it is made of. Raises UnsupportedTokenizerError."""
    if step is None:
        return
    if step["type"] == "Sequence":
        for part in step["normalizers"]:
            add_normalizer(graph, part)
        return
    add = _KINDS.get(step["type"])
    if add is None:
        raise UnsupportedTokenizerError(f"normalizer: expected one of {', '.join(_KINDS)}, got {step['type']}")
    add(graph, step)


def _bert(graph: TextGraph, step: Json) -> None:
    clean, lowercase = step["clean_text"], step["lowercase"]
    strip_accents = lowercase if step["strip_accents"] is None else step["strip_accents"]
    if clean:
        graph.replace(r"[\x{0}\p{Co}]+", "")
    if step["handle_chinese_chars"]:
        graph.replace(f"([{patterns.CHINESE}])", " $1 ")
    table = charsmap.bert_map(clean=clean, strip_accents=strip_accents, lowercase=lowercase)
    if table:
        graph.map_characters(charsmap.compile_map(table))


def _lowercase(graph: TextGraph, _: Json) -> None:
    graph.map_characters(charsmap.compile_map(charsmap.lowercase_map()))


def _strip_accents(graph: TextGraph, _: Json) -> None:
    graph.map_characters(charsmap.compile_map(charsmap.strip_accents_map()))


def _precompiled(graph: TextGraph, step: Json) -> None:
    table = base64.b64decode(step["precompiled_charsmap"])
    if table:
        graph.map_characters(table)


def _replace(graph: TextGraph, step: Json) -> None:
    text = step["content"]
    if re.search(r"\\[1-9]", text):
        raise UnsupportedTokenizerError(f"normalizer Replace: expected a content without \\1, got {text!r}")
    graph.replace(pattern_of(step["pattern"]), patterns.replacement(text))


def _prepend(graph: TextGraph, step: Json) -> None:
    graph.replace(r"^([\s\S])", f"{patterns.replacement(step['prepend'])}${{1}}")


def _strip(graph: TextGraph, step: Json) -> None:
    if step["strip_left"]:
        graph.replace(f"^[{patterns.SPACE}]+", "")
    if step["strip_right"]:
        # Looking back keeps a long run of spaces within a text from being tried from each of its characters on.
        graph.replace(rf"(?<![{patterns.SPACE}])[{patterns.SPACE}]+\z", "")


def pattern_of(pattern: Json) -> str:
    """The regular expression of a tokenizer.json's `pattern`."""
    return patterns.literal(pattern["String"]) if "String" in pattern else str(pattern["Regex"])


_KINDS: Mapping[str, Callable[[TextGraph, Json], None]] = {
    "BertNormalizer": _bert,
    "Lowercase": _lowercase,
    "NFC": lambda graph, _: graph.unicode_form("nfc"),
    "NFD": lambda graph, _: graph.unicode_form("nfd"),
    "NFKC": lambda graph, _: graph.unicode_form("nfkc"),
    "NFKD": lambda graph, _: graph.unicode_form("nfkd"),
    "Precompiled": _precompiled,
    "Prepend": _prepend,
    "Replace": _replace,
    "Strip": _strip,
    "StripAccents": _strip_accents,
}

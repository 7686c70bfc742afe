"""The `pre_tokenizer` of a tokenizer.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pyserver.tokenizer import patterns
from pyserver.tokenizer.errors import UnsupportedTokenizerError
from pyserver.tokenizer.normalizers import pattern_of
from pyserver.tokenizer.text_graph import TextGraph

Json = Mapping[str, Any]


def flat(step: Json | None) -> list[Json]:
    """The pre-tokenizers that one is made of."""
    if step is None:
        return []
    if step["type"] == "Sequence":
        return [part for inner in step["pretokenizers"] for part in flat(inner)]
    return [step]


def add_pre_tokenizers(graph: TextGraph, steps: list[Json]) -> None:
    """Raises UnsupportedTokenizerError."""
    for step in steps:
        add = _KINDS.get(step["type"])
        if add is None:
            raise UnsupportedTokenizerError(f"pre_tokenizer: expected one of {', '.join(_KINDS)}, got {step['type']}")
        add(graph, step)


def _byte_level(graph: TextGraph, step: Json) -> None:
    """Bytes stay bytes: it is the vocabulary that is translated back from GPT-2's characters."""
    if step["add_prefix_space"]:
        graph.replace(r"^([^ ])", " $1")
    if step.get("use_regex", True):
        graph.split(patterns.BYTE_LEVEL, keep="both")


def _metaspace(graph: TextGraph, step: Json) -> None:
    mark = step["replacement"]
    known = patterns.literal(mark)
    graph.replace(" ", patterns.replacement(mark))
    # "first" is meant for the text's first piece: another difference only where a special token is in the text.
    if step.get("prepend_scheme", "always") != "never":
        graph.replace(rf"^([^{known}])", f"{patterns.replacement(mark)}$1")
    if step.get("split", True):
        graph.split(f"{known}?[^{known}]+|{known}", keep="matches")


def _split(graph: TextGraph, step: Json) -> None:
    _split_at(graph, pattern_of(step["pattern"]), step["behavior"], invert=step["invert"])


def _punctuation(graph: TextGraph, step: Json) -> None:
    _split_at(graph, f"[{patterns.PUNCTUATION}]", step["behavior"])


def _split_at(graph: TextGraph, pattern: str, behavior: str, *, invert: bool = False) -> None:
    keep: Literal["matches", "others", "both"]
    if behavior == "Removed":
        keep = "matches" if invert else "others"
    elif behavior in {"Isolated", "Contiguous"} and not invert:
        keep = "both"
        pattern = f"(?:{pattern})+" if behavior == "Contiguous" else pattern
    else:
        raise UnsupportedTokenizerError(
            "pre_tokenizer: expected the behavior Removed, or Isolated or Contiguous without invert, got "
            f"{behavior}{' with invert' if invert else ''}"
        )
    graph.split(pattern, keep=keep)


_KINDS: Mapping[str, Callable[[TextGraph, Json], None]] = {
    "BertPreTokenizer": lambda graph, _: graph.split(
        f"[{patterns.PUNCTUATION}]|[^{patterns.SPACE}{patterns.PUNCTUATION}]+", keep="matches"
    ),
    "ByteLevel": _byte_level,
    "Digits": lambda graph, step: graph.split(r"\p{N}" if step["individual_digits"] else r"\p{N}+", keep="both"),
    "Metaspace": _metaspace,
    "Punctuation": _punctuation,
    "Split": _split,
    "Whitespace": lambda graph, _: graph.split(
        f"[{patterns.WORD}]+|[^{patterns.WORD}{patterns.SPACE}]+", keep="matches"
    ),
    "WhitespaceSplit": lambda graph, _: graph.split(f"[{patterns.SPACE}]+", keep="others"),
}

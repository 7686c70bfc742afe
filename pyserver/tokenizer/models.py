"""The `model` of a tokenizer.json: from pieces to tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from openvino import Model

from pyserver.tokenizer import patterns
from pyserver.tokenizer.errors import UnsupportedTokenizerError
from pyserver.tokenizer.text_graph import Text, TextGraph, number, numbers, texts

Json = Mapping[str, Any]

_MAX_BYTES_OF_WORD = 2**31 - 1
# Nothing that is assigned, so no vocabulary has it.
_TOO_LONG = "\U0010ffff"
# What a word is, and so what may be too long, is up to the pre-tokenizer that makes words.
_WORDS = {
    "BertPreTokenizer": f"[^{patterns.SPACE}{patterns.PUNCTUATION}]",
    "WhitespaceSplit": f"[^{patterns.SPACE}]",
}


def add_model(graph: TextGraph, file: Json, pre_tokenizers: list[Json]) -> Model:
    """Ends the graph. Raises UnsupportedTokenizerError."""
    add = _KINDS.get(file["model"]["type"])
    if add is None:
        raise UnsupportedTokenizerError(f"model: expected one of {', '.join(_KINDS)}, got {file['model']['type']}")
    return add(graph, file, [step["type"] for step in pre_tokenizers])


def _word_piece(graph: TextGraph, file: Json, pre_tokenizers: list[str]) -> Model:
    model = file["model"]
    if len(pre_tokenizers) != 1 or pre_tokenizers[0] not in _WORDS:
        raise UnsupportedTokenizerError(
            f"pre_tokenizer: expected one of {', '.join(_WORDS)} for WordPiece, got {pre_tokenizers or 'none'}"
        )
    # The operation has a limit of its own, but in bytes.
    word = _WORDS[pre_tokenizers[0]]
    graph.replace(rf"\A{word}{{{model['max_input_chars_per_word'] + 1},}}+\z", _TOO_LONG)
    vocabulary = _vocabulary(model["vocab"], file["added_tokens"])
    return graph.tokenize(
        "WordpieceTokenizer",
        [*texts(vocabulary), number(model["vocab"][model["unk_token"]])],
        suffix_indicator=model["continuing_subword_prefix"],
        max_bytes_per_word=_MAX_BYTES_OF_WORD,
    )


def _bpe(graph: TextGraph, file: Json, pre_tokenizers: list[str]) -> Model:
    model = file["model"]
    for name in ("dropout", "continuing_subword_prefix", "ignore_merges"):
        if model.get(name):
            raise UnsupportedTokenizerError(f"model BPE: expected none of {name}, got {model[name]!r}")
    byte_level = "ByteLevel" in pre_tokenizers
    tokens: dict[str, int] = model["vocab"]
    merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    spelled: Callable[[str], Text] = _bytes_of if byte_level else str
    vocabulary = {spelled(token): index for token, index in tokens.items()}
    alphabet: list[Text] = [bytes([byte]) if byte_level else f"<0x{byte:02X}>" for byte in range(256)]
    # What the operation makes of characters without a token is not what Hugging Face's library makes of them.
    missing = sum(token not in vocabulary for token in alphabet)
    if missing or not (byte_level or model["byte_fallback"]):
        raise UnsupportedTokenizerError(
            "model BPE: expected a token for every byte, by the pre-tokenizer ByteLevel or by byte_fallback, "
            f"got one with {256 - missing} of them"
        )
    return graph.tokenize(
        "BPETokenizer",
        [
            *texts(_vocabulary(vocabulary, file["added_tokens"])),
            *texts([spelled(left) for left, _ in merges]),
            *texts([spelled(right) for _, right in merges]),
        ],
        unk_token="",
        fuse_unk=False,
        suffix_indicator="",
        end_suffix=model["end_of_word_suffix"] or "",
        byte_fallback=bool(model["byte_fallback"]),
        cache_capacity=20_000,
    )


def _unigram(graph: TextGraph, file: Json, _: list[str]) -> Model:
    model = file["model"]
    if model.get("byte_fallback"):
        raise UnsupportedTokenizerError("model Unigram: expected no byte_fallback")
    if model["unk_id"] is None:
        raise UnsupportedTokenizerError("model Unigram: expected an unk_id, got none")
    scores = dict(enumerate(score for _, score in model["vocab"]))
    # A special token is a piece of its own, which must stay whole: no split of it scores as high.
    scores.update({token["id"]: 0.0 for token in file["added_tokens"]})
    vocabulary = _vocabulary({token: index for index, (token, _) in enumerate(model["vocab"])}, file["added_tokens"])
    lowest = min(score for _, score in model["vocab"])
    return graph.tokenize(
        "UnigramTokenizer",
        [*texts(vocabulary), numbers(scores.get(index, lowest) for index in range(len(vocabulary)))],
        byte_fallback=False,
        unk_token_id=model["unk_id"],
        fuse_unk=True,
    )


def _word_level(graph: TextGraph, file: Json, _: list[str]) -> Model:
    model = file["model"]
    if model["unk_token"] not in model["vocab"]:
        raise UnsupportedTokenizerError("model WordLevel: expected its unk_token in its vocabulary")
    return graph.look_up(_vocabulary(model["vocab"], file["added_tokens"]), model["vocab"][model["unk_token"]])


def _vocabulary(tokens: Mapping[Any, int], added_tokens: list[Json]) -> list[Text]:
    """By id. A gap is filled by what no text in UTF-8 can have."""
    known: dict[int, Text] = {index: token for token, index in tokens.items()}
    known.update({token["id"]: token["content"] for token in added_tokens})
    return [known.get(index, b"\xff%d" % index) for index in range(max(known) + 1)]


def _byte_table() -> dict[str, int]:
    """GPT-2's characters for bytes: those that can be seen stand for themselves, the others for 256 and up."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(256 + place): byte for place, byte in enumerate(hidden)}


_BYTE_TABLE = _byte_table()


def _bytes_of(token: str) -> bytes:
    """Of a byte-level token; one that is not of these characters can only be a special token, as it is written."""
    try:
        return bytes(_BYTE_TABLE[character] for character in token)
    except KeyError:
        return token.encode()


_KINDS: Mapping[str, Callable[[TextGraph, Json, list[str]], Model]] = {
    "BPE": _bpe,
    "Unigram": _unigram,
    "WordLevel": _word_level,
    "WordPiece": _word_piece,
}

"""The `post_processor` of a tokenizer.json, for one text: the special tokens before and after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pyserver.tokenizer.errors import UnsupportedTokenizerError

Json = Mapping[str, Any]
Token = tuple[int, int]  # its id and its token_type_id


class Surroundings(NamedTuple):
    """What stands around a text's own tokens."""

    before: tuple[Token, ...] = ()
    after: tuple[Token, ...] = ()
    text_type: int = 0


def read_surroundings(step: Json | None) -> Surroundings:
    """Raises UnsupportedTokenizerError."""
    if step is None or step["type"] == "ByteLevel":  # which only moves the offsets
        return Surroundings()
    if step["type"] == "Sequence":
        found = [read_surroundings(part) for part in step["processors"]]
        changed = [part for part in found if part != Surroundings()]
        if len(changed) > 1:
            raise UnsupportedTokenizerError("post_processor: expected one that adds tokens, got several")
        return changed[0] if changed else Surroundings()
    if step["type"] in {"BertProcessing", "RobertaProcessing"}:
        return Surroundings(((step["cls"][1], 0),), ((step["sep"][1], 0),))
    if step["type"] == "TemplateProcessing":
        return _template(step)
    raise UnsupportedTokenizerError(
        "post_processor: expected one of BertProcessing, ByteLevel, RobertaProcessing, Sequence, TemplateProcessing, "
        f"got {step['type']}"
    )


def _template(step: Json) -> Surroundings:
    before: list[Token] = []
    after: list[Token] = []
    text_type = None
    for part in step["single"]:
        if "Sequence" in part:
            if text_type is not None:
                raise UnsupportedTokenizerError("post_processor: expected a template with the text once, got it twice")
            text_type = part["Sequence"]["type_id"]
            continue
        token = part["SpecialToken"]
        ids = step["special_tokens"][token["id"]]["ids"]
        (before if text_type is None else after).extend((index, token["type_id"]) for index in ids)
    if text_type is None:
        raise UnsupportedTokenizerError("post_processor: expected a template with the text, got one without")
    return Surroundings(tuple(before), tuple(after), text_type)

"""Maps of characters in SentencePiece's precompiled form, as the operation CharsMapNormalization takes them.

The form: the size of a trie in bytes (u32), the trie, and the replacements, each ended by a NUL. The trie is a
double array as darts-clone reads it: of each unit (u32) the low byte is the label that leads to it, bit 8 tells that a
key ends here, bits 10 to 31 are what is XORed to the unit's index to find its children; a leaf, the child with label
0, has bit 31 set and the place of its replacement in the others.
"""

from __future__ import annotations

import struct
import sys
import unicodedata
from collections.abc import Iterator, Mapping

_LEAF = 1 << 31
_HAS_LEAF = 1 << 8
_OFFSET_SHIFT = 10
_MAX_UNITS = 1 << 21  # beyond it darts-clone writes offsets in another way

_Node = dict[int, "_Node"]


def bert_map(*, clean: bool, strip_accents: bool, lowercase: bool) -> dict[str, str]:
    """BertNormalizer's, of characters that are not for private use."""
    return {c: to for c in _characters() if (to := _bert(c, clean, strip_accents, lowercase)) != c}


def lowercase_map() -> dict[str, str]:
    """Each character by itself, so that a Σ at a word's end is σ too."""
    return {c: c.lower() for c in _characters() if c.lower() != c}


def strip_accents_map() -> dict[str, str]:
    """Marks of every kind become nothing."""
    return {c: "" for c in _characters() if unicodedata.category(c).startswith("M")}


def compile_map(characters: Mapping[str, str]) -> bytes:
    """The precompiled form of a map from single characters to what they become."""
    replacements = bytearray()
    places: dict[str, int] = {}
    root: _Node = {}
    leaves: dict[int, int] = {}
    for character, replacement in characters.items():
        if replacement not in places:
            places[replacement] = len(replacements)
            replacements += replacement.encode() + b"\0"
        node = root
        for byte in character.encode():
            node = node.setdefault(byte, {})
        leaves[id(node)] = places[replacement]
    trie = _double_array(root, leaves)
    return struct.pack("<I", len(trie)) + trie + bytes(replacements)


def _bert(character: str, clean: bool, strip_accents: bool, lowercase: bool) -> str:
    if clean:
        if character in "\t\n\r" or unicodedata.category(character).startswith("Z"):
            return " "
        if unicodedata.category(character) in {"Cc", "Cf"} or character == "\N{REPLACEMENT CHARACTER}":
            return ""
    if strip_accents:
        parts = unicodedata.normalize("NFD", character)
        character = "".join(part for part in parts if not _is_accent(part))
    # Each part by itself: the lower case of some depends on their neighbours.
    return "".join(part.lower() for part in character) if lowercase else character


def _is_accent(character: str) -> bool:
    """As Hugging Face's library has it from Unicode 8: since then U+1734 is none, and U+1885 and U+1886 are ones."""
    return character == "\u1734" or (unicodedata.category(character) == "Mn" and character not in "\u1885\u1886")


def _characters() -> Iterator[str]:
    """All but NUL, which ends a replacement, the surrogates and what is for private use."""
    for code in range(1, sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) not in {"Cs", "Co", "Cn"}:
            yield character


def _double_array(root: _Node, leaves: dict[int, int]) -> bytes:
    units: list[int | None] = [0]
    taken = {0}  # offsets that have children
    gap = 1  # where an only child looks for room; never goes back, so that all looking together takes linear time
    waiting = [(root, 0)]
    for node, index in waiting:
        labels = sorted(node)
        leaf = leaves.get(id(node))
        if leaf is not None:
            labels.insert(0, 0)
        alone = len(labels) == 1
        at = gap if alone else len(units)
        while (base := at ^ labels[0]) in taken or any(_occupied(units, base ^ label) for label in labels):
            at += 1
        gap = at + 1 if alone else gap
        taken.add(base)
        units[index] = (units[index] or 0) | ((base ^ index) << _OFFSET_SHIFT)
        for label in labels:
            place = base ^ label
            units.extend([None] * (place + 1 - len(units)))
            if leaf is not None and label == 0:
                units[place] = _LEAF | leaf
                units[index] = (units[index] or 0) | _HAS_LEAF
            else:
                units[place] = label
                waiting.append((node[label], place))
    # Readers look at every unit of a block of 256; one that nothing leads to must look like no child.
    units.extend([None] * (-len(units) % 256))
    if len(units) > _MAX_UNITS:
        raise ValueError(f"expected a map that fits {_MAX_UNITS} units, got one of {len(units)}")
    return b"".join(struct.pack("<I", _LEAF if unit is None else unit) for unit in units)


def _occupied(units: list[int | None], place: int) -> bool:
    return place == 0 or (place < len(units) and units[place] is not None)

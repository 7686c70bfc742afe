"""Texts become exactly the tokens that Hugging Face's `tokenizers` makes of them."""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tokenizer_files import KINDS, SENTENCES, all_minilm, saved
from tokenizers import Tokenizer

from pyserver import _core
from pyserver.config.tokenize import TokenizeOptions
from pyserver.tokenizer import load_tokenizer

INVALID_ARGUMENT = 3
RESOURCE_EXHAUSTED = 8


@dataclass(repr=False)  # which would be the whole vocabulary
class Pair:
    ours: _core.Tokenizer
    theirs: Tokenizer


class Encoded(NamedTuple):
    ids: np.ndarray
    mask: np.ndarray
    types: np.ndarray


def encode(tokenizer: _core.Tokenizer, texts: list[str]) -> Encoded:
    shape, *contents = tokenizer.encode([text.encode() for text in texts])
    return Encoded(*(np.frombuffer(part, np.int64).reshape(shape) for part in contents))


def encode_with_hugging_face(tokenizer: Tokenizer, texts: list[str]) -> Encoded:
    rows = tokenizer.encode_batch(texts)
    parts = ([row.ids for row in rows], [row.attention_mask for row in rows], [row.type_ids for row in rows])
    return Encoded(*(np.array(part, np.int64).reshape(len(texts), -1) for part in parts))


def assert_same(pair: Pair, texts: list[str]) -> None:
    ours, theirs = encode(pair.ours, texts), encode_with_hugging_face(pair.theirs, texts)
    for name, part, reference in zip(Encoded._fields, ours, theirs, strict=True):
        np.testing.assert_array_equal(part, reference, err_msg=f"{name} of {texts!r}")


def pad_id(tokenizer: Tokenizer) -> int:
    return tokenizer.token_to_id("<pad>") or 0


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tokenizers")
    return {name: saved(make(), folder / name) for name, make in KINDS.items()}


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So that each file is converted once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def pairs(files: dict[str, Path], cache_folder: Path) -> dict[str, Pair]:
    found = {}
    for name, file in files.items():
        theirs = Tokenizer.from_file(str(file))
        theirs.no_truncation()
        theirs.enable_padding(pad_id=pad_id(theirs))
        found[name] = Pair(
            load_tokenizer(file, TokenizeOptions(max_length=2**20), threads=2, cache_folder=cache_folder), theirs
        )
    return found


def known_to_unicode_3(character: str) -> bool:
    return unicodedata.ucd_3_2_0.category(character) not in {"Cn", "Cs"}


def piles_up_marks(text: str) -> bool:
    """Whether a mark follows a mark, or a letter that has one."""
    parts = [unicodedata.normalize("NFD", character) for character in text]
    marks = [bool(unicodedata.combining(part[-1])) for part in parts]
    twofold = any(len(part) > 1 and unicodedata.combining(part[0]) for part in parts)
    return twofold or any(mark and unicodedata.combining(part[0]) for mark, part in zip(marks, parts[1:], strict=False))


CHARACTERS = "".join(filter(known_to_unicode_3, map(chr, range(0xE0000))))


def is_one_of_many_alike(character: str) -> bool:
    """Chinese, Korean, and what is for private use."""
    return "\u3400" <= character <= "\ufaff" or character >= "\U00020000"


SOME_CHARACTERS = [c for index, c in enumerate(CHARACTERS) if not is_one_of_many_alike(c) or index % 64 == 0]
WORDS = sorted({word for sentence in SENTENCES for word in sentence.split()})
SPACES = st.sampled_from([" ", "  ", "\n", "\t", "\r\n", "\u00a0", "\u3000", "\u200b", "\u2028", "\x0b", "\x85"])
MARKS = st.sampled_from("\u0301\u0308\u0327\u05b4\u0e31")
EMOJI = st.sampled_from("😀😂🚀👍🏽👩\u200d💻❤\ufe0f🇩🇪")
LONG_WORDS = st.sampled_from(["a" * 100, "a" * 101, "ж" * 100, "ж" * 101, "ไม่" * 33, "ไม่" * 34])
LIKE_TOKENS = st.sampled_from(["[SEP]", "[MASK]", "<s>", "</s>", "##ing", "▁", "'s"])
ASCII = st.text(alphabet=st.characters(max_codepoint=0x7F), max_size=8)
PARTS = st.one_of(
    st.sampled_from(WORDS), st.sampled_from(CHARACTERS), SPACES, MARKS, EMOJI, LONG_WORDS, LIKE_TOKENS, ASCII
)
TEXTS = st.lists(PARTS, max_size=12).map("".join)
# The operations know Unicode's forms as a list of sequences, not as the order of marks.
UNICODE_FORMS = {"split_bpe", "unigram", "unigram_of_words"}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=100, derandomize=True, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
@example(texts=["", "a", ""])
@example(texts=[""])
@example(texts=SENTENCES[:7])
def test_any_texts_give_the_tokens_that_hugging_face_makes(kind: str, pairs: dict[str, Pair], texts: list[str]) -> None:
    assume(kind not in UNICODE_FORMS or not any(map(piles_up_marks, texts)))
    assert_same(pairs[kind], texts)


@pytest.mark.parametrize("kind", KINDS)
def test_every_character_of_unicode_3_gives_the_same_tokens(kind: str, pairs: dict[str, Pair]) -> None:
    texts = [f"a{character}b {character}" for character in SOME_CHARACTERS]
    if kind in UNICODE_FORMS:
        texts = [text for text in texts if not piles_up_marks(text)]
    pair = pairs[kind]
    different: list[str] = []
    for start in range(0, len(texts), 2048):
        some = texts[start : start + 2048]
        ours, theirs = encode(pair.ours, some).ids, encode_with_hugging_face(pair.theirs, some).ids
        assert ours.shape == theirs.shape
        different += [some[row] for row in np.flatnonzero((ours != theirs).any(axis=1))]
    assert different == []


def test_a_text_that_is_normalized_to_nothing_does_not_get_the_tokens_of_the_text_before(
    pairs: dict[str, Pair],
) -> None:
    pair = pairs["all_minilm"]
    assert_same(pair, ["a secret"])
    for nothing in ("", "\u200b", "\x00\x01", "\u0301"):
        assert_same(pair, [nothing])


def test_more_texts_than_are_tokenized_at_once_keep_their_order(pairs: dict[str, Pair]) -> None:
    assert_same(pairs["all_minilm"], [str(number) * (number % 5) for number in range(2500)])


def test_no_texts_give_no_rows(pairs: dict[str, Pair]) -> None:
    assert pairs["all_minilm"].ours.encode([]) == ((0, 0), b"", b"", b"")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("max_length", [3, 16])
def test_long_texts_are_cut_as_hugging_face_cuts_them(
    kind: str, side: Literal["right", "left"], max_length: int, files: dict[str, Path], cache_folder: Path
) -> None:
    theirs = Tokenizer.from_file(str(files[kind]))
    theirs.enable_truncation(max_length, direction=side)
    theirs.enable_padding(pad_id=pad_id(theirs))
    options = TokenizeOptions(max_length=max_length, truncation_side=side)
    ours = load_tokenizer(files[kind], options, threads=1, cache_folder=cache_folder)
    assert_same(Pair(ours, theirs), [*SENTENCES[:7], "", "a"])


@pytest.mark.parametrize("side", ["right", "left"])
def test_rows_are_padded_to_max_length_where_that_is_asked_for(
    side: Literal["right", "left"], files: dict[str, Path], cache_folder: Path
) -> None:
    theirs = Tokenizer.from_file(str(files["byte_level_bpe"]))
    theirs.enable_truncation(40)
    theirs.enable_padding(length=40, direction=side, pad_id=pad_id(theirs))
    options = TokenizeOptions(max_length=40, padding="max_length", padding_side=side)
    pair = Pair(load_tokenizer(files["byte_level_bpe"], options, threads=1, cache_folder=cache_folder), theirs)
    assert_same(pair, [*SENTENCES[:7], ""])
    assert encode(pair.ours, ["a"]).ids.shape == (1, 40)


def test_what_the_file_says_of_truncation_and_padding_is_the_default(tmp_path: Path) -> None:
    theirs = all_minilm()
    theirs.enable_truncation(6, direction="left")
    theirs.enable_padding(direction="left", pad_id=7, pad_type_id=1)
    ours = load_tokenizer(saved(theirs, tmp_path), TokenizeOptions(), threads=1)
    assert_same(Pair(ours, theirs), [*SENTENCES[:7], "", "a"])


def test_texts_that_are_not_utf8_are_refused_with_their_row(pairs: dict[str, Pair]) -> None:
    for bad in (b"\xff", b"caf\xc3", b"\xed\xa0\x80", b"\xc0\xaf"):
        with pytest.raises(_core.StatusError, match="row 1: expected a text in UTF-8") as refused:
            pairs["all_minilm"].ours.encode([b"good", bad])
        assert refused.value.code == INVALID_ARGUMENT


def test_texts_that_are_too_long_are_refused_with_their_row(files: dict[str, Path], cache_folder: Path) -> None:
    options = TokenizeOptions(max_text_bytes=10)
    tokenizer = load_tokenizer(files["all_minilm"], options, threads=1, cache_folder=cache_folder)
    assert tokenizer.encode([b"0123456789"] * 3)[0][0] == 3
    with pytest.raises(_core.StatusError, match="row 2: expected a text of at most 10 bytes, got 11") as refused:
        tokenizer.encode([b"a", b"b", b"0123456789a"])
    assert refused.value.code == INVALID_ARGUMENT


def test_a_batch_that_would_take_too_much_memory_is_refused(pairs: dict[str, Pair]) -> None:
    with pytest.raises(_core.StatusError, match="tokens in a batch") as refused:
        pairs["all_minilm"].ours.encode([b"a " * 100_000] + [b"a"] * 100)
    assert refused.value.code == RESOURCE_EXHAUSTED


@pytest.mark.parametrize("kind", ["all_minilm", "byte_level_bpe", "unigram"])
def test_threads_that_share_a_tokenizer_get_their_own_answers(kind: str, pairs: dict[str, Pair]) -> None:
    pair = pairs[kind]
    batches = [SENTENCES[index : index + 1 + index % 4] for index in range(7)]
    expected = [encode_with_hugging_face(pair.theirs, batch).ids.tolist() for batch in batches]

    def ask(index: int) -> bool:
        return encode(pair.ours, batches[index % 7]).ids.tolist() == expected[index % 7]

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(ask, range(600)))

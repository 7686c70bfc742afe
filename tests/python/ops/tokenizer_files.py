"""tokenizer.json files of every kind, some trained here on a few sentences."""

from __future__ import annotations

from pathlib import Path

import minilm
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and then it runs away.",
    "It's 12:30 now; don't you think we'd better go? They've been waiting since 1999!",
    "Die Straße nach Zürich führt über die Brücke. Ça va être très bon à Noël.",
    "Ελλάδα και Κύπρος. Съешь же ещё этих мягких французских булок.",
    "中文分词是一个问题。 日本語のテキスト。 한국어 텍스트입니다.",
    "def main(argv: list[str]) -> int:\n\treturn sum(map(int, argv[1:]))",
    "low lower lowest new newer newest wide wider widest",
] * 20

_SPECIAL = ["<s>", "</s>", "<unk>", "<pad>"]
_AROUND = processors.TemplateProcessing(
    single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 0), ("</s>", 1)]
)


def all_minilm() -> Tokenizer:
    return Tokenizer.from_file(str(minilm.package_folder() / "tokenizer.json"))


def cased_word_piece() -> Tokenizer:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(SENTENCES, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def byte_level_bpe(*, add_prefix_space: bool = True) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=_SPECIAL, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), add_prefix_space=add_prefix_space)
    return tokenizer


def split_bpe() -> Tokenizer:
    """As language models of today have it: a regular expression of their own, and digits one by one."""
    words = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
    tokenizer = byte_level_bpe(add_prefix_space=False)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_regex(words), "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), _AROUND])
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(_regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    _train_unigram(tokenizer)
    return tokenizer


def unigram_of_words() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    steps = [normalizers.Lowercase(), normalizers.NFD(), normalizers.StripAccents(), normalizers.Strip()]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    _train_unigram(tokenizer)
    return tokenizer


def words() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation()])
    tokenizer.train_from_iterator(SENTENCES, trainers.WordLevelTrainer(special_tokens=_SPECIAL))
    tokenizer.post_processor = _AROUND
    return tokenizer


KINDS = {
    "all_minilm": all_minilm,
    "cased_word_piece": cased_word_piece,
    "byte_level_bpe": byte_level_bpe,
    "split_bpe": split_bpe,
    "unigram": unigram,
    "unigram_of_words": unigram_of_words,
    "words": words,
}


def saved(tokenizer: Tokenizer, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


def _train_unigram(tokenizer: Tokenizer) -> None:
    trainer = trainers.UnigramTrainer(vocab_size=400, special_tokens=_SPECIAL, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = _AROUND


def _regex(pattern: str) -> object:
    from tokenizers import Regex

    return Regex(pattern)

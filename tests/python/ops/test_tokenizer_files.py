"""Which tokenizer.json can be loaded, what is said of one that cannot, and what is kept of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizer_files import KINDS, saved

from pyserver.config.load import parse_options
from pyserver.config.tokenize import TokenizeOptions
from pyserver.errors import ConfigError, ModelLoadError
from pyserver.tokenizer import find_tokenizer, load_tokenizer, loading, model_inputs


def load(file: Path, options: TokenizeOptions | None = None, cache_folder: Path | None = None) -> Any:
    return load_tokenizer(file, options or TokenizeOptions(max_length=64), threads=1, cache_folder=cache_folder)


def changed(kind: str, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    contents = json.loads(KINDS[kind]().to_str())
    change(contents)
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(contents))
    return file


@pytest.mark.parametrize(
    ("kind", "change", "sentence"),
    [
        ("words", lambda file: file["model"].update(type="Bytes"), "model: expected one of BPE, Unigram, WordLevel"),
        ("words", lambda file: file.update(normalizer={"type": "Nmt"}), "normalizer: expected one of BertNormalizer"),
        ("words", lambda file: file.update(pre_tokenizer={"type": "Word"}), "pre_tokenizer: expected one of"),
        ("words", lambda file: file.update(post_processor={"type": "Word"}), "post_processor: expected one of"),
        ("byte_level_bpe", lambda file: file.update(pre_tokenizer=None), "model BPE: expected a token for every byte"),
        ("byte_level_bpe", lambda file: file["model"].update(dropout=0.1), "model BPE: expected none of dropout"),
        ("unigram", lambda file: file["model"].update(byte_fallback=True), "model Unigram: expected no byte_fallback"),
        ("words", lambda file: file["added_tokens"][0].update(lstrip=True), "added_tokens: expected none that takes"),
        ("words", lambda file: file["added_tokens"][0].update(single_word=True), "expected no single_word, got '<s>'"),
        ("words", lambda file: file["added_tokens"][0].update(normalized=True), "expected none that is normalized"),
        ("words", lambda file: file.pop("model"), "expected a tokenizer.json of Hugging Face, got another"),
    ],
)
def test_what_cannot_be_done_exactly_is_refused_with_its_place(
    kind: str, change: Callable[[dict[str, Any]], None], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelLoadError) as refused:
        load(changed(kind, tmp_path, change))
    assert sentence in refused.value.message
    assert str(tmp_path / "tokenizer.json") in refused.value.message


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelLoadError, match=r"expected a tokenizer\.json of Hugging Face"):
        load(tmp_path / "tokenizer.json")


def test_padding_to_a_length_that_nobody_tells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="padding: max_length needs a max_length"):
        load(saved(KINDS["words"](), tmp_path), TokenizeOptions(padding="max_length"))


def test_a_length_that_only_special_tokens_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="more than the 2 special tokens around each text, got 2"):
        load(saved(KINDS["words"](), tmp_path), TokenizeOptions(max_length=2))


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda _: None)
    with pytest.raises(ModelLoadError, match=r"pip install 'pyserver\[tokenize\]'"):
        load(saved(KINDS["words"](), tmp_path))


def test_a_converted_tokenizer_is_kept_and_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(KINDS["all_minilm"](), tmp_path / "model")
    first = load(file, cache_folder=tmp_path / "cache")
    kept = list((tmp_path / "cache" / "tokenizers").iterdir())
    assert len(kept) == 1

    def fail(*_: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr("pyserver.tokenizer.conversion.convert", fail)
    again = load(file, cache_folder=tmp_path / "cache")
    assert again.encode([b"The quick brown fox"]) == first.encode([b"The quick brown fox"])


def test_another_file_is_converted_anew(tmp_path: Path) -> None:
    for kind in ("words", "unigram"):
        load(saved(KINDS[kind](), tmp_path / "model"), cache_folder=tmp_path / "cache")
    assert len(list((tmp_path / "cache" / "tokenizers").iterdir())) == 2


def test_the_versions_folder_is_looked_into_before_the_models(tmp_path: Path) -> None:
    version, model = tmp_path / "model" / "1", tmp_path / "model"
    in_model = saved(KINDS["words"](), model)
    assert find_tokenizer(TokenizeOptions(), [version, model]) == in_model
    in_version = saved(KINDS["words"](), version)
    assert find_tokenizer(TokenizeOptions(), [version, model]) == in_version
    with pytest.raises(ModelLoadError, match=r"expected the file other\.json in"):
        find_tokenizer(TokenizeOptions(file="other.json"), [version, model])


def test_outputs_go_to_the_models_inputs_of_their_names() -> None:
    assert model_inputs(TokenizeOptions(), ["input_ids", "attention_mask", "scale"]) == {
        "input_ids": "input_ids",
        "attention_mask": "attention_mask",
    }
    renamed = TokenizeOptions(outputs={"input_ids": "ids"})
    assert model_inputs(renamed, ["ids", "token_type_ids"]) == {"input_ids": "ids", "token_type_ids": "token_type_ids"}


@pytest.mark.parametrize(
    ("outputs", "sentence"),
    [
        ({"attention_mask": "mask"}, "the model has no input 'mask'"),
        ({}, "expected a model with the input 'input_ids'"),
    ],
)
def test_a_model_that_does_not_take_the_tokens_is_refused(outputs: dict[Any, str], sentence: str) -> None:
    with pytest.raises(ModelLoadError) as refused:
        model_inputs(TokenizeOptions(outputs=outputs), ["ids", "scores"])
    assert sentence in refused.value.message


@pytest.mark.parametrize(
    "options", [{"file": "../tokenizer.json"}, {"file": "/etc/passwd"}, {"max_length": 0}, {"padding": "none"}]
)
def test_options_that_cannot_be_are_refused_by_their_name(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"model.yaml: {next(iter(options))}"):
        parse_options(TokenizeOptions, options, "model.yaml: ")

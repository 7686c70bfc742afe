"""Hugging Face's tokenizer.json → pyserver._core.Tokenizer."""

from pyserver.tokenizer.loading import find_tokenizer, load_tokenizer, model_inputs

__all__ = ["find_tokenizer", "load_tokenizer", "model_inputs"]

"""What keeps a tokenizer.json from being used."""

from __future__ import annotations


class UnsupportedTokenizerError(Exception):
    """The file asks for something that cannot be done exactly as Hugging Face's library does it."""

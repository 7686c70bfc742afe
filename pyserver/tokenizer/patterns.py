"""Regular expressions (PCRE2's) for what Hugging Face's library decides character by character."""

from __future__ import annotations

# Unicode's White_Space. PCRE2's \s has U+180E too.
SPACE = r"\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
# ASCII's punctuation and Unicode's, of which U+166D was one until Unicode 12.
PUNCTUATION = r"!-/:-@\[-`{-~\p{P}\x{166D}"
# The blocks that BertNormalizer puts spaces around.
CHINESE = (
    r"\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B81F}\x{2B920}-\x{2CEAF}"
    r"\x{2F800}-\x{2FA1F}"
)
# \w as Rust's regular expressions have it.
WORD = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}"
# GPT-2's words.
BYTE_LEVEL = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def literal(text: str) -> str:
    """`text` itself, as a regular expression of PCRE2 and of RE2."""
    return "".join(c if c.isascii() and c.isalnum() else rf"\x{{{ord(c):X}}}" for c in text)


def replacement(text: str) -> str:
    """`text` itself, as what replaces a match."""
    return text.replace("$", "$$")

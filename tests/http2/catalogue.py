"""The names of the cases, how many there are, and what several of them send."""

from __future__ import annotations

import pytest

# h2spec's catalogue without its strict mode, which has one case more.
CASES = 146
STRICT_CASES = 1

# A gRPC message of no bytes: the whole body of a call without arguments.
EMPTY_MESSAGE = bytes(5)
# h2spec's longest value of one header field.
LONG_VALUE = "x" * 4000


def case(case_id: str, sentence: str, *, strict: bool = False) -> pytest.MarkDecorator:
    """Says that a test is a case of h2spec's catalogue: its id there, and in our words what it demands."""
    return pytest.mark.http2_case(case_id, sentence, strict=strict)


def long_fields(count: int) -> list[tuple[str, str]]:
    """Fields that fill a header block."""
    return [(f"x-long-{number}", LONG_VALUE) for number in range(count)]

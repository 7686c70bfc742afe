"""TextGraph: an OpenVINO model from texts to token ids, of openvino-tokenizers' operations.

Every text is a row of pieces. An operation changes or splits each piece by itself and leaves alone those that are
special tokens, so that the steps of a tokenizer.json are added in their order and mean what they mean there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from openvino import Model, Node, Output, PartialShape, Type, op, opset15
from openvino.utils.node_factory import NodeFactory

Text = str | bytes


class TextGraph:
    """One text after another may be added to it, and in the end a model of tokens."""

    def __init__(self, extension: Path, special_tokens: str) -> None:
        """`special_tokens` is a regular expression (RE2's) whose first group is a special token."""
        self._factory = _factory(extension)
        self._texts = op.Parameter(Type.string, PartialShape(["?"]))
        unpacked = NodeFactory("opset15").create("StringTensorUnpack", self._texts.outputs()).outputs()
        # Each text begins as a row of one piece.
        count = opset15.squeeze(opset15.shape_of(unpacked[0], output_type="i32"), _constant(np.int32(0)))
        zero, one = _constant(np.int32(0)), _constant(np.int32(1))
        begins = opset15.range(zero, count, one, output_type="i32").output(0)
        ends = opset15.range(one, opset15.add(count, one), one, output_type="i32").output(0)
        outputs = self._add("SpecialTokensSplit", [begins, ends, *unpacked, _text(special_tokens)])
        self._rows, self._pieces = outputs[:2], outputs[2:]

    def replace(self, pattern: str, replacement: str) -> None:
        """Every match of a regular expression (PCRE2's); $1 is its first group."""
        self._pieces = self._add(
            "RegexNormalization", [*self._pieces, _text(pattern), _text(replacement)], global_replace=True
        )

    def map_characters(self, charsmap: bytes) -> None:
        """By a map in SentencePiece's precompiled form."""
        self._normalize("", [_constant(np.frombuffer(charsmap, np.uint8)).output(0)])

    def unicode_form(self, form: Literal["nfc", "nfd", "nfkc", "nfkd"]) -> None:
        """Unicode's normalization forms."""
        self._normalize(form, [])

    def split(self, pattern: str, *, keep: Literal["matches", "others", "both"]) -> None:
        """Each match of a regular expression becomes a piece of its own, and so does what lies between them."""
        outputs = self._add(
            "RegexSplit",
            [*self._rows, *self._pieces, _text(pattern)],
            behaviour="isolate" if keep == "both" else "remove",
            invert=keep == "matches",
            max_splits=-1,
        )
        self._rows, self._pieces = outputs[:2], outputs[2:]

    def tokenize(self, operation: str, inputs: Sequence[Output], **attributes: Any) -> Model:
        """Ends the graph with a model of tokens, such as WordpieceTokenizer."""
        return self._finish(self._add(operation, [*self._rows, *self._pieces[:3], *inputs], **attributes))

    def look_up(self, vocabulary: Sequence[Text], unknown: int) -> Model:
        """Ends the graph: a piece is a token."""
        ids = _constant(np.arange(len(vocabulary), dtype=np.int32))
        inputs = [*self._pieces[:3], *texts(vocabulary), ids.output(0), _constant(np.int32(unknown)).output(0)]
        return self._finish([*self._rows, *self._add("VocabEncoder", inputs)])

    def _normalize(self, form: str, inputs: Sequence[Output]) -> None:
        self._pieces = self._add(
            "CharsMapNormalization",
            [*self._pieces, *inputs],
            normalization_form=form,
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            escape_whitespaces=False,
        )

    def _add(self, operation: str, inputs: Sequence[Output], **attributes: Any) -> list[Output]:
        return list(self._factory.create(operation, list(inputs), attributes).outputs())

    def _finish(self, outputs: Sequence[Output]) -> Model:
        return Model(list(outputs), [self._texts], "tokenizer")


@cache
def _factory(extension: Path) -> NodeFactory:
    """Kept for good: with it the library would be unloaded, and the graphs' nodes point into that."""
    factory = NodeFactory()
    factory.add_extension(str(extension))
    return factory


def number(value: int) -> Output:
    """An I32 as an input of an operation."""
    return _constant(np.int32(value)).output(0)


def numbers(values: Iterable[float]) -> Output:
    """Many FP32."""
    return _constant(np.array(list(values), np.float32)).output(0)


def texts(values: Sequence[Text]) -> list[Output]:
    """Many texts: where each begins, where it ends, and their bytes."""
    encoded = [value.encode() if isinstance(value, str) else value for value in values]
    ends = np.cumsum([len(value) for value in encoded], dtype=np.int32)
    begins = np.concatenate([np.zeros(1, np.int32), ends[:-1]])
    data = np.frombuffer(b"".join(encoded), np.uint8)
    return [_constant(array).output(0) for array in (begins, ends, data)]


def _text(value: str) -> Output:
    return _constant(np.frombuffer(value.encode(), np.uint8)).output(0)


def _constant(value: np.ndarray[Any, Any] | np.generic) -> Node:
    return op.Constant(np.asarray(value))

"""Texts per second on one thread, against Hugging Face's `tokenizers`, in turns: python bench/micro/ops/texts.py.

Both are asked for the ids of all-MiniLM-L6-v2's tokenizer, cut at 128 tokens and padded to the batch's longest, and
must give the same.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ["RAYON_NUM_THREADS"] = "1"  # before tokenizers is imported
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "support"))

import minilm
import numpy as np
from tokenizers import Tokenizer

from pyserver.config.tokenize import TokenizeOptions
from pyserver.tokenizer import load_tokenizer

ROUNDS = 15
MAX_LENGTH = 128
SENTENCE = "The quick brown fox jumps over the lazy dog, and then it runs away from the café in Zürich."
TEXTS = {"a few words": "weather in Berlin tomorrow", "a sentence": SENTENCE, "a page": " ".join([SENTENCE] * 30)}


def per_second(count: int, encode: Callable[[], object]) -> tuple[float, float]:
    """Texts a second of time, and of the processor's time."""
    repeats = max(1, 512 // count)
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        encode()
    return repeats * count / (time.perf_counter() - wall), repeats * count / (time.process_time() - processor)


def main() -> None:
    file = minilm.package_folder() / "tokenizer.json"
    theirs = Tokenizer.from_file(str(file))
    theirs.enable_truncation(MAX_LENGTH)
    theirs.enable_padding()
    with tempfile.TemporaryDirectory() as cache:
        ours = load_tokenizer(file, TokenizeOptions(max_length=MAX_LENGTH), threads=1, cache_folder=Path(cache))
    print(f"{'text':<12} {'batch':>5} {'pyserver/s':>11} {'tokenizers/s':>13} {'ratio':>6} {'ratio, CPU time':>16}")
    for name, text in TEXTS.items():
        for count in (1, 8, 32):
            texts = [text] * count
            data = [text.encode() for text in texts]
            shape, ids, *_ = ours.encode(data)
            assert np.frombuffer(ids, np.int64).reshape(shape).tolist() == [
                row.ids for row in theirs.encode_batch(texts)
            ]
            rounds = [
                (
                    per_second(count, lambda data=data: ours.encode(data)),
                    per_second(count, lambda texts=texts: theirs.encode_batch(texts)),
                )
                for _ in range(ROUNDS)
            ]
            mine, reference = (median(pair[side][0] for pair in rounds) for side in (0, 1))
            processor = median(a[1] / b[1] for a, b in rounds)
            print(
                f"{name:<12} {count:>5} {mine:>11.0f} {reference:>13.0f} {mine / reference:>6.2f} {processor:>16.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

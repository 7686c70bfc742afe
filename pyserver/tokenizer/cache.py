"""Where converted tokenizers are kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MODEL = "tokenizer.xml"
_FORM = "1"  # of what conversion makes of a file; a change of it outdates what is kept


def key_of(file: bytes, library_version: str) -> str:
    """Changes with whatever changes the converted model."""
    digest = hashlib.sha256(file).hexdigest()
    return f"{digest}-{library_version}-{unicodedata.unidata_version}-{_FORM}"


@contextmanager
def converted(folder: Path | None, key: str, convert: Callable[[Path], None]) -> Iterator[Path]:
    """The path of a converted model's XML file: kept in `folder`, or only for as long as the context.

    `convert` writes it where it is told to.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="pyserver-tokenizer-") as temporary:
            convert(Path(temporary) / MODEL)
            yield Path(temporary) / MODEL
        return
    kept = folder / "tokenizers" / key
    if not (kept / MODEL).is_file():
        _keep(kept, convert)
    yield kept / MODEL


def _keep(kept: Path, convert: Callable[[Path], None]) -> None:
    """Whole or not at all, for another server may use the same folder."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".converting-", dir=kept.parent))
    try:
        convert(temporary / MODEL)
        os.rename(temporary, kept)
    except OSError:
        # Another was faster; what it keeps is the same.
        if not (kept / MODEL).is_file():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

"""Whether files changed: their names, sizes, times and inodes. Contents are not read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

_MAX_FILES = 10_000
_MAX_DEPTH = 16


class UnusableFilesError(Exception):
    """Files that must not, or cannot, be loaded."""


def fingerprint(path: Path, root: Path, config: bytes) -> str:
    """Changes when a file in the version's folder `path` does, or the model's configuration.

    Raises UnusableFilesError where a symbolic link leads out of `root` (a resolved path), and OSError.
    """
    digest = hashlib.sha256(config)
    for count, found in enumerate(_walk(path, root, _MAX_DEPTH)):
        if count >= _MAX_FILES:
            raise UnusableFilesError(f"{path}: more than {_MAX_FILES} files")
        status = found.stat()
        entry = (os.path.relpath(found, path), status.st_size, status.st_mtime_ns, status.st_ino)
        digest.update(repr(entry).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def check_inside(path: Path, root: Path) -> None:
    """Raises UnusableFilesError unless `path`, with all links followed, lies in the resolved path `root`."""
    if not path.resolve().is_relative_to(root):
        raise UnusableFilesError(f"{path}: a symbolic link leads out of the repository {root}")


def _walk(path: Path, root: Path, depth: int) -> Iterator[Path]:
    """Every file, in a fixed order."""
    check_inside(path, root)
    if path.is_file():
        yield path
        yield from _beside(path, root)
        return
    if depth == 0:
        raise UnusableFilesError(f"{path}: folders nested deeper than {_MAX_DEPTH}, or links in a circle")
    for name in sorted(os.listdir(path)):
        found = path / name
        check_inside(found, root)
        if found.is_dir():
            yield from _walk(found, root, depth - 1)
        else:
            yield found


def _beside(file: Path, root: Path) -> Iterator[Path]:
    """Weights that lie beside a model file: model.bin of model.xml, model.onnx.data, model.pdiparams."""
    for name in sorted(os.listdir(file.parent)):
        found = file.parent / name
        if name != file.name and name.startswith(f"{file.stem}.") and found.is_file():
            check_inside(found, root)
            yield found

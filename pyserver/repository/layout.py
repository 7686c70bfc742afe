"""What lies in the model repositories: `<root>/<model>/<version>/<files>`, and single models given as a root.

In scope: names, versions, links, fingerprints. Not in scope: what is inside of a model's files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyserver.config.yaml_file import read_limited
from pyserver.errors import ConfigError, one_line
from pyserver.repository.fingerprint import UnusableFilesError, check_inside, fingerprint

CONFIG_NAME = "model.yaml"
_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]+")
_DIGITS = re.compile(r"[0-9]+")
_MAX_VERSION = 2**63 - 1


@dataclass(frozen=True)
class VersionOnDisk:
    """A version's files."""

    version: int
    path: Path  # a folder, or a file where the model is a single file
    fingerprint: str
    problem: str = ""  # why it must not be loaded


@dataclass(frozen=True)
class ModelOnDisk:
    """A model's folder, or the file that is the whole model."""

    name: str
    root: Path  # as it was configured
    path: Path
    versions: dict[int, VersionOnDisk]
    config_path: Path | None = None
    config: bytes = b""  # content of model.yaml
    config_problem: str = ""  # why model.yaml could not be read


@dataclass
class Scan:
    """One look at all repositories."""

    models: dict[str, ModelOnDisk] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)  # roots that could not be looked at, and why


def scan(roots: Sequence[Path]) -> Scan:
    """Looks at every root. Nothing in a repository makes it fail."""
    result = Scan()
    for root in roots:
        try:
            found = list(_models_of(root, result.warnings))
        except (OSError, UnusableFilesError) as error:
            result.unreadable[root] = one_line(f"{root}: cannot be used: {_text(error)}")
            continue
        for model in found:
            first = result.models.setdefault(model.name, model)
            if first is not model:
                result.warnings.append(f"{model.path}: left out, {first.path} has the same name")
    return result


def _models_of(root: Path, warnings: list[str]) -> Iterator[ModelOnDisk]:
    if root.is_file() or (root / "saved_model.pb").is_file():
        yield _single_model(root)
    elif (root / CONFIG_NAME).is_file():
        yield _read_model(root, root, warnings)
    else:
        for folder in sorted(root.iterdir()):
            # Files in a repository are nobody's model, and no reason to worry.
            if folder.is_dir() and (model := _model_folder(folder, root, warnings)) is not None:
                yield model


def _single_model(path: Path) -> ModelOnDisk:
    """A file or a SavedModel's folder: version 1 of a model that is called as it is."""
    name = path.resolve().stem if path.is_dir() else path.stem
    if not _NAME.fullmatch(name):
        raise UnusableFilesError(f"expected a model name of A-Z, a-z, 0-9, '.', '_' and '-', got {name!r}")
    # The root is the model itself, so what it links to is what was asked for.
    inside = path.resolve().parent if path.is_file() else path.resolve()
    version = _read_version(1, path.resolve(), inside, b"")
    return ModelOnDisk(name, path, path, {1: version})


def _model_folder(folder: Path, root: Path, warnings: list[str]) -> ModelOnDisk | None:
    if not _NAME.fullmatch(folder.name):
        warnings.append(f"{folder}: left out, a model's name is made of A-Z, a-z, 0-9, '.', '_' and '-', not '.' first")
        return None
    try:
        model = _read_model(folder, root, warnings)
    except (OSError, UnusableFilesError) as error:
        warnings.append(f"{folder}: left out, {_text(error)}")
        return None
    if not model.versions:
        warnings.append(f"{folder}: left out, it has no version folder such as {folder.name}/1")
        return None
    return model


def _read_model(folder: Path, root: Path, warnings: list[str]) -> ModelOnDisk:
    inside = root.resolve(strict=True)
    check_inside(folder, inside)
    config_path = folder / CONFIG_NAME
    config, problem = b"", ""
    exists = config_path.exists() or config_path.is_symlink()
    if exists:
        try:
            check_inside(config_path, inside)
            config = read_limited(config_path)
        except (UnusableFilesError, ConfigError) as error:
            problem = str(error)
    versions = {
        number: _read_version(number, path, inside, config or problem.encode())
        for number, path in _version_folders(folder, warnings)
    }
    name = folder.name or inside.name
    return ModelOnDisk(name, root, folder, versions, config_path if exists else None, config, one_line(problem))


def _version_folders(folder: Path, warnings: list[str]) -> Iterator[tuple[int, Path]]:
    for path in folder.iterdir():
        # 20 digits and more are beyond 64 bits; int() of a thousand would take its time.
        if not _DIGITS.fullmatch(path.name) or not path.is_dir():
            continue
        if path.name.startswith("0") or len(path.name) > 19 or int(path.name) > _MAX_VERSION:
            warnings.append(f"{path}: left out, a version is a whole number from 1 to {_MAX_VERSION}")
            continue
        yield int(path.name), path


def _read_version(number: int, path: Path, inside: Path, config: bytes) -> VersionOnDisk:
    try:
        return VersionOnDisk(number, path, fingerprint(path, inside, config))
    except (OSError, UnusableFilesError) as error:
        problem = _text(error)
        return VersionOnDisk(number, path, problem, problem)


def _text(error: Exception) -> str:
    if isinstance(error, OSError):
        return one_line(f"{error.filename}: {error.strerror}" if error.strerror else str(error))
    return one_line(str(error))

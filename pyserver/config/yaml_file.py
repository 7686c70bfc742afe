"""YAML that may come from anywhere: bounded, without duplicate keys, without aliases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pyserver.errors import ConfigError

MAX_FILE_BYTES = 1024 * 1024


def read_limited(path: Path) -> bytes:
    """The file's content, at most one byte more than parse_yaml takes. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None


def parse_yaml(content: bytes, source: Path) -> dict[str, Any]:
    """The mapping at the top of a YAML document. Raises ConfigError."""
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{source}: expected at most {MAX_FILE_BYTES} bytes, the file has more")
    try:
        # _Loader is a SafeLoader.
        document = yaml.load(content, _Loader)  # noqa: S506
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: not valid YAML: {_text(error)}") from None
    except ValueError as error:
        # Such as a date in the 13th month.
        raise ConfigError(f"{source}: not valid YAML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{source}: not valid YAML: nested too deeply") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{source}: expected keys and values, got a {_kind(document)}")
    for key in document:
        if not isinstance(key, str):
            raise ConfigError(f"{source}: expected keys that are texts, got {key!r}")
    return document


def _kind(document: Any) -> str:
    if isinstance(document, list):
        return "list"
    return "text" if isinstance(document, str) else "single value"


def _text(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
        return f"{error.problem or error.context}{where}"
    return str(error)


class _Loader(yaml.SafeLoader):
    """Refuses what would silently lose or multiply data."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not taken", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                key = self.construct_object(key_node)
                if key in seen:
                    problem = f"the key {key!r} stands there twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
                seen.add(key)
        return super().construct_mapping(node, deep)

"""Options from a file, the environment and the command line: file < environment < flag.

Whatever is wrong becomes one ConfigError of one line, which names where it stands, what was expected and what came.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from pyserver.config.field_types import Options
from pyserver.config.messages import sentences
from pyserver.config.schema import ModelConfig, ServerSettings
from pyserver.config.yaml_file import parse_yaml, read_limited
from pyserver.errors import ConfigError

ENVIRONMENT_PREFIX = "PYSERVER_"
CLIENT_VARIABLE = "PYSERVER_ADDRESS"
"""The address that the client commands ask; the server does not read it."""

# How a list is written in an environment variable.
_SEPARATORS = {"repositories": os.pathsep, "load_models": ","}
# Written relative to the configuration file, they mean what lies beside it.
_PATHS = ("repositories", "cache_dir", "grpc_tls_cert", "grpc_tls_key", "grpc_tls_client_ca")

_Options = TypeVar("_Options", bound=Options)


def load_settings(config_file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any]) -> ServerSettings:
    """The server's options. A flag that is None was not given. Raises ConfigError."""
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}

    def merge(values: Mapping[str, Any], origin: Callable[[str], str]) -> None:
        for key, value in values.items():
            merged[key] = value
            origins[key] = origin(key)

    if config_file is not None:
        merge(_from_file(config_file), lambda key: f"{config_file}: {key}")
    merge(_from_environment(environ), environment_name)
    merge({key: value for key, value in flags.items() if value is not None}, flag_name)
    try:
        return ServerSettings.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(sentences(error, ServerSettings, lambda key: origins.get(key, key))) from None


def load_model_config(path: Path) -> ModelConfig:
    """Reads a model.yaml. Raises ConfigError."""
    return parse_model_config(read_limited(path), path)


def parse_model_config(content: bytes, source: Path) -> ModelConfig:
    """A model.yaml that was read before; `source` is its name in messages. Raises ConfigError."""
    return parse_options(ModelConfig, parse_yaml(content, source), f"{source}: ")


def parse_options(schema: type[_Options], values: Mapping[str, Any], origin: str) -> _Options:
    """`values` as `schema`; `origin` is put before each key in messages. Raises ConfigError."""
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise ConfigError(sentences(error, schema, lambda key: f"{origin}{key}")) from None


def misspelled_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Environment variables that look like an option and are none, with the option that was perhaps meant.

    They are no error: Kubernetes sets PYSERVER_PORT and its like beside a service of this name.
    """
    known = [environment_name(key) for key in ServerSettings.model_fields]
    unknown = [name for name in environ if name.startswith(ENVIRONMENT_PREFIX) and name not in known]
    nearest = {name: get_close_matches(name, known, n=1, cutoff=0.85) for name in unknown if name != CLIENT_VARIABLE}
    return {name: found[0] for name, found in nearest.items() if found}


def environment_name(key: str) -> str:
    """The environment variable of an option."""
    return ENVIRONMENT_PREFIX + key.upper()


def flag_name(key: str) -> str:
    """The command line flag of an option."""
    return "--" + key.replace("_", "-")


def _from_file(path: Path) -> dict[str, Any]:
    values = parse_yaml(read_limited(path), path)
    for key in _PATHS:
        value = values.get(key)
        if isinstance(value, str):
            values[key] = str(path.parent / value)
        elif isinstance(value, list):
            values[key] = [str(path.parent / item) if isinstance(item, str) else item for item in value]
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    known = {environment_name(key): key for key in ServerSettings.model_fields}
    values: dict[str, Any] = {}
    for name, key in known.items():
        # An empty variable is one that is not set, as shells and container tools have it.
        if text := environ.get(name):
            separator = _SEPARATORS.get(key)
            values[key] = text if separator is None else [part for part in text.split(separator) if part]
    return values

"""What pyserver raises.

    PyserverError             every error that is meant to be read by a person
    ├── ConfigError           an option, an environment variable, a configuration file or a model.yaml is wrong
    ├── RepositoryError       a model repository, or a file given as one, cannot be used
    ├── NotFoundError         no repository holds a model of that name
    └── ModelLoadError        a model version's files could not be made to serve

Each has `message`, always one line.
"""

from __future__ import annotations


def one_line(text: str, limit: int = 2000) -> str:
    """`text` without line breaks, repeated blanks and control characters, cut after `limit` characters."""
    words = "".join(c if c.isprintable() else " " for c in text).split()
    line = " ".join(words)
    return line if len(line) <= limit else line[: limit - 1] + "…"


class PyserverError(Exception):
    """The base of all errors of this package."""

    def __init__(self, message: str) -> None:
        self.message = one_line(message)
        super().__init__(self.message)


class ConfigError(PyserverError):
    """Something that was configured cannot be: the message names where, what was expected and what came."""


class RepositoryError(PyserverError):
    """A model repository cannot be read."""


class NotFoundError(PyserverError):
    """There is no such model."""


class ModelLoadError(PyserverError):
    """A model version could not be loaded; what served before serves on."""

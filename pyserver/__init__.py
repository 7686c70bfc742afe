"""A gRPC inference server with a C++ core.

To serve: `Server` with `ServerSettings`. To ask: `Client`. The rest of the package is for those who work on it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyserver.channel import RequestFailedError, UnreachableError
    from pyserver.client import Client, Result
    from pyserver.config.schema import ServerSettings
    from pyserver.errors import PyserverError
    from pyserver.server import Server

__all__ = [
    "Client",
    "PyserverError",
    "RequestFailedError",
    "Result",
    "Server",
    "ServerSettings",
    "UnreachableError",
]

# Imported when first used: a client needs no server, and a look at the version needs neither.
_HOMES = {
    "Client": "pyserver.client",
    "PyserverError": "pyserver.errors",
    "RequestFailedError": "pyserver.channel",
    "Result": "pyserver.client",
    "Server": "pyserver.server",
    "ServerSettings": "pyserver.config.schema",
    "UnreachableError": "pyserver.channel",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

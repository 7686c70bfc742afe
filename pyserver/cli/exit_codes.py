"""What the exit code of a command says."""

from pyserver.channel import UnreachableError
from pyserver.errors import ConfigError, PyserverError

OK = 0
FAILURE = 1
USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130

EPILOG = "Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 no server answers; 130 interrupted."


def exit_code_of(error: BaseException) -> int:
    """The exit code for an error that ended a command."""
    if isinstance(error, UnreachableError):
        return UNREACHABLE
    if isinstance(error, PyserverError) and not isinstance(error, ConfigError):
        return FAILURE
    return USAGE

"""The command line: one file a command, all of them registered here."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer

from pyserver.cli import bench, build, doctor, inspect, predict, serve, status
from pyserver.cli.exit_codes import EPILOG, FAILURE, INTERRUPTED, OK, USAGE, exit_code_of
from pyserver.errors import PyserverError, one_line

# What typer raises for a wrong flag or argument; its module is another one in every other release.
_UsageError: Any = typer.BadParameter.__base__

app = typer.Typer(
    name="pyserver",
    help="Serves models over gRPC, and asks servers that do.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (serve, status, predict, bench, inspect, build, doctor):
    command.register(app)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"pyserver {version('pyserver')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


def run(arguments: Sequence[str]) -> int:
    """Runs one command line. Returns the exit code; an error is one line on stderr."""
    try:
        code = app(args=list(arguments), prog_name="pyserver", standalone_mode=False)
    except _UsageError as error:
        usage = f" (try: {error.ctx.command_path} --help)" if error.ctx else ""
        message = error.format_message()
        return _fail(f"{message}{usage}", exit_code_of(error)) if message else exit_code_of(error)
    except PyserverError as error:
        return _fail(error.message, exit_code_of(error))
    except typer.Exit as error:
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except UnicodeEncodeError as error:
        # What protobuf is asked to send; Python takes arguments and JSON that are not Unicode.
        return _fail(f"{error.object[:100]!r}: expected text that can be written as UTF-8", USAGE)
    except BrokenPipeError:
        # Who read our output has gone; nothing more can be written, not even at the end of the process.
        sys.stdout = None
        return FAILURE
    return code if isinstance(code, int) else OK


def _fail(message: str, code: int) -> int:
    print(f"pyserver: {one_line(message)}", file=sys.stderr)
    return code

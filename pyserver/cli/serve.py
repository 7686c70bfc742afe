"""`pyserver serve`."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pyserver.cli.exit_codes import EPILOG
from pyserver.cli.options import takes_settings_flags
from pyserver.config.load import load_settings, misspelled_variables

_HELP = """Serve models over gRPC.

Each REPOSITORY_OR_MODEL is a model repository (`<model>/<version>/<files>`), one model file or a SavedModel folder.
When all is loaded, one line is printed: `ready grpc=ADDRESS models=NAME:VERSION,…`; the log goes to stderr.
SIGTERM and Ctrl-C stop the server gracefully, a second one at once.

An option is taken from its flag, else from its environment variable (`PYSERVER_GRPC_ADDRESS` and its like), else from
the file of `--config` (`grpc_address: …`).

Example: `pyserver serve models/ --grpc-address 0.0.0.0:8001`
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("serve", help=_HELP, epilog=EPILOG, no_args_is_help=False)(takes_settings_flags(serve))


def serve(
    repositories: Annotated[
        list[str] | None, typer.Argument(metavar="REPOSITORY_OR_MODEL…", help="What to serve.", show_default=False)
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Options as YAML.", show_default=False)
    ] = None,
    **flags: Any,
) -> None:
    """Runs the server until it is told to stop."""
    given = {name: value for name, value in flags.items() if value not in (None, [])}
    settings = load_settings(config, os.environ, {"repositories": repositories or None, **given})
    # Only now: what the server needs is much to import, and a wrong flag should be told at once.
    from pyserver.logs import configure_logs, fields
    from pyserver.server import Server, serve_until_signal

    configure_logs(settings.log_level, settings.log_format)
    for name, meant in misspelled_variables(os.environ).items():
        logging.getLogger("pyserver.config").warning(
            "an environment variable is no option", extra=fields(variable=name, nearest=meant)
        )
    ended = serve_until_signal(Server(settings), lambda line: print(line, flush=True), _exit_at_once)
    if not ended:
        # Threads that would not end in time must not hold up the end of the process.
        _exit_at_once(0)


def _exit_at_once(code: int = 1) -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # where the process was started without it
            stream.flush()
    os._exit(code)

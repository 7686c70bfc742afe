"""The options of `pyserver bench`: one field each, from which the command's flags are made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from pyserver.cli.options import TLS_PANEL, TlsCaOption, TlsCertOption, TlsKeyOption, TlsOption
from pyserver.client import DEFAULT_ADDRESS
from pyserver.config.load import CLIENT_VARIABLE

_TARGET = "What is measured"
_SENT = "What is sent"
_LOAD = "How much is sent"
_GOALS = "Goals and comparisons"
_OUTPUT = "What comes out"


def _option(panel: str, flags: str, metavar: str | None, text: str, *, show_default: bool = False, **more: Any) -> Any:
    return typer.Option(
        *flags.split(), metavar=metavar, help=text, show_default=show_default, rich_help_panel=panel, **more
    )


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """What was given; "" and None: was not."""

    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.", show_default=False)] = ""

    address: Annotated[
        str,
        _option(
            _TARGET,
            "--address -a",
            "HOST:PORT",
            "Of the server; also [IPv6]:PORT and unix:PATH.",
            envvar=CLIENT_VARIABLE,
            show_default=True,
        ),
    ] = DEFAULT_ADDRESS
    protocol: Annotated[
        str,
        _option(
            _TARGET, "--protocol", "predict|oip|tfs|rest-v2|rest-tfs|raw", "What the server speaks.", show_default=True
        ),
    ] = "predict"
    model_version: Annotated[str, _option(_TARGET, "--model-version", "VERSION", "Default: the server's.")] = ""
    method: Annotated[str, _option(_TARGET, "--method", "/PACKAGE.SERVICE/METHOD", "What `raw` calls.")] = ""
    streaming: Annotated[
        bool, _option(_TARGET, "--streaming", None, "Over bidirectional streams, not one call each.")
    ] = False
    in_process: Annotated[
        Path | None,
        _option(
            _TARGET,
            "--in-process",
            "FILE|FOLDER",
            "Load the model here and ask it without any transport: the limit of all transports. "
            "With --address, both are measured in turns.",
        ),
    ] = None
    server_pid: Annotated[
        list[int] | None,
        _option(
            _TARGET, "--server-pid", "PID", "Whose CPU and memory to watch; default: who listens at a local address."
        ),
    ] = None

    inputs: Annotated[
        list[str] | None,
        _option(
            _SENT,
            "--input",
            "NAME=SOURCE",
            "FILE, zeros, random, text, tokens or image; default: what suits the input.",
        ),
    ] = None
    inputs_path: Annotated[
        Path | None, _option(_SENT, "--inputs", "FILE|FOLDER", "All inputs: .npy, .npz, .json, images.")
    ] = None
    body: Annotated[
        Path | None, _option(_SENT, "--body", "FILE", "The message that `raw` sends, or a folder of them.")
    ] = None
    shapes: Annotated[
        list[str] | None, _option(_SENT, "--shape", "NAME=1,3,224,224", "Where the model leaves it open.")
    ] = None
    dimensions: Annotated[
        list[str] | None,
        _option(
            _SENT, "--dimension", "NAME[1]=uniform(8,128)", "A dimension that varies; also normal, choice and zipf."
        ),
    ] = None
    batch_size: Annotated[int | None, _option(_SENT, "--batch-size", "ROWS", "Rows of every request.", min=1)] = None
    pool: Annotated[
        int, _option(_SENT, "--pool", "COUNT", "How many different requests.", min=1, show_default=True)
    ] = 64
    seed: Annotated[int, _option(_SENT, "--seed", "NUMBER", "The same seed, the same inputs and arrivals.", min=0)] = 0
    scale: Annotated[
        float, _option(_SENT, "--scale", "FACTOR", "Multiplies the pixels of images.", show_default=True)
    ] = 1.0
    layout: Annotated[str, _option(_SENT, "--layout", "hwc|chw", "Of images, where the shape does not tell.")] = ""
    ledger: Annotated[bool, _option(_SENT, "--ledger", None, "Have pyserver tell where each request's time went.")] = (
        False
    )
    expect: Annotated[
        str,
        _option(_SENT, "--expect", "FILE.npz|first", "Compare every answer: with a file, or with the first answers."),
    ] = ""
    tolerance: Annotated[
        float, _option(_SENT, "--tolerance", "NUMBER", "How far answers may be off; 0: no bit.", min=0)
    ] = 0.0

    concurrency: Annotated[
        str,
        _option(_LOAD, "--concurrency -c", "8|1:64:x2", "Closed loop: so many in flight, or a sweep. [default: 8]"),
    ] = ""
    rate: Annotated[
        str,
        _option(_LOAD, "--rate -r", "2000|500:4000:+500", "Open loop: so many a second, or a sweep."),
    ] = ""
    arrivals: Annotated[
        str, _option(_LOAD, "--arrivals", "poisson|constant", "How --rate and --ramp are spread.", show_default=True)
    ] = "poisson"
    ramp: Annotated[str, _option(_LOAD, "--ramp", "100:5000", "Open loop whose rate grows (or falls) evenly.")] = ""
    burst: Annotated[str, _option(_LOAD, "--burst", "50@1s", "So many at once, so often.")] = ""
    trace: Annotated[Path | None, _option(_LOAD, "--trace", "FILE", "Replay recorded requests at their times.")] = None
    trace_speed: Annotated[float, _option(_LOAD, "--trace-speed", "FACTOR", "2: twice as fast.", show_default=True)] = (
        1.0
    )
    scenario: Annotated[
        str,
        _option(
            _LOAD,
            "--scenario",
            "single-stream|multi-stream|server|offline",
            "As MLPerf Inference has it: 600 s, and what is shorter is INVALID.",
        ),
    ] = ""
    duration: Annotated[str, _option(_LOAD, "--duration -d", "10s", "Of the measured part. [default: 10s]")] = ""
    warmup: Annotated[str, _option(_LOAD, "--warmup", "1s", "Before it, not measured.", show_default=True)] = "1s"
    requests: Annotated[int | None, _option(_LOAD, "--requests -n", "COUNT", "End after so many.", min=1)] = None
    connections: Annotated[
        int | None,
        _option(_LOAD, "--connections", "COUNT", "To the server. [default: 1; for an open loop of REST 100]", min=1),
    ] = None
    threads: Annotated[
        int, _option(_LOAD, "--threads", "COUNT", "Of the load generator.", min=1, show_default=True)
    ] = 1
    timeout: Annotated[str, _option(_LOAD, "--timeout", "1s", "Deadline of every request.")] = ""
    drain: Annotated[
        str, _option(_LOAD, "--drain", "10s", "How long answers are awaited after the end.", show_default=True)
    ] = "10s"

    slos: Annotated[
        list[str] | None,
        _option(
            _GOALS,
            "--slo",
            "p99=15ms",
            "A limit for latency. Without a schedule, the highest rate that meets all limits is searched for.",
        ),
    ] = None
    max_errors: Annotated[int, _option(_GOALS, "--max-errors", "COUNT", "So many requests may fail.", min=0)] = 0
    stable: Annotated[
        bool, _option(_GOALS, "--stable", None, "Repeat --duration until three in a row agree within 5 %.")
    ] = False
    against: Annotated[
        str,
        _option(
            _GOALS,
            "--against",
            "HOST:PORT",
            "A second server, measured in turns with the first: at one setting, or at each of a sweep.",
        ),
    ] = ""
    rounds: Annotated[
        int,
        _option(_GOALS, "--rounds", "COUNT", "How often both are measured, at each setting.", min=1, show_default=True),
    ] = 3
    compare: Annotated[Path | None, _option(_GOALS, "--compare", "FILE.json", "A saved report to compare with.")] = None

    tls: TlsOption = False
    tls_ca: TlsCaOption = None
    tls_cert: TlsCertOption = None
    tls_key: TlsKeyOption = None
    tls_server_name: Annotated[
        str, _option(TLS_PANEL, "--tls-server-name", "NAME", "That the server's certificate must have; implies --tls.")
    ] = ""
    tls_no_verify: Annotated[
        bool, _option(TLS_PANEL, "--tls-no-verify", None, "Trust whoever answers; implies --tls.")
    ] = False

    json: Annotated[
        Path | None, _option(_OUTPUT, "--json", "FILE", "Everything; docs/load_generator.md has the schema.")
    ] = None
    csv: Annotated[Path | None, _option(_OUTPUT, "--csv", "FILE", "One line a measurement.")] = None
    ratios_csv: Annotated[
        Path | None, _option(_OUTPUT, "--ratios-csv", "FILE", "Of a comparison: one line a ratio, with its interval.")
    ] = None
    html: Annotated[Path | None, _option(_OUTPUT, "--html", "FILE", "A page with charts, in one file.")] = None
    png: Annotated[Path | None, _option(_OUTPUT, "--png", "FILE", "The charts.")] = None
    quiet: Annotated[bool, _option(_OUTPUT, "--quiet -q", None, "Print only the goals that were missed.")] = False

    @property
    def files(self) -> dict[str, Path]:
        """The files to write, by their option."""
        given = {
            "--json": self.json,
            "--csv": self.csv,
            "--ratios-csv": self.ratios_csv,
            "--html": self.html,
            "--png": self.png,
        }
        return {option: path for option, path in given.items() if path is not None}


def takes_bench_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command whose last parameter is `**given` one real parameter for every option."""
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    types = get_type_hints(BenchOptions, include_extras=True)
    options = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=types[one.name])
        for one in fields(BenchOptions)
    ]
    parameters = [*own, *options]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": int}
    return command

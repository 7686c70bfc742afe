"""`pyserver bench`."""

from __future__ import annotations

import math
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pyserver.cli.bench_options import BenchOptions, takes_bench_options
from pyserver.cli.exit_codes import FAILURE, INTERRUPTED, OK, UNREACHABLE
from pyserver.cli.options import client_tls
from pyserver.errors import ConfigError, PyserverError

if TYPE_CHECKING:
    from pyserver_loadgen.choice import Choice
    from pyserver_loadgen.measurement import Report
    from pyserver_loadgen.protocols import TlsOptions
    from pyserver_loadgen.subjects import Asked, Prepared

_HELP = """Measure a server: throughput and latencies of a model, under a load that you choose.

Requests are made before, from the model's metadata or your files, and sent by a native engine. In an open loop
(`--rate`) latency counts from the moment at which a request was due: a server that stalls cannot hide it.

- `pyserver bench digits`: 8 requests in flight for 10 s
- `pyserver bench digits --concurrency 1:64:x2`: the throughput-latency curve, and its knee
- `pyserver bench digits --slo p99=15ms`: the highest rate that keeps this promise
- `pyserver bench digits --rate 500 --against 127.0.0.1:9001`: two servers in turns, with confidence intervals;
  with `--concurrency 1:64:x2` at every setting
- `pyserver bench digits --rate 500 --slo p99=15ms --html report.html`: for CI; fails where the promise is broken

It asks pyserver (`--protocol predict`); Triton, OpenVINO Model Server, KServe, MLServer (`oip`); TensorFlow Serving
(`tfs`); REST (`rest-v2`, `rest-tfs`); and any unary method with a message from a file (`raw`).
"""
_EPILOG = (
    "Exit codes: 0 all is well; 1 requests failed or a goal was missed; 2 wrong usage; 3 no server answers; "
    "130 interrupted, and the report is of what was measured until then."
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("bench", help=_HELP, epilog=_EPILOG)(takes_bench_options(bench))


def bench(context: typer.Context, **given: Any) -> int:
    """Measures, prints and writes the report; the exit code tells whether all is well."""
    options = BenchOptions(**given)
    if not options.model and options.protocol != "raw" and options.in_process is None:
        raise ConfigError("MODEL is missing: say which model to measure (only --protocol raw needs none)")
    if options.against and options.in_process is not None:
        raise ConfigError("--against and --in-process are two comparisons: give one")
    if options.against and options.server_pid:
        raise ConfigError("--server-pid names one server, and --against has two: who listens at them is watched")
    _check_used(options)
    for option, path in options.files.items():
        # Now, not after an hour of measuring.
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"{option} {path}: there is no folder {path.absolute().parent}")
        if path.is_dir():
            raise ConfigError(f"{option} {path}: expected a file, got a folder")
    # The address has a default, so that only where it was written there are two targets.
    source = context.get_parameter_source("address")
    addresses = [options.address] if options.in_process is None or (source and source.name == "COMMANDLINE") else []
    addresses += [options.against] if options.against else []
    two_targets = len(addresses) + (options.in_process is not None) > 1
    if options.ratios_csv is not None and not two_targets and options.compare is None:
        raise ConfigError("--ratios-csv: nothing is compared: give --against, --compare, or --in-process and --address")
    choice = _choice(options, two_targets)
    with ExitStack() as stack:
        targets = _prepare(options, addresses, stack)
        report = _measured(options, choice, targets)
    # First, so that a full disk does not cost the figures.
    code = _tell(report, options.quiet)
    _write(report, options)
    return code


def _check_used(options: BenchOptions) -> None:
    """Raises ConfigError for an option that would do nothing without another, or has no such value."""
    if options.method and options.protocol != "raw":
        raise ConfigError(f"--method {options.method}: only --protocol raw has one, not {options.protocol}")
    if options.tolerance and not options.expect:
        raise ConfigError(f"--tolerance {options.tolerance:g}: of which answers? Give --expect too")
    if options.trace_speed != 1 and options.trace is None:
        raise ConfigError(f"--trace-speed {options.trace_speed:g}: of which trace? Give --trace too")
    if options.layout not in ("", "hwc", "chw"):
        raise ConfigError(f"--layout {options.layout!r}: expected hwc or chw")
    if not math.isfinite(options.scale):
        raise ConfigError(f"--scale {options.scale}: expected a finite number")


def _choice(options: BenchOptions, two_targets: bool) -> Choice:
    from pyserver_loadgen.choice import Wishes, choose

    return choose(
        Wishes(
            concurrency=options.concurrency,
            rate=options.rate,
            arrivals=options.arrivals,
            ramp=options.ramp,
            burst=options.burst,
            trace=options.trace is not None,
            scenario=options.scenario,
            duration=options.duration,
            warmup=options.warmup,
            requests=options.requests,
            connections=options.connections or _default_connections(options),
            threads=options.threads,
            timeout=options.timeout,
            drain=options.drain,
            seed=options.seed,
            slos=options.slos or (),
            max_errors=options.max_errors,
            stable=options.stable,
            rounds=options.rounds,
            two_targets=two_targets,
            compare=options.compare is not None,
        )
    )


def _default_connections(options: BenchOptions) -> int:
    # HTTP/1.1 has one request at a time on a connection; the engine opens as many as a closed loop needs.
    open_loop = options.rate or options.ramp or options.burst or options.trace or options.slos
    return 100 if options.protocol.startswith("rest-") and open_loop else max(1, options.threads)


def _asked(options: BenchOptions) -> Asked:
    from pyserver_loadgen.inputs import RequestOptions
    from pyserver_loadgen.mlperf import MULTI_STREAM_SAMPLES
    from pyserver_loadgen.subjects import Asked

    rows = options.batch_size
    if options.scenario == "multi-stream" and rows is None:
        rows = MULTI_STREAM_SAMPLES
    requests = RequestOptions(
        version=options.model_version,
        streaming=options.streaming,
        ledger=options.ledger,
        inputs=tuple(options.inputs or ()),
        inputs_path=options.inputs_path,
        shapes=tuple(options.shapes or ()),
        dimensions=tuple(options.dimensions or ()),
        batch_size=rows,
        pool=options.pool,
        seed=options.seed,
        trace=options.trace,
        trace_speed=options.trace_speed,
        body=options.body,
        scale=options.scale,
        layout=options.layout,
    )
    return Asked(
        model=options.model,
        protocol=options.protocol,
        method=options.method,
        requests=requests,
        expect=options.expect,
        tolerance=options.tolerance,
        tls=_tls(options),
        server_pids=options.server_pid or (),
    )


def _prepare(options: BenchOptions, addresses: list[str], stack: ExitStack) -> list[Prepared]:
    """One target, or the two of a comparison."""
    from pyserver_loadgen.subjects import prepare_in_process, prepare_server

    asked = _asked(options)
    here = [prepare_in_process(options.in_process, asked, stack)] if options.in_process is not None else []
    return [*here, *(prepare_server(address, asked, stack) for address in addresses)]


def _measured(options: BenchOptions, choice: Choice, targets: list[Prepared]) -> Report:
    from pyserver_loadgen import procedure
    from pyserver_loadgen.choice import with_trace
    from pyserver_loadgen.environment import environment
    from pyserver_loadgen.goals import Goals
    from pyserver_loadgen.measurement import Report
    from pyserver_loadgen.report.live import LiveView
    from pyserver_loadgen.run import Runner

    saved = _saved(options.compare)
    first = targets[0]
    if options.trace is not None and first.pool.arrivals_ns is not None:
        name, whole = options.trace.name, not options.duration
        choice = with_trace(choice, first.pool.arrivals_ns, first.pool.order, name, whole)
    report = Report(
        command=["pyserver", *sys.argv[1:]],
        kind=choice.kind,
        environment=environment(),
        model=first.described,
        slos=list(choice.slos),
        notes=list(first.pool.notes),
    )
    with LiveView(quiet=options.quiet) as live:
        runners = [Runner(target.subject, live) for target in targets]
        means = procedure.Means(
            run=runners[0],
            second=runners[1] if len(runners) > 1 else None,
            goals=Goals(choice.slos, options.max_errors),
            stable=options.stable,
            rounds=options.rounds,
            samples=first.samples,
        )
        procedure.measure(choice, means, report)
    if saved is not None:
        report.comparison = procedure.compare_with(saved, str(options.compare), report, choice.slos)
    return report


def _saved(path: Path | None) -> Report | None:
    from pyserver_loadgen import procedure
    from pyserver_loadgen.report import document

    if path is None:
        return None
    try:
        saved = document.read(path)
    except OSError as error:
        raise PyserverError(f"--compare {path}: {error.strerror or error}") from None
    procedure.check_comparable(saved, str(path))
    return saved


def _write(report: Report, options: BenchOptions) -> None:
    from pyserver_loadgen.report import csv, document, html, png

    writers = {
        "--json": document.write,
        "--csv": csv.write,
        "--ratios-csv": csv.write_ratios,
        "--html": html.write,
        "--png": png.write,
    }
    failed = []
    for option, path in options.files.items():
        try:
            writers[option](report, path)
        except OSError as error:  # noqa: PERF203 (five files at most)
            failed.append(f"{option} {path}: {error.strerror or error}")
    if failed:
        raise PyserverError("; ".join(failed))


def _tell(report: Report, quiet: bool) -> int:
    """Prints the report and gives the exit code."""
    from pyserver.cli.tables import console
    from pyserver_loadgen.report import table

    if not quiet:
        console().print(table.render(report))
    for verdict in report.verdicts:
        if not verdict.met:
            print(f"pyserver: missed: {verdict.goal}: wanted {verdict.wanted}, got {verdict.got}", file=sys.stderr)
    if gone := next((measured.unreachable for measured in report.measurements if measured.unreachable), ""):
        print(f"pyserver: {gone}; the report is of what was measured before", file=sys.stderr)
        return UNREACHABLE
    if any(measured.stopped for measured in report.measurements):
        return INTERRUPTED
    return OK if report.met else FAILURE


def _tls(options: BenchOptions) -> TlsOptions | None:
    from pyserver_loadgen.protocols import TlsOptions

    asked = options.tls or options.tls_server_name != "" or options.tls_no_verify
    files = client_tls(asked, options.tls_ca, options.tls_cert, options.tls_key)
    if files is None:
        return None
    # What PEM files have around their certificates and keys may be in any encoding, and is not read.
    pems = (files.authorities, files.certificate, files.private_key)
    ca, certificate, key = ((pem or b"").decode("ascii", "ignore") for pem in pems)
    return TlsOptions(ca, certificate, key, options.tls_server_name, not options.tls_no_verify)

"""`pyserver status`."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToDict
from rich.live import Live

from pyserver.cli.exit_codes import EPILOG
from pyserver.cli.options import (
    DEFAULT_SERVER,
    AddressOption,
    TlsCaOption,
    TlsCertOption,
    TlsKeyOption,
    TlsOption,
    client_tls,
)
from pyserver.cli.tables import PlainTable, console, shape_text, table
from pyserver.client import Client
from pyserver.tensors import datatype_name
from pyserver.v1 import model_status_pb2, tensor_pb2

_HELP = """Show what a server serves: every version with its state, tensors and counts. * marks the default version.

Example: `pyserver status digits --address 127.0.0.1:8001 --watch`
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("status", help=_HELP, epilog=EPILOG)(status)


def status(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="One model only.", show_default=False)] = "",
    address: AddressOption = DEFAULT_SERVER,
    watch: Annotated[bool, typer.Option("--watch", help="Show every change until interrupted.")] = False,
    transport: Annotated[
        bool, typer.Option("--transport", help="Show instead what the transport has counted: calls, limits, time-outs.")
    ] = False,
    memory: Annotated[
        bool, typer.Option("--memory", help="Show instead the memory for requests, page-locked memory included.")
    ] = False,
    gpus: Annotated[
        bool, typer.Option("--gpus", help="Show instead how busy and how full the GPUs of the server's machine are.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON; with --watch one line per change.")] = False,
    tls: TlsOption = False,
    tls_ca: TlsCaOption = None,
    tls_cert: TlsCertOption = None,
    tls_key: TlsKeyOption = None,
) -> None:
    """Prints the status of a server."""
    chosen = [option for option, given in (("--transport", transport), ("--memory", memory), ("--gpus", gpus)) if given]
    if len(chosen) > 1:
        raise typer.BadParameter(f"{' and '.join(chosen)} show one thing each: give one of them")
    if chosen and (watch or model):
        raise typer.BadParameter(f"{chosen[0]} is of the whole server, once: it goes with neither MODEL nor --watch")
    credentials = client_tls(tls, tls_ca, tls_cert, tls_key)
    with Client(address, timeout_s=None if watch else 30, tls=credentials) as client:
        if gpus:
            uses = client.gpus()
            print(_gpus_json(uses)) if as_json else console().print(gpus_table(uses))
        elif chosen:
            counters = client.transport_counters() if transport else client.memory_counters()
            print(json.dumps(counters, indent=2)) if as_json else console().print(counters_table(counters))
        elif not watch:
            models = client.status(model)
            print(json_text(models, indent=2)) if as_json else console().print(status_table(models))
        elif as_json:
            for models in client.watch_status(model):
                print(json_text(models), flush=True)
        else:
            _watch(client, model)


def _watch(client: Client, model: str) -> None:
    out = console()
    if not out.is_terminal:
        for models in client.watch_status(model):
            out.print(status_table(models))
        return
    with Live(console=out, auto_refresh=False) as live:
        for models in client.watch_status(model):
            live.update(status_table(models), refresh=True)


def json_text(models: Sequence[model_status_pb2.ModelStatus], indent: int | None = None) -> str:
    """The messages as JSON, with the names of the .proto files; whole numbers of 64 bits are texts, as protobuf's."""
    told = [
        MessageToDict(model, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        for model in models
    ]
    return json.dumps({"models": told}, indent=indent)


def status_table(models: Sequence[model_status_pb2.ModelStatus]) -> PlainTable:
    """One row a version."""
    rows = table(
        "Model", "Version", "State", "Engine", "Inputs", "Outputs", "Batch", "Requests", "Errors", "Queue", "Reason"
    )
    for model in models:
        for version in model.versions:
            mark = "*" if version.version == model.default_version else ""
            rows.add_row(
                model.name,
                f"{version.version}{mark}",
                model_status_pb2.ModelVersionState.Name(version.state).removeprefix("MODEL_VERSION_STATE_"),
                _engine(version),
                _specs(version.inputs),
                _specs(version.outputs),
                version.batching.max_batch_size or "-",
                version.counts.requests,
                version.counts.errors,
                version.counts.queue_depth,
                version.reason,
            )
        if not model.versions:
            rows.add_row(model.name, "-", "-", "", "", "", "", "", "", "", "no version")
    return rows


def counters_table(counters: Mapping[str, int]) -> PlainTable:
    """One row a counter, by name."""
    rows = table("Counter", "Count")
    for name in sorted(counters):
        rows.add_row(name, counters[name])
    return rows


def gpus_table(gpus: Sequence[model_status_pb2.GpuUse]) -> PlainTable:
    """One row a GPU."""
    rows = table("GPU", "UUID", "Busy", "Memory used", "Of")
    for gpu in gpus:
        used, total = (f"{size / 2**30:.1f} GiB" for size in (gpu.used_bytes, gpu.total_bytes))
        rows.add_row(gpu.name, gpu.uuid, f"{gpu.busy_percent} %", used, total)
    return rows


def _gpus_json(gpus: Sequence[model_status_pb2.GpuUse]) -> str:
    told = [{field.name: getattr(gpu, field.name) for field in gpu.DESCRIPTOR.fields} for gpu in gpus]
    return json.dumps({"gpus": told}, indent=2)


def _engine(version: model_status_pb2.ModelVersionStatus) -> str:
    instances = " + ".join(
        f"{group.count} x {group.threads} threads" if group.threads else f"{group.count}"
        for group in version.instance_groups
    )
    return " ".join(part for part in (version.engine, version.device, f"({instances})" if instances else "") if part)


def _specs(specs: Sequence[tensor_pb2.TensorSpec]) -> str:
    return "\n".join(f"{spec.name} {datatype_name(spec.datatype)} {shape_text(spec.shape)}" for spec in specs)

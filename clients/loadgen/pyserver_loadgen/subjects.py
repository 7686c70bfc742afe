"""From what the command line says about the target to a `Subject` of the engine: asked for its metadata, requests made.

A target is a server at an address, or a model that is loaded into this process (`--in-process`): then the engine asks
the core directly, without any transport, which is as fast as any transport can ever be.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyserver import _core
from pyserver.errors import ConfigError, PyserverError
from pyserver_loadgen import processes
from pyserver_loadgen.inputs import RequestOptions, RequestPool, build_pool, expected_first, expected_from_file
from pyserver_loadgen.protocols import (
    Connection,
    ExpectedOutputs,
    ModelMetadata,
    RequestProtocol,
    TlsOptions,
    connect,
    metadata_of_signature,
    protocol_named,
)
from pyserver_loadgen.run import Subject, engine_subject
from pyserver_loadgen.server_watch import Counts, ServerWatch, Statistics, counts_of

_STATISTICS = "/inference.GRPCInferenceService/ModelStatistics"
_STATISTICS_TIMEOUT_S = 5.0
_IN_PROCESS = "in process"


@dataclass(frozen=True)
class Asked:
    """What is asked of every target."""

    model: str = ""
    protocol: str = "predict"
    method: str = ""
    signature: str = "serving_default"
    requests: RequestOptions = field(default_factory=RequestOptions)
    expect: str = ""  # "first", or a file
    tolerance: float = 0.0
    tls: TlsOptions | None = None
    server_pids: Sequence[int] = ()


@dataclass(frozen=True)
class Prepared:
    """A target that can be measured, and what the report says of it."""

    subject: Subject
    pool: RequestPool
    described: dict[str, object]

    @property
    def samples(self) -> int:
        """Rows of one request, as far as they are the same in all."""
        rows = self.described.get("rows per request")
        return rows if isinstance(rows, int) else 1


def prepare_server(address: str, asked: Asked, stack: ExitStack) -> Prepared:
    """Asks the server for the model. Raises ConfigError, RequestFailedError, UnreachableError.

    The stack keeps the connection that statistics are asked over.
    """
    protocol = protocol_named(asked.protocol, method=asked.method, signature=asked.signature)
    connection = stack.enter_context(connect(address, protocol.transport, tls=asked.tls))
    pool = _pool(protocol, asked, protocol.metadata(connection, asked.model, asked.requests.version))
    try:
        target = _core.LoadTarget(address, protocol=protocol.transport, **_secured(asked.tls))
    except ValueError as error:
        raise ConfigError(f"{address}: {error}") from None
    if gone := [pid for pid in asked.server_pids if not processes.exists(pid)]:
        raise ConfigError(f"--server-pid {gone[0]}: there is no such process")
    statistics = _statistics(connection, asked.model) if protocol.transport == "grpc" and asked.model else None
    watch = ServerWatch(address, pids=asked.server_pids, statistics=statistics)
    return _prepared(address, target, asked, protocol, pool, _expected(asked, protocol, pool, connection), watch)


def prepare_in_process(path: Path, asked: Asked, stack: ExitStack) -> Prepared:
    """Loads the model into this process. Raises ConfigError, RepositoryError, ModelLoadError."""
    from pyserver.services.predict import INFER_METHODS

    protocol = protocol_named(asked.protocol, method=asked.method, signature=asked.signature)
    if asked.protocol not in ("predict", "oip"):
        raise ConfigError(f"--in-process: expected --protocol predict or oip, not {asked.protocol}")
    if asked.expect == "first":
        raise ConfigError("--in-process: --expect first asks a server; give a file")
    core, model, runtime = _load(path, asked.model, stack)
    metadata = metadata_of_signature(model, str(runtime.version), runtime.signature, runtime.engine)
    pool = _pool(protocol, asked, metadata)
    target = _core.LoadTarget.in_process(core, INFER_METHODS[pool.path])
    expected = _expected(asked, protocol, pool, None)
    watch = ServerWatch("", pids=[os.getpid()], statistics=lambda: _counts_of_runtime(runtime.metrics()))
    return _prepared(_IN_PROCESS, target, asked, protocol, pool, expected, watch)


def _secured(tls: TlsOptions | None) -> dict[str, Any]:
    if tls is None:
        return {}
    return {
        "tls": True,
        "ca_pem": tls.ca,
        "certificate_pem": tls.certificate,
        "key_pem": tls.key,
        "server_name": tls.server_name,
        "verify": tls.verify,
    }


def _load(path: Path, wanted: str, stack: ExitStack) -> tuple[_core.Core, str, _core.ModelRuntime]:
    """Serves the repository or model file by a core of this process: the core, the model's name, what runs it."""
    from pyserver.config.schema import ServerSettings
    from pyserver.cpu_budget import cpu_budget
    from pyserver.repository.lifecycle import ModelRepository

    settings = ServerSettings(repositories=[path], model_control="none", exit_on_load_error=True)
    core = _core.Core(max_request_memory_bytes=settings.max_request_memory_bytes)
    # What goes wrong is raised; there is no log to write it to as well.
    silent = logging.Logger("in process")
    silent.disabled = True
    repository = ModelRepository(settings, core, cpu_budget(), log=silent)
    stack.callback(repository.stop, 5.0)
    repository.start()
    core.set_ready(True)
    found = [state for state in repository.snapshot(wanted or None) if state.default_version]
    if len(found) != 1:
        known = ", ".join(state.name for state in found) or "none"
        raise ConfigError(f"--in-process {path}: say which model; those that serve: {known}")
    state = found[0]
    serving = next(version for version in state.versions if version.version == state.default_version)
    if serving.runtime is None:
        raise PyserverError(f"model {state.name} does not serve: {serving.reason}")
    return core, state.name, serving.runtime


def _pool(protocol: RequestProtocol, asked: Asked, metadata: ModelMetadata) -> RequestPool:
    return build_pool(protocol, metadata, asked.requests)


def _expected(
    asked: Asked, protocol: RequestProtocol, pool: RequestPool, connection: Connection | None
) -> list[ExpectedOutputs]:
    if not asked.expect:
        return []
    if asked.expect == "first" and connection is not None:
        return expected_first(protocol, pool, connection)
    return expected_from_file(Path(asked.expect), protocol, pool)


def _prepared(
    place: str,
    target: Any,
    asked: Asked,
    protocol: RequestProtocol,
    pool: RequestPool,
    expected: Sequence[ExpectedOutputs],
    watch: ServerWatch,
) -> Prepared:
    expectations = [
        _core.LoadExpectation(one.reader, one.outputs, absolute=asked.tolerance, relative=asked.tolerance)
        for one in expected
    ]
    requests = _core.LoadRequests(
        pool.path,
        pool.bodies,
        headers=pool.headers,
        streaming=pool.streaming,
        id_offset=pool.id_offset,
        id_reader=pool.id_reader,
        expectations=expectations,
        ledger=asked.requests.ledger,
    )
    method = pool.path.rpartition("/")[2] if protocol.transport == "grpc" else f"POST {pool.path}"
    name = f"{place}, {method}"
    in_process = place == _IN_PROCESS
    subject = engine_subject(target, requests, name, pool=len(pool.bodies), watch=watch, in_process=in_process)
    return Prepared(subject, pool, _described(asked, protocol, pool, bool(expected)))


def _described(asked: Asked, protocol: RequestProtocol, pool: RequestPool, checked: bool) -> dict[str, object]:
    model = pool.model
    told: dict[str, object] = {
        "name": model.name,
        "version": model.version or "default",
        "platform": model.platform,
        "protocol": protocol.name,
        "method": pool.path,
        "streaming": pool.streaming,
        "inputs": list(pool.contents),
        "outputs": [f"{spec.name} {spec.datatype} {list(spec.shape or ())}" for spec in model.outputs],
        "different requests": len(pool.bodies),
        "mean request bytes": round(pool.mean_bytes),
        "answers checked": _checking(asked) if checked else "status only",
    }
    if asked.requests.batch_size:
        told["rows per request"] = asked.requests.batch_size
    return {name: value for name, value in told.items() if value not in ("", [], False)}


def _checking(asked: Asked) -> str:
    against = "the first answers" if asked.expect == "first" else asked.expect
    return f"outputs, against {against}, " + (f"within {asked.tolerance:g}" if asked.tolerance else "bit by bit")


def _counts_of_runtime(metrics: _core.ModelMetricsSnapshot) -> Counts:
    executed = metrics.executed_requests
    return Counts(
        inferences=metrics.inferences,
        executions=metrics.batches,
        queue=(metrics.queue_count, metrics.queue_ns),
        compute_input=(executed, metrics.gather_ns),
        compute_infer=(executed, metrics.execute_ns),
        compute_output=(executed, metrics.respond_ns),
    )


def _statistics(connection: Connection, model: str) -> Statistics:
    """Asks for the model's statistics; once they could not be had, no more."""
    from pyserver.open_inference import open_inference_pb2 as pb

    request = pb.ModelStatisticsRequest(name=model).SerializeToString()
    able = True

    def ask() -> Counts | None:
        nonlocal able
        if not able:
            return None
        try:
            answer = connection.call(_STATISTICS, request, timeout_s=_STATISTICS_TIMEOUT_S)
            return counts_of(pb.ModelStatisticsResponse.FromString(answer))
        except Exception:  # other servers have no such method, or answer it in their own way
            able = False
            return None

    return ask

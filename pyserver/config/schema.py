"""The only source of every option: the server's, a model's and an engine's.

The command line, the environment variables and the documentation are derived from these classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pyserver.config.field_types import MIB, Datatype, Int, ModelOptions, Options, Seconds
from pyserver.config.processing import ChainsByInput, ChainsByOutput, Preset
from pyserver.config.transport import NativeSettings, TlsSettings

_HOUR_US = 3_600_000_000
_MAX_INT = 2**31 - 1


class GeneralSettings(Options):
    """Options of the server as a whole."""

    repositories: list[Path] = Field(
        default=[], description="Model repositories, model files or SavedModel folders. The first wins a name."
    )
    grpc_address: str = Field(
        default="127.0.0.1:8001", description="Where gRPC is served: HOST:PORT, [IPV6]:PORT or unix:PATH. Port 0: any."
    )
    transport: Literal["native", "grpcio"] = Field(
        default="native", description="What carries gRPC: the server's own HTTP/2, or the reference implementation."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    log_format: Literal["text", "json"] = Field(default="text", description="Form of the log: for people or programs.")
    model_control: Literal["poll", "explicit", "none"] = Field(
        default="poll",
        description="poll: watch the repositories and follow their changes. none: load once, at the start. "
        "explicit: load what load_models names and what RepositoryModelLoad asks for.",
    )
    load_models: list[str] = Field(
        default=[], description="Models to load at the start. Only with model_control explicit."
    )
    poll_interval_s: Seconds = Field(default=1.0, gt=0, description="Seconds between two looks at the repositories.")
    shutdown_grace_s: Seconds = Field(
        default=25.0,
        ge=0,
        # With what comes after it, this stays below the 30 seconds after which Kubernetes kills.
        description="Seconds that running requests get to finish when the server stops.",
    )
    unload_grace_s: Seconds = Field(
        default=30.0, ge=0, description="Seconds that running requests get to finish when a model version is unloaded."
    )
    cpu_threads: Int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="CPU threads for models. Default: what the machine or container allows.",
    )
    cache_dir: Path | None = Field(
        default=None, description="Folder that keeps compiled models, so that they load faster. Default: none is kept."
    )
    max_message_bytes: Int = Field(
        default=128 * MIB, ge=1024, le=_MAX_INT, description="Largest request or response message, in bytes."
    )
    max_request_memory_bytes: Int = Field(
        default=4096 * MIB, ge=MIB, le=2**48, description="Memory that all requests together may hold, in bytes."
    )
    max_pinned_memory_bytes: Int = Field(
        default=1024 * MIB,
        ge=0,
        le=2**48,
        description="Page-locked memory for requests and answers of models on a GPU, in bytes. 0: none is locked, and "
        "copies are slow.",
    )
    control_threads: Int = Field(
        default=16, ge=1, le=1024, description="Threads for everything that is not an inference request."
    )
    stream_threads: Int = Field(
        default=32,
        ge=1,
        le=4096,
        description="Threads for streams of synchronous servicers; one more is refused. Only with transport native.",
    )
    max_watchers: Int = Field(default=64, ge=0, le=100_000, description="Concurrent WatchModelStatus calls.")
    allow_client_shm: bool = Field(
        default=False,
        description="Let clients on this machine pass tensors in shared memory. Off, because then every client reads "
        "and writes, through the server, whatever shared memory the server's user may.",
    )
    exit_on_load_error: bool = Field(
        default=False, description="End the server when a model cannot be loaded at the start."
    )
    ready_requires: Literal["all", "any"] = Field(
        default="all", description="The server is ready when all models serve, or when any does."
    )

    @field_validator("grpc_address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value.startswith("unix:") and len(value) > len("unix:"):
            return value
        host, colon, port = value.rpartition(":")
        bare_ipv6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
        if not (colon and host and not bare_ipv6 and port.isascii() and port.isdigit() and int(port[:6]) <= 65_535):
            raise ValueError("expected HOST:PORT, [IPV6]:PORT or unix:PATH")
        return value

    @model_validator(mode="after")
    def _load_models_fits_model_control(self) -> GeneralSettings:
        if self.load_models and self.model_control != "explicit":
            raise ValueError("load_models is only taken with model_control explicit")
        return self


class ServerSettings(NativeSettings, TlsSettings, GeneralSettings):
    """The server's own options."""


def _rising(sizes: list[int]) -> list[int]:
    return sorted(set(sizes))


class BatchingConfig(ModelOptions):
    """How requests wait and are put together."""

    max_queue_delay_us: int = Field(
        default=0, ge=0, le=_HOUR_US, description="How long the first request of a batch may wait for others."
    )
    preferred_batch_sizes: list[Annotated[int, Field(ge=1, le=_MAX_INT)]] = Field(
        default=[], description="Rows; a batch of such a size does not wait for more."
    )
    max_queue_size: int = Field(default=1024, ge=1, le=_MAX_INT, description="Requests that may wait.")
    priority_levels: int = Field(default=1, ge=1, le=1000, description="Levels 1 (first) to this one.")
    default_timeout_us: int = Field(
        default=0, ge=0, le=24 * _HOUR_US, description="For requests without a deadline. 0: they wait without limit."
    )

    _sort = field_validator("preferred_batch_sizes")(_rising)


class TensorConfig(ModelOptions):
    """An input or an output."""

    name: str = Field(min_length=1, description="As the model calls it.")
    datatype: Datatype = Field(description="Type of an element.")
    shape: list[Annotated[int, Field(ge=-1, le=2**62)]] = Field(
        max_length=64, description="-1 is a free dimension. Without the batch dimension where the model batches."
    )
    optional: bool = Field(default=False, description="A request may leave the input out.")


class VersionPolicy(ModelOptions):
    """Which versions serve: exactly one key."""

    latest: int | None = Field(default=None, ge=1, le=_MAX_INT, description="So many, the highest first.")
    all: Literal[True] | None = Field(default=None, description="Every version on disk.")
    specific: list[Annotated[int, Field(ge=1, le=2**63 - 1)]] | None = Field(
        default=None, min_length=1, description="Exactly these."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> VersionPolicy:
        if sum(value is not None for value in (self.latest, self.all, self.specific)) != 1:
            raise ValueError("expected exactly one of latest, all and specific")
        return self


class WarmupConfig(ModelOptions):
    """Requests that are executed before a version serves."""

    rows: list[Annotated[int, Field(ge=1, le=_MAX_INT)]] | None = Field(
        default=None, description="Batch sizes. Default: 1 and, where the model batches, max_batch_size."
    )


def _warmup(value: Any) -> Any:
    if value is True:
        return {}
    return {"rows": []} if value is False else value


def _unique_names(tensors: list[TensorConfig]) -> list[TensorConfig]:
    names = [tensor.name for tensor in tensors]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the name {name!r} is used twice")
    return tensors


class ModelConfig(ModelOptions):
    """A model.yaml. What is left out comes from the model's own files."""

    engine: Literal["openvino", "tensorrt", "torch", "onnxruntime", "identity"] | None = Field(
        default=None, description="What executes the model. Default: the engine that reads its files."
    )
    max_batch_size: int | None = Field(
        default=None, ge=0, le=_MAX_INT, description="Rows. 0: the model does not batch. Default: as the model allows."
    )
    batching: BatchingConfig = Field(default=BatchingConfig(), description="How requests wait and are put together.")
    instances: int | None = Field(
        default=None, ge=1, le=4096, description="Copies that execute at the same time. Default: the engine decides."
    )
    inputs: list[TensorConfig] = Field(default=[], description="What the model takes. Default: as the model says.")
    outputs: list[TensorConfig] = Field(default=[], description="What the model gives. Default: as the model says.")
    preset: Preset | None = Field(
        default=None, description="Chains that many models need: imagenet, yolo, sentence_embedding."
    )
    preprocess: ChainsByInput = Field(
        default={}, description="By the client's input: a list of ops, or `ops` and what else is to be said."
    )
    postprocess: ChainsByOutput = Field(default={}, description="By output: a list of ops.")
    labels: dict[str, str | list[str]] = Field(
        default={}, description="By output: what its classes are called, a text file of a line each, or a list."
    )
    version_policy: VersionPolicy = Field(default=VersionPolicy(latest=1), description="Which versions serve.")
    warmup: Annotated[WarmupConfig, BeforeValidator(_warmup)] = Field(
        default=WarmupConfig(), description="true, false, or the batch sizes to execute before a version serves."
    )
    options: dict[str, Any] = Field(default={}, description="The engine's own options.")

    _distinct = field_validator("inputs", "outputs")(_unique_names)


def _property_text(value: Any) -> Any:
    """As OpenVINO writes them; YAML's YES and NO are booleans."""
    if isinstance(value, bool):
        return "YES" if value else "NO"
    return str(value) if isinstance(value, (int, float)) else value


class OpenVinoOptions(ModelOptions):
    """`options` of a model that OpenVINO executes."""

    plan: Literal["adaptive", "latency", "throughput"] = Field(
        default="adaptive",
        description="latency: one instance with all threads. throughput: many with few. adaptive: both, by load.",
    )
    precision: Literal["f32", "bf16", "f16"] = Field(default="f32", description="What the CPU computes in.")
    threads: int | None = Field(default=None, ge=1, le=4096, description="CPU threads. Default: the server's.")
    pinning: bool | None = Field(default=None, description="Threads keep to their core. Default: OpenVINO decides.")
    properties: dict[str, Annotated[str, BeforeValidator(_property_text)]] = Field(
        default={}, description="OpenVINO's own properties, by name."
    )


class IdentityOptions(ModelOptions):
    """`options` of an identity model."""

    delay_us: int = Field(default=0, ge=0, le=_HOUR_US, description="How long each execution takes, for tests.")

"""The C++ core. Everything that happens on every request happens in here, without the GIL."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy.typing as npt

# Executes a batch: an array for each input (None for an optional one that is absent) → an array for each output, whose
# contents do not change any more. The inputs' arrays are read-only, and must be let go before it returns.
BatchFunction: TypeAlias = Callable[[list[npt.NDArray[Any] | None]], Sequence[npt.NDArray[Any]]]

class StatusError(Exception):
    """A failed operation of the core."""

    code: Final[int]  # a canonical gRPC status code
    message: Final[str]

class TensorSpec:
    """What a model takes or gives under one name. `shape`: -1 is free; no batch dimension where the model batches."""

    def __init__(self, name: str, datatype: str, shape: Sequence[int], *, optional: bool = False) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def datatype(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def optional(self) -> bool: ...

class ModelSignature:
    def __init__(self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], max_batch_size: int) -> None: ...
    @property
    def inputs(self) -> list[TensorSpec]: ...
    @property
    def outputs(self) -> list[TensorSpec]: ...
    @property
    def max_batch_size(self) -> int:
        """Rows; 0: the model does not batch."""

class InstanceGroup:
    @property
    def count(self) -> int: ...
    @property
    def threads(self) -> int: ...

class Engine:
    """One loaded model version. Moves into the ModelRuntime that is made of it; not usable after that."""

    @property
    def name(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def signature(self) -> ModelSignature: ...
    @property
    def instance_groups(self) -> list[InstanceGroup]: ...

DEFAULT_MAX_BATCH_SIZE: Final[int]
"""Rows, of a model that batches and does not say how many."""

def identity_engine(
    *,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    max_batch_size: int,
    delay_us: int = 0,
    instances: int = 1,
) -> Engine:
    """Raises StatusError."""

def openvino_engine(
    path: str,
    *,
    threads: int,
    max_batch_size: int | None = None,
    inputs: Sequence[TensorSpec] = (),
    outputs: Sequence[TensorSpec] = (),
    instances: int = 0,
    plan: str = "adaptive",  # adaptive | latency | throughput
    precision: str = "f32",
    pinning: bool | None = None,
    cache_folder: str = "",
    properties: Mapping[str, str] = {},
) -> Engine:
    """Loads what OpenVINO reads; `inputs`, `outputs` and `max_batch_size` override what the model says.

    Raises StatusError. Releases the GIL.
    """

def inspect_openvino_model(path: str) -> ModelSignature:
    """What the model's files say; nothing is compiled. Raises StatusError. Releases the GIL."""

def openvino_version() -> str:
    """Raises StatusError where this core was built without OpenVINO."""

def function_engine(
    *,
    name: str,
    device: str,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    max_batch_size: int,
    functions: Sequence[BatchFunction],
    threads_each: int = 0,
) -> Engine:
    """An engine with an instance for each of `functions`, whose batches they execute, with the GIL.

    Raises StatusError.
    """

def mixes_rows(engine: Engine) -> bool | None:
    """Whether the rows of a batch influence one another, found out by executing a few. None: it takes none of them.

    Raises StatusError. Releases the GIL.
    """

class BatchSettings:
    def __init__(
        self,
        *,
        max_queue_delay_us: int = 0,
        preferred_batch_sizes: Sequence[int] = (),
        max_queue_size: int = 1024,
        priority_levels: int = 1,
        default_timeout_us: int = 0,
    ) -> None: ...
    @property
    def max_queue_delay_us(self) -> int: ...
    @property
    def preferred_batch_sizes(self) -> list[int]: ...
    @property
    def max_queue_size(self) -> int: ...
    @property
    def priority_levels(self) -> int: ...
    @property
    def default_timeout_us(self) -> int: ...

class HistogramSnapshot:
    count: Final[int]
    sum: Final[int]
    max: Final[int]
    buckets: Final[list[tuple[int, int]]]  # (inclusive upper bound, count), rising, only those not empty
    def quantile(self, quantile: float) -> int: ...
    @property
    def mean(self) -> float: ...

class BatchSizeCounts:
    rows: Final[int]
    batches: Final[int]
    gather_ns: Final[int]
    execute_ns: Final[int]
    respond_ns: Final[int]

class ModelMetricsSnapshot:
    requests_by_code: Final[list[int]]  # indexed by gRPC status code
    success_ns: Final[int]
    failure_ns: Final[int]
    queue_ns: Final[int]
    queue_count: Final[int]
    inferences: Final[int]  # rows
    batches: Final[int]
    gather_ns: Final[int]
    execute_ns: Final[int]
    respond_ns: Final[int]
    executed_requests: Final[int]
    copied_inputs: Final[int]  # inputs of a lone request that had to be moved to be aligned
    split_batches: Final[int]  # failed, and executed again one request at a time
    group_switches: Final[int]  # changes between groups of instances, as the load changed
    dropped_expired: Final[int]
    dropped_cancelled: Final[int]
    last_inference_unix_ms: Final[int]
    latency_us: Final[HistogramSnapshot]
    queue_us: Final[HistogramSnapshot]
    execute_us: Final[HistogramSnapshot]
    batch_rows: Final[HistogramSnapshot]
    batch_sizes: Final[list[BatchSizeCounts]]

class ModelRuntime:
    """One loaded model version at work: its engine, its queue and the threads of its instances.

    Create → warm_up() as often as wanted → start() → publish in the Core → withdraw from it → stop().
    """

    def __init__(
        self,
        core: Core,
        model: str,
        version: int,
        engine: Engine,
        settings: BatchSettings,
        processing: Processing | None = None,
    ) -> None:
        """Takes `engine` and `processing`, which was made for the engine's signature."""

    def warm_up(self, rows: int) -> None:
        """Executes every instance once with made-up inputs. Raises StatusError. Releases the GIL."""

    def start(self) -> None:
        """Raises StatusError. Releases the GIL."""

    def stop(self, patience_s: float) -> bool:
        """Waits until all that the version accepted is answered, `patience_s` at most, then ends its threads.

        What still waits then is answered UNAVAILABLE. True where nothing was. Releases the GIL.
        """

    @property
    def model(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def engine(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def signature(self) -> ModelSignature:
        """What requests bring and get."""

    @property
    def model_signature(self) -> ModelSignature:
        """What the engine takes and gives."""

    @property
    def preprocessing(self) -> list[tuple[str, str, list[str]]]:
        """(the client's input, the model's, the names of the ops) of each input that is made."""

    @property
    def postprocessing(self) -> list[tuple[str, str, list[str]]]:
        """Likewise of each output."""

    @property
    def instance_groups(self) -> list[InstanceGroup]: ...
    @property
    def batch_settings(self) -> BatchSettings: ...
    @property
    def queue_depth(self) -> int: ...
    def engine_counters(self) -> dict[str, int]:
        """What the engine counts of itself, by name."""

    def metrics(self) -> ModelMetricsSnapshot: ...

class Protocol:
    PREDICT: Final[Protocol]
    PREDICT_STREAM: Final[Protocol]
    MODEL_INFER: Final[Protocol]
    MODEL_STREAM_INFER: Final[Protocol]

class InferCall:
    def cancel(self) -> None:
        """Gives the call up: where it still waits it is answered CANCELLED at once. Any thread."""

class Completed:
    """One finished call."""

    code: Final[int]
    message: Final[str]
    # The encoded response where code is 0. The stream protocols have one (that carries the error) for failures too.
    response: Final[bytes | None]
    # For the log, as the caller sent them (not safe to print as they are; bytes that are not UTF-8 are replaced).
    request_id: Final[str]
    model: Final[str]

class BufferPoolStats:
    used_bytes: Final[int]
    idle_bytes: Final[int]
    reused: Final[int]
    allocated: Final[int]
    refused: Final[int]

class SystemRegionStatus:
    name: Final[str]
    key: Final[str]
    offset: Final[int]
    byte_size: Final[int]

class CudaRegionStatus:
    name: Final[str]
    device_id: Final[int]
    byte_size: Final[int]

class RegionTable:
    """The memory that clients share with the server, by name: csrc/shared_memory/region_table.h.

    Thread-safe. Every method raises StatusError with a sentence. What may block releases the GIL.
    """

    @property
    def has_gpus(self) -> bool:
        """Whether CUDA shared memory can be registered."""

    def register_system(self, name: str, key: str, offset: int, byte_size: int) -> None: ...
    def register_cuda(self, name: str, raw_handle: bytes, device_id: int, byte_size: int) -> None: ...
    def unregister_system(self, name: str) -> None:
        """Empty: all. One that is not there is no error."""

    def unregister_cuda(self, name: str) -> None:
        """Likewise."""

    def system_regions(self, name: str) -> list[SystemRegionStatus]:
        """Empty: all. One that is not there is NOT_FOUND."""

    def cuda_regions(self, name: str) -> list[CudaRegionStatus]:
        """Likewise."""

class Core:
    """What all models share: the table of models, the pool of buffers, and the way back of finished calls.

    Finished calls are collected without the GIL; `fileno()` becomes readable, and whoever watches it calls
    `completed()`. Thread-safe, but completed() is meant for one reader.
    """

    def __init__(
        self,
        *,
        max_request_memory_bytes: int = ...,
        max_idle_memory_bytes: int = ...,
        max_pinned_memory_bytes: int = ...,
        allow_client_shm: bool = False,
    ) -> None: ...
    @property
    def regions(self) -> RegionTable | None:
        """Clients' shared memory; None where `allow_client_shm` is not set: then requests must not name any."""

    def publish(self, model: str, versions: Mapping[int, ModelRuntime | str], default_version: int) -> None:
        """Replaces all that is known of `model` at once. A version maps to its runtime or to why it does not serve.

        `default_version` answers requests that name none; 0: none does.
        """

    def remove(self, model: str) -> None:
        """Requests for it are NOT_FOUND from now on. A model that is not there is no error."""

    def close(self, reason: str) -> None:
        """Every request is UNAVAILABLE with `reason` from now on."""

    def infer(self, protocol: Protocol, request: bytes, timeout_s: float | None, token: object) -> InferCall:
        """Begins a call. `request` is one protobuf message. Its end, whatever it is, comes through completed()."""

    def fileno(self) -> int: ...
    def completed(self) -> list[tuple[Any, Completed]]:
        """The calls that finished since the last time, each with its token; empties the notification."""

    def set_ready(self, ready: bool) -> None:
        """Whether the server as a whole is ready: what the core answers probes with."""

    def buffer_pool_stats(self) -> BufferPoolStats: ...
    def use_device(self, device: CudaDevice) -> None:
        """The pool's memory is page-locked from now on, up to max_pinned_memory_bytes. Raises StatusError.

        A second device needs no second call: the memory serves all of them.
        """

    def pinned_stats(self) -> PinnedStats: ...

class PinnedStats:
    """The page-locked memory of a Core; all 0 before use_device()."""

    pinned_bytes: Final[int]  # that the driver has locked
    limit_bytes: Final[int]
    blocks: Final[int]  # in use
    refused: Final[int]  # times that memory that is not page-locked was given instead: the limit, or the driver

class CudaDeviceInfo:
    ordinal: Final[int]
    name: Final[str]
    uuid: Final[str]
    pci_bus_id: Final[str]
    memory_bytes: Final[int]
    compute_capability: Final[tuple[int, int]]
    numa_node: Final[int]  # -1: unknown

class CudaDriver:
    """libcuda.so.1, opened when it is asked for: nothing of CUDA is linked."""

    @staticmethod
    def open() -> CudaDriver:
        """Raises StatusError (UNAVAILABLE) with the sentence that says what is missing."""

    @property
    def version(self) -> int:
        """Of the driver's interface, such as 13000."""

    @property
    def devices(self) -> list[CudaDeviceInfo]: ...

class CudaDevice:
    """Keeps the primary context of a device alive, which it shares with every other library of the process."""

    def __init__(self, driver: CudaDriver, ordinal: int) -> None:
        """Raises StatusError."""

    @property
    def info(self) -> CudaDeviceInfo: ...
    def memory(self) -> tuple[int, int]:
        """Bytes: free, total. Raises StatusError."""

    def zero(self, address: int, bytes: int, stream: int) -> None:  # noqa: A002 (what they are)
        """Enqueues it on a CUstream. Raises StatusError. Releases the GIL."""

    def current(self) -> CurrentCudaDevice:
        """A context manager: meanwhile, other libraries use this device on this thread. Entering raises StatusError."""

class CurrentCudaDevice:
    def __enter__(self) -> None: ...
    def __exit__(self, *exception: object) -> None: ...

class CudaMemory:
    """A block of device memory, given back with its object: nothing that uses it may be running then."""

    def __init__(self, device: CudaDevice, bytes: int) -> None:  # noqa: A002 (what it is)
        """Raises StatusError; RESOURCE_EXHAUSTED says what is free."""

    @property
    def address(self) -> int: ...
    @property
    def bytes(self) -> int: ...

class KernelCompiler:
    """NVIDIA's compiler of CUDA C++ (NVRTC), and the kernels that it has compiled before. Thread-safe."""

    def __init__(self, cache_folder: str = "", library: str = "") -> None:
        """Nothing is kept where there is no `cache_folder`. `library` is a path; by default the loader finds it.

        Raises StatusError (UNAVAILABLE) with what to install.
        """

    @property
    def version(self) -> tuple[int, int]:
        """NVRTC's own."""

    @property
    def compiled(self) -> int:
        """How many kernels it has compiled."""

    @property
    def found(self) -> int:
        """How many it has found in the folder instead."""

    @property
    def not_kept(self) -> int:
        """How many could not be written there."""

class DeviceChain:
    """Ops that run on a GPU, for rows of one fixed shape. Immutable."""

    def __init__(
        self,
        device: CudaDevice,
        compiler: KernelCompiler,
        ops: Sequence[tuple[str, Mapping[str, OpOption]]],
        datatype: str,
        shape: Sequence[int],
        *,
        folders: Sequence[str] = (),
    ) -> None:
        """`datatype` and `shape` are those of the row that goes in.

        Compiles what is not in the compiler's folder, which takes some tenths of a second a kernel. Raises StatusError
        where an op has no kernel for its row, or the shape is not fixed.
        """

    @staticmethod
    def supports(op: str) -> bool:
        """Whether the op has kernels; its row may still be none that they take."""

    @staticmethod
    def plan(
        ops: Sequence[tuple[str, Mapping[str, OpOption]]],
        datatype: str,
        shape: Sequence[int],
        *,
        folders: Sequence[str] = (),
    ) -> tuple[str, tuple[int, ...]]:
        """Datatype and shape of the row that comes out; nothing is compiled. Raises StatusError likewise."""

    @property
    def input_datatype(self) -> str: ...
    @property
    def input_shape(self) -> tuple[int, ...]: ...
    @property
    def output_datatype(self) -> str: ...
    @property
    def output_shape(self) -> tuple[int, ...]: ...
    @property
    def op_names(self) -> list[str]: ...
    @property
    def kernel_names(self) -> list[str]:
        """Fewer than ops, where several share one."""

    def run(self, rows: bytes) -> bytes:
        """What comes out for rows that lie back to back; copies, and waits. For tests. Raises StatusError."""

class CudaLane:
    """One set of device buffers and graphs of an instance. A lane executes one batch at a time."""

    instance: Final[int]
    index: Final[int]  # within the instance
    @property
    def stream(self) -> int:
        """The instance's compute stream, a CUstream: what record() calls enqueues its work there."""

    def input_address(self, name: str) -> int:
        """Device memory for the largest bucket and profile. Raises StatusError for a name that is no input."""

    def output_address(self, name: str) -> int:
        """Likewise of an output. Raises StatusError."""

    def synchronize(self) -> None:
        """Waits until the stream is empty: while loading only. Raises StatusError. Releases the GIL."""

class CudaGraphEngineBuilder:
    """An engine that executes captured graphs: one for each number of rows (bucket), profile and lane.

    As in TensorSpec, no shape here has the batch dimension where the model batches. Not thread-safe. Allocates all
    device memory at once.
    """

    def __init__(
        self,
        core: Core,
        device: CudaDevice,
        *,
        engine: str,  # the engine's name
        # As of the model on the device; without the batch dimension where max_batch_size > 0.
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        max_batch_size: int,
        # Rows that graphs are captured for; none: powers of two, max_batch_size and `preferred`.
        buckets: Sequence[int] = (),
        preferred: Sequence[int] = (),
        # Complete shapes (no -1) of the inputs that have free dimensions.
        profiles: Sequence[Mapping[str, Sequence[int]]] = ({},),
        # Complete shapes of the outputs that have free dimensions, large enough for every profile.
        max_output_shapes: Mapping[str, Sequence[int]] = {},
        instances: int = 1,
        lanes: int = 2,  # of each instance
        strict_graphs: bool = False,  # a batch that fits no graph is an error
    ) -> None:
        """Raises StatusError; RESOURCE_EXHAUSTED says how much device memory was wanted and how much is free."""

    @property
    def buckets(self) -> list[int]: ...
    def set_preprocess(self, chains: Mapping[str, DeviceChain]) -> None:
        """Ops that make the inputs of these names on the device: captured before the model, in each of its graphs.

        The engine takes what goes into the chains; `inputs`, profiles and lanes stay those of the model alone. Must
        come before `lanes` is read: all device memory is allocated anew. Raises StatusError where a chain does not
        fit, or the model does not batch.
        """

    def set_postprocess(self, chains: Mapping[str, DeviceChain]) -> None:
        """Likewise of ops that take the outputs of these names: the engine gives what comes out of them."""

    @property
    def lanes(self) -> list[CudaLane]: ...
    def record(
        self,
        lane: CudaLane,
        rows: int,
        profile: int,
        enqueue: Callable[[], None],
        output_shapes: Mapping[str, Sequence[int]] = {},
    ) -> None:
        """Captures what `enqueue` puts on lane.stream as the graph of this bucket and profile.

        It reads lane.input_address() and writes lane.output_address(). `output_shapes`: of the outputs with free
        dimensions. `enqueue` is called once, and kept as long as the engine: it owns what the graph uses. It must not
        know the ModelRuntime, which would be a cycle. Raises StatusError where it cannot be captured, or with the text
        of what `enqueue` raised.
        """

    def adopt(
        self,
        lane: CudaLane,
        rows: int,
        profile: int,
        graph: int,
        output_shapes: Mapping[str, Sequence[int]] = {},
        owner: object = None,
    ) -> None:
        """As record(), with a copy of a CUgraph that somebody else captured. Raises StatusError.

        `owner` is kept as long as the engine: it owns what the graph uses beside the lane's memory.
        """

    def run_uncaptured(
        self,
        lane: CudaLane,
        enqueue: Callable[[int, Mapping[str, Sequence[int]]], Mapping[str, Sequence[int]]],
    ) -> None:
        """What executes batches that have no graph: called with the GIL, on the lane's thread, for each.

        Gets the rows and the complete shapes of all inputs, enqueues on lane.stream, and returns those of the outputs
        that have free dimensions. What it raises fails the batch.
        """

    def build(self) -> Engine:
        """The builder is spent. Raises StatusError where a lane lacks a graph that another has, or has none at all."""

class StateQuestion:
    SERVER_LIVE: Final[StateQuestion]
    SERVER_READY: Final[StateQuestion]
    MODEL_READY: Final[StateQuestion]

class Compression:
    IDENTITY: Final[Compression]
    DEFLATE: Final[Compression]
    GZIP: Final[Compression]

class NativeServerOptions:
    """Limits and time-outs. What each is for stands in config/transport.py, under the same name."""

    io_threads: int
    max_connections: int
    tls_handshake_timeout_s: float
    http2_max_concurrent_streams: int
    http2_max_header_list_bytes: int
    http2_max_header_fields: int
    http2_initial_window_bytes: int
    http2_max_window_bytes: int
    http2_max_frame_bytes: int
    http2_max_resets_per_second: int
    http2_max_forced_resets_per_second: int
    http2_max_control_frames_per_second: int
    http2_max_queued_control_frames: int
    http2_max_window_updates_per_data: int
    http2_max_empty_data_frames: int
    http2_preface_timeout_s: float
    http2_headers_timeout_s: float
    http2_body_timeout_s: float
    http2_write_timeout_s: float
    http2_idle_timeout_s: float
    http2_keepalive_interval_s: float
    http2_keepalive_timeout_s: float
    http2_max_connection_age_s: float
    http2_max_connection_age_grace_s: float
    max_receive_message_bytes: int
    max_send_message_bytes: int

class TlsCertificates:
    """PEM texts. No authorities: clients are not asked for a certificate."""

    def __init__(
        self,
        *,
        certificate_chain: bytes,
        private_key: bytes,
        client_authorities: bytes,
        require_client_certificate: bool,
    ) -> None: ...

class TlsContext:
    """Thread-safe. Raises StatusError with OpenSSL's reason."""

    def __init__(self, certificates: TlsCertificates) -> None: ...
    def replace(self, certificates: TlsCertificates) -> None:
        """New connections get these. Where it raises StatusError, everything stays as it was. Releases the GIL."""

class PeerIdentity:
    """What TLS knows of the peer."""

    tls: Final[bool]
    protocol: Final[str]
    @property
    def certificate_pem(self) -> bytes: ...
    @property
    def common_name(self) -> bytes: ...
    @property
    def alternative_names(self) -> list[bytes]: ...

class ReceivedMessage:
    """Its bytes lie in the core's pool until take()."""

    was_compressed: Final[bool]
    def __len__(self) -> int: ...
    def take(self) -> bytes:
        """Once."""

class HandedCall:
    """A call that Python answers. Thread-safe. What is sent after the call is over is dropped.

    Metadata are pairs; a value is bytes where the key ends in "-bin".
    """

    @property
    def path(self) -> str: ...
    @property
    def peer(self) -> str: ...
    @property
    def deadline(self) -> float | None:
        """As time.monotonic() counts."""

    @property
    def identity(self) -> PeerIdentity: ...
    @property
    def backlog(self) -> int:
        """Bytes that were sent and are not yet on their way to the socket."""

    def metadata(self) -> tuple[tuple[str, str | bytes], ...]: ...
    def send_initial_metadata(self, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """Before the first message. Raises StatusError for metadata that cannot be sent."""

    def set_compression(self, compression: Compression) -> None:
        """Before the initial metadata."""

    def send_message(self, message: bytes, compress: bool = True) -> None:
        """Raises StatusError where there is no memory."""

    def finish(
        self, code: int, message: str, trailing: Iterable[tuple[str, str | bytes]], details: str | bytes
    ) -> None:
        """`details`: for grpc-status-details-bin. Raises StatusError for metadata that cannot be sent."""

    def taken(self, bytes: int) -> None:  # noqa: A002
        """A message of so many bytes was read: the caller may send as many more."""

def check_metadata(metadata: Iterable[tuple[str, str | bytes]]) -> None:
    """Raises StatusError where it cannot be sent."""

class HandedEventKind:
    CALL: Final[HandedEventKind]
    MESSAGE: Final[HandedEventKind]
    HALF_CLOSE: Final[HandedEventKind]
    WRITABLE: Final[HandedEventKind]
    DRAIN: Final[HandedEventKind]
    CANCELLED: Final[HandedEventKind]
    FINISHED: Final[HandedEventKind]

class HandedEvent:
    """Something that happened to a call. CALL is its first, CANCELLED or FINISHED its last."""

    kind: Final[HandedEventKind]
    key: Final[int]  # the same for all events of a call
    call: Final[Any]  # HandedCall, with CALL
    message: Final[Any]  # ReceivedMessage, with MESSAGE
    code: Final[int]  # with CANCELLED
    reason: Final[str]  # with CANCELLED

class RequestLogLevel:
    NONE: Final[RequestLogLevel]
    FAILURES: Final[RequestLogLevel]
    ALL: Final[RequestLogLevel]

class FinishedRequest:
    """For the log. The texts are as the caller sent them."""

    @property
    def code(self) -> int: ...
    @property
    def message(self) -> str: ...
    @property
    def request_id(self) -> str: ...
    @property
    def model(self) -> str: ...

class NativeServer:
    """gRPC over HTTP/2: csrc/transport/native_server.h. Thread-safe, but take() is meant for one reader.

    What may block releases the GIL.
    """

    def __init__(self, core: Core, options: NativeServerOptions) -> None: ...
    def add_infer_method(self, path: str, protocol: Protocol) -> None: ...
    def add_state_method(self, path: str, question: StateQuestion) -> None: ...
    def add_handed_path(self, path: str) -> None: ...
    def add_port(self, address: str, tls: TlsContext | None) -> int:
        """The port that was bound, 0 for a Unix socket. Raises StatusError."""

    def start(self) -> None:
        """Raises StatusError."""

    def drain(self) -> None:
        """Takes no more connections or calls."""

    def wait_until_idle(self, patience_s: float) -> bool:
        """Whether no call is underway; waits for that."""

    def stop(self) -> None:
        """Ends what is left. The last events are there when it returns."""

    def fileno(self) -> int:
        """Readable while there are events."""

    def take(self) -> list[HandedEvent]: ...
    def set_request_log_level(self, level: RequestLogLevel) -> None: ...
    def request_log_fileno(self) -> int:
        """Readable while there are finished requests to log."""

    def take_finished_requests(self) -> list[FinishedRequest]: ...
    def counters(self) -> dict[str, int]:
        """By name."""

    @property
    def connections(self) -> int: ...

OpOption = bool | int | float | str | Sequence[float] | Sequence[str]

class OpChain:
    """Ops of pre- or post-processing, one after another, for one row at a time. Not thread-safe."""

    def __init__(
        self,
        ops: Sequence[tuple[str, Mapping[str, OpOption]]],
        datatype: str,
        shape: Sequence[int],
        *,
        folders: Sequence[str] = (),
    ) -> None:
        """`datatype` and `shape` are those of the row that goes in. Raises StatusError where two ops do not fit."""

    @property
    def datatype(self) -> str:
        """Of the row that comes out."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the row that comes out; -1 where only an actual row tells."""

    def run(self, row: bytes, shape: Sequence[int]) -> tuple[tuple[int, ...], bytes]:
        """Shape and contents of the row that comes out. Raises StatusError where the row is bad."""

class Processing:
    """What is done with a model's inputs and outputs, until a ModelRuntime takes it."""

    def __init__(self, model: ModelSignature) -> None: ...
    def add_input(
        self,
        client: TensorSpec,
        model_input: str,
        ops: Sequence[tuple[str, Mapping[str, OpOption]]],
        *,
        folders: Sequence[str] = (),
    ) -> None:
        """`model_input` is made of the client's tensor. Raises StatusError, naming input and op."""

    def add_texts(
        self,
        client: str,
        tokenizer: Tokenizer,
        *,
        input_ids: str = "",
        attention_mask: str = "",
        token_type_ids: str = "",
    ) -> None:
        """The model's inputs of these names are made of the client's texts. Raises StatusError."""

    def add_output(
        self, output: str, ops: Sequence[tuple[str, Mapping[str, OpOption]]], *, folders: Sequence[str] = ()
    ) -> None:
        """The model's `output` goes through the ops. Raises StatusError, naming output and op."""

    def add_labels(self, output: str, labels: str | Sequence[str], *, folders: Sequence[str] = ()) -> None:
        """What the output's classes are called: the lines of a file, or a list. Raises StatusError."""

    def tell_engine_ops(self, client: str, tensor: str, ops: Sequence[str], *, before_model: bool) -> None:
        """Ops that the engine does itself: for preprocessing and postprocessing of ModelRuntime, nothing else."""

    @property
    def client(self) -> ModelSignature:
        """What requests bring and get."""

class Tokenizer:
    """Texts → token ids, by a model that pyserver.tokenizer converted. Thread-safe."""

    def __init__(
        self,
        model_path: str,
        extension_path: str,
        *,
        threads: int = 1,
        max_text_bytes: int = 2**20,
        before: Sequence[tuple[int, int]] = (),
        after: Sequence[tuple[int, int]] = (),
        text_type: int = 0,
        max_length: int | None = None,
        cut: str = "right",  # right | left
        pad_to: int = 0,
        pad: str = "right",
        pad_id: int = 0,
        pad_type: int = 0,
    ) -> None:
        """`before` and `after` are the special tokens around each text: id and token_type_id. `pad_to` 0: longest.

        Raises StatusError. Releases the GIL.
        """

    def encode(self, texts: Sequence[bytes]) -> tuple[tuple[int, int], bytes, bytes, bytes]:
        """Shape [rows, length], and input_ids, attention_mask and token_type_ids as INT64.

        Raises StatusError. Releases the GIL.
        """

def op_entries() -> dict[str, str]:
    """Every op, and what it does and takes."""

class LoadTarget:
    """Whom load is for."""

    def __init__(
        self,
        address: str,  # "HOST:PORT", "[::1]:PORT", "unix:PATH"
        *,
        protocol: str = "grpc",  # "grpc" (HTTP/2), or "http" (HTTP/1.1, one request at a time on a connection)
        tls: bool = False,
        ca_pem: str = "",  # empty: the system's authorities
        certificate_pem: str = "",
        key_pem: str = "",
        server_name: str = "",  # empty: the address's host
        verify: bool = True,
    ) -> None:
        """Raises ValueError for what is no address or no certificate. Releases the GIL: asks the system for names."""

    @staticmethod
    def in_process(core: Core, protocol: Protocol) -> LoadTarget:
        """The models of a core in this process, without any transport: what remains is engine and batcher."""

class LoadExpectation:
    """What the answer to one request must hold. Raises ValueError."""

    def __init__(
        self,
        # Whose message the answer is: "predict" | "open_inference" | "tensorflow", or "message": one output, the whole
        # message (gRPC) or body (HTTP), bit-exact.
        reader: str,
        outputs: Sequence[tuple[str, str, bytes]],  # name, datatype ("FP32"), raw little-endian contents
        *,
        # |got - expected| <= absolute + relative * |expected|, for floating-point outputs. Both 0: bit-exact.
        absolute: float = 0,
        relative: float = 0,
    ) -> None: ...

class LoadRequests:
    """What is asked: all of it is encoded before. Immutable; serves any number of runs. Raises ValueError."""

    def __init__(
        self,
        path: str,
        bodies: Sequence[bytes],  # gRPC: one message each, without its prefix
        *,
        headers: Sequence[tuple[str, str]] = (),  # beside those that the protocol needs; lower-case names
        streaming: bool = False,  # a bidirectional stream for each connection, which carries all of its requests
        id_offset: int | None = None,  # where in every body 16 bytes lie that an id (hexadecimal) overwrites
        id_reader: str = "",  # how a stream's answers name their requests: "predict" | "open_inference"; "": in order
        expectations: Sequence[LoadExpectation | None] = (),  # as many as bodies, or none
        ledger: bool = False,  # read pyserver's ledger
    ) -> None: ...
    def __len__(self) -> int: ...

class LoadPlan:
    """When. Raises ValueError for what cannot be done."""

    def __init__(
        self,
        *,
        duration_s: float = 10,  # without the warm-up
        warmup_s: float = 1,
        max_requests: int | None = None,  # after the warm-up; the run ends with the last of them
        connections: int = 1,
        threads: int = 1,  # at most as many as connections
        max_in_flight: int = 100,  # on each connection; a server's own limit counts too
        # Exactly one of these two. Closed loop: so many requests in flight in all, shared out over the connections.
        concurrency: int | None = None,
        # Open loop (int64): when requests are due, in ns from the start, ascending, those of the warm-up included.
        arrivals_ns: Any = None,
        bodies: Any = None,  # int32: which body the n-th request has (n modulo its length); None: in turn
        window_s: float = 1.0,
        timeout_s: float | None = None,  # from due on; a request that is late is cancelled, and failed as TIMEOUT
        drain_s: float = 10,  # how long to wait for answers at the end
    ) -> None: ...

class LoadWindow:
    """What became of the requests that were due (closed loop: sent) within one stretch of a run.

    sent = answered + failed + lost: `answered` well, `failed` as `errors` says, `lost` neither, within drain_s. A
    window comes when all of its requests have ended. Histograms are pairs of (bucket, count), ascending.
    """

    start_ns: Final[int]  # from the start of the run
    warmup: Final[bool]
    sent: Final[int]
    answered: Final[int]
    failed: Final[int]
    lost: Final[int]
    request_bytes: Final[int]  # of bodies (gRPC: with the messages' prefixes)
    response_bytes: Final[int]  # of bodies that answered well
    @property
    def length_ns(self) -> int: ...
    @property
    def errors(self) -> dict[str, int]:
        """By gRPC code ("UNAVAILABLE"), "HTTP 503", "CONNECTION", "MISMATCH" (a wrong answer) or "TIMEOUT"."""

    @property
    def latency(self) -> list[tuple[int, int]]:
        """Of the answered, from due to the answer's last byte."""

    @property
    def latency_sum_ns(self) -> int: ...
    @property
    def latency_max_ns(self) -> int: ...
    @property
    def lag(self) -> list[tuple[int, int]]:
        """Open loop: from due until a connection took the request. Closed loop: empty, there is none."""

    @property
    def lag_sum_ns(self) -> int: ...
    @property
    def lag_max_ns(self) -> int: ...
    @property
    def ledger(self) -> dict[str, int]:
        """Sums of pyserver's ledger in µs, by field; empty where no answer had one."""

    @property
    def ledger_count(self) -> int: ...
    @property
    def ledger_batch_rows(self) -> int: ...

class LoadSummary:
    elapsed_ns: Final[int]  # of the measured part: to its end, or to the last answer where that came later
    cpu_ns: Final[int]  # of the engine's threads, in the measured part
    connections_opened: Final[int]
    reconnects: Final[int]
    most_in_flight: Final[int]  # at once: fewer than asked for where the server allows no more
    @property
    def last_error(self) -> str:
        """A sentence; empty where nothing went wrong."""

    @property
    def errors_examples(self) -> dict[str, str]:
        """A sentence for each kind of error."""

class LoadRun:
    """One run. Its threads never hold the GIL. Thread-safe. One that is dropped is abandoned."""

    def __init__(self, target: LoadTarget, requests: LoadRequests, plan: LoadPlan) -> None:
        """Raises ValueError where plan and requests do not fit together."""

    def start(self) -> None:
        """Connects; the load begins when it returns. Raises ConnectionError with the reason. Once. Releases the GIL."""

    def wait(self, timeout_s: float) -> bool:
        """True when the run has ended; waits for that. Releases the GIL."""

    def stop(self) -> None:
        """Nothing new is sent; what is in flight is awaited for drain_s."""

    def windows(self) -> list[LoadWindow]:
        """Those that are complete, in order, and were not given out before."""

    def summary(self) -> LoadSummary:
        """After the end; StatusError before."""

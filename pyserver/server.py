"""The server: builds every part, starts them, and stops them in the order that loses no request."""

import logging
import threading
import time
from collections.abc import Callable

from pyserver import _core
from pyserver.config.schema import ServerSettings
from pyserver.cpu_budget import cpu_budget
from pyserver.errors import PyserverError
from pyserver.logs import fields
from pyserver.repository.lifecycle import ModelRepository
from pyserver.services import health, model_status, reflection
from pyserver.services.change_feed import ChangeFeed
from pyserver.services.model_status import add_model_status
from pyserver.services.open_inference import add_open_inference
from pyserver.services.predict import OPEN_INFERENCE_SERVICE, PREDICT_SERVICE, add_infer_methods
from pyserver.services.reflection import add_reflection
from pyserver.stop_signals import stop_signals
from pyserver.transport import make_transport
from pyserver.transport.infer_calls import STOPPING
from pyserver.transport.tls import tls_files

SERVICES = (PREDICT_SERVICE, model_status.SERVICE, OPEN_INFERENCE_SERVICE, health.SERVICE)
# For the answers that are made when the grace is over to reach their callers.
_LAST_ANSWERS_S = 1.0
# For watchers to hear that the server stops, before their streams are ended.
_LAST_TELLINGS_S = 0.5
# For probes to be answered by a server that could not start.
_FAILED_START_GRACE_S = 1.0

_log = logging.getLogger("pyserver.server")


class Server:
    """One server in this process. start() → wait() → stop(); not started twice. stop() is thread-safe."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._core = _core.Core(
            max_request_memory_bytes=settings.max_request_memory_bytes,
            max_pinned_memory_bytes=settings.max_pinned_memory_bytes,
            allow_client_shm=settings.allow_client_shm,
        )
        self._repository = ModelRepository(
            settings, self._core, cpu_budget(), log=logging.getLogger("pyserver.repository")
        )
        self._changes = ChangeFeed(settings.max_watchers)
        self._repository.subscribe(self._changes.notify)
        self._publish_readiness = health.follow_readiness(self._repository, self._core)
        self._health = health.HealthServicer(self._repository, self._changes, (*SERVICES, reflection.SERVICE))
        self._transport = make_transport(settings, self._core, logging.getLogger("pyserver.requests"))
        add_infer_methods(self._transport)
        add_open_inference(self._transport, self._repository, self._core.regions)
        add_model_status(self._transport, self._core, self._repository, self._changes)
        self._health.register(self._transport)
        add_reflection(self._transport, SERVICES)
        self._addresses: dict[str, str] = {}
        self._stop_lock = threading.Lock()
        self._stopped: bool | None = None

    @property
    def addresses(self) -> dict[str, str]:
        """Where each protocol is served, with the real port. Empty before start()."""
        return dict(self._addresses)

    def start(self) -> None:
        """Listens, then loads the models: probes are answered meanwhile. Returns when the first load is over.

        Raises ConfigError where the address cannot be listened on, ModelLoadError where `exit_on_load_error` is set.
        """
        address, tls = self._settings.grpc_address, tls_files(self._settings)
        if tls is None:
            port = self._transport.add_insecure_port(address)
        else:
            port = self._transport.add_secure_port(address, tls)
        self._addresses["grpc"] = _with_port(address, port)
        self._transport.start()
        _log.info("listening", extra=fields(grpc=self._addresses["grpc"]))
        self._repository.start()
        self._publish_readiness()
        self._changes.notify()

    def ready_line(self) -> str:
        """What is served where: `ready grpc=127.0.0.1:8001 models=digits:1,other:3`."""
        models = [f"{model.name}:{model.default_version}" for model in self._repository.snapshot(None)
                  if model.default_version]  # fmt: skip
        places = " ".join(f"{protocol}={address}" for protocol, address in self._addresses.items())
        return f"ready {places} models={','.join(models)}"

    def wait(self) -> None:
        """Returns when the server has stopped."""
        self._transport.wait_for_termination()

    def stop(self, grace_s: float | None = None) -> bool:
        """Stops: NOT_SERVING first, no new requests, those underway finish within `grace_s`, the rest UNAVAILABLE.

        `grace_s` is the settings' `shutdown_grace_s` by default. True where every request was answered.
        """
        with self._stop_lock:
            if self._stopped is None:
                self._stopped = self._stop(self._settings.shutdown_grace_s if grace_s is None else grace_s)
            return self._stopped

    def _stop(self, grace_s: float) -> bool:
        _log.info("stopping", extra=fields(grace_s=grace_s))
        end = time.monotonic() + grace_s
        self._health.stop(_LAST_TELLINGS_S)
        terminated = self._transport.stop(grace_s + _LAST_ANSWERS_S)
        in_time = terminated.wait(grace_s)
        self._core.close(STOPPING)
        emptied = self._repository.stop(max(0.0, end - time.monotonic()))
        if not terminated.wait(_LAST_ANSWERS_S):
            self._transport.stop(None).wait(_LAST_ANSWERS_S)
        if self._core.regions is not None:
            self._core.regions.unregister_system("")
            self._core.regions.unregister_cuda("")
        if not in_time:
            _log.warning("the grace is over: requests that still ran were given up", extra=fields(grace_s=grace_s))
        _log.info("stopped")
        return in_time and emptied


def serve_until_signal(server: Server, on_ready: Callable[[str], None], at_once: Callable[[], None]) -> bool:
    """Starts the server, and stops it at SIGTERM or SIGINT; `at_once` is called at the second one.

    Must be called on the main thread. Raises what start() raises. True where every request was answered, and nothing of
    the server still runs.
    """
    wake, signalled = threading.Event(), threading.Event()

    def received() -> None:
        if signalled.is_set():
            at_once()
        signalled.set()
        wake.set()

    failures: list[BaseException] = []

    def start() -> None:
        # On a thread of its own: a server that loads a model can be stopped meanwhile.
        try:
            server.start()
            if not wake.is_set():
                on_ready(server.ready_line())
        except BaseException as error:
            failures.append(error)
            wake.set()

    with stop_signals(received):
        starter = threading.Thread(target=start, name="pyserver-start", daemon=True)
        starter.start()
        wake.wait()
        if failures and not isinstance(failures[0], PyserverError):
            _log.error("the server did not start", exc_info=failures[0])
        ended = server.stop(_FAILED_START_GRACE_S if failures else None)
        # Python must not end while it still prints: it would find the stream locked, and abort.
        starter.join(_LAST_ANSWERS_S)
    if failures:
        raise failures[0]
    return ended and not starter.is_alive()


def _with_port(address: str, port: int) -> str:
    if address.startswith("unix:"):
        return address
    return f"{address.rpartition(':')[0]}:{port}"

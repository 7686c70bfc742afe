"""Measuring from Python, in one call:

    from pyserver_loadgen.measure import measure

    measured = measure("127.0.0.1:8001", "digits", Setting(Steady(500), duration_s=10))
    print(measured.throughput, measured.latency.percentile(99))

For several runs of the same requests keep a `target()` open, and give its runner to `sweep`, `Search`, `alternate` or
`Stable`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pyserver_loadgen.inputs import RequestOptions
from pyserver_loadgen.measurement import Measurement
from pyserver_loadgen.run import Listener, Runner, Setting
from pyserver_loadgen.subjects import Asked, prepare_server


@contextmanager
def target(
    address: str,
    model: str,
    *,
    protocol: str = "predict",
    requests: RequestOptions | None = None,
    listener: Listener | None = None,
) -> Iterator[Runner]:
    """A runner for one model of one server; requests are made once, from the model's metadata and the options.

    Raises ConfigError, RequestFailedError, UnreachableError.
    """
    asked = Asked(model=model, protocol=protocol, requests=requests or RequestOptions())
    with ExitStack() as stack:
        yield Runner(prepare_server(address, asked, stack).subject, listener)


def measure(
    address: str,
    model: str,
    setting: Setting,
    *,
    protocol: str = "predict",
    requests: RequestOptions | None = None,
) -> Measurement:
    """One run. Raises ConfigError, RequestFailedError, UnreachableError."""
    with target(address, model, protocol=protocol, requests=requests) as runner:
        return runner(setting)

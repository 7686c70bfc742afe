"""What is in the requests. `build_pool` makes all of a run's requests from the model's metadata and the options."""

from pyserver_loadgen.inputs.expected import expected_first, expected_from_file
from pyserver_loadgen.inputs.pool import RequestOptions, RequestPool, build_pool
from pyserver_loadgen.inputs.trace import TraceEntry, TraceWriter, read_trace, write_trace

__all__ = [
    "RequestOptions",
    "RequestPool",
    "TraceEntry",
    "TraceWriter",
    "build_pool",
    "expected_first",
    "expected_from_file",
    "read_trace",
    "write_trace",
]

"""Measures inference servers: pre-encoded requests, a native engine, honest latencies. `pyserver bench` is its command.

What measures lies in modules of their own: `run` (one measurement), `sweep`, `search`, `stability`, `comparison` and
`mlperf` (several of them), `schedules` (when requests are due), `measurement` (what comes out). `measure.measure()` is
a run in one call.
"""

"""Reports as real runs give them, made without a server: latencies are drawn from a queue's distribution."""

from __future__ import annotations

import math

import numpy as np

from pyserver_loadgen.histogram import Histogram
from pyserver_loadgen.measurement import (
    Comparison,
    ComparisonPoint,
    ComparisonRow,
    Ledger,
    Measurement,
    Report,
    ServerUse,
    Slo,
    Verdict,
    Window,
)

ENVIRONMENT = {
    "machine": "bench-7",
    "CPU": "AMD EPYC 9B14",
    "cores": "2",
    "memory": "24.0 GiB",
    "kernel": "Linux 6.1.0",
    "Python": "3.11.7",
    "pyserver": "0.1.0",
    "commit": "7d67e9c",
    "date": "2026-11-21T17:30:00+00:00",
}
MODEL: dict[str, object] = {
    "name": "minilm",
    "version": "1",
    "protocol": "Predict",
    "inputs": ["input_ids INT64 [-1, 128]", "attention_mask INT64 [-1, 128]"],
    "requests": "64 random ones of 2.1 kB",
}


def histogram(values_ms: list[float] | np.ndarray) -> Histogram:
    made = Histogram()
    made.add(np.asarray(values_ms) * 1e6)
    return made


def window(
    number: int, answered: int, mean_ms: float, *, seed: int = 0, failed: int = 0, length_s: float = 1.0
) -> Window:
    """A second in which answers took at least half of `mean_ms`, and some much longer."""
    random = np.random.default_rng([seed, number])
    latencies = mean_ms * (0.5 + random.gamma(1.4, 0.36, answered))
    return Window(
        start_s=1.0 + number * length_s,
        length_s=length_s,
        sent=answered + failed,
        answered=answered,
        failed=failed,
        errors={"UNAVAILABLE": failed} if failed else {},
        request_bytes=answered * 2100,
        response_bytes=answered * 1600,
        latency=histogram(latencies),
        lag=histogram(random.exponential(0.02, answered + failed)),
        ledger=Ledger(
            {
                "receive_us": answered * 9,
                "decode_us": answered * 6,
                "queue_us": int(answered * mean_ms * 380),
                "batch_us": answered * 14,
                "execute_us": int(answered * mean_ms * 520),
                "encode_us": answered * 7,
            },
            answered,
            answered * 6,
        ),
    )


def measurement(
    label: str, throughput: float, mean_ms: float, *, seconds: int = 10, seed: int = 0, failed: int = 0, **more
) -> Measurement:
    random = np.random.default_rng(seed)
    windows = [
        window(
            n,
            int(throughput * random.normal(1, 0.02)),
            mean_ms * random.normal(1, 0.04),
            seed=seed,
            failed=failed if n == 6 else 0,
        )
        for n in range(seconds)
    ]
    settings: dict = {"concurrency": 8, "schedule": "closed loop, 8 in flight", **more}
    return Measurement(
        label=label,
        target=settings.pop("target", "127.0.0.1:8001, Predict"),
        duration_s=float(seconds),
        windows=windows,
        warmup_s=1.0,
        client_cpu_s=seconds * throughput * 12e-6,
        server=ServerUse(cpu_s=seconds * 1.9, rss_bytes=182_000_000, mean_batch=5.8),
        error_examples={"UNAVAILABLE": "the queue of model 'minilm' is full"} if failed else {},
        **settings,
    )


def single() -> Report:
    return Report(
        ["pyserver", "bench", "minilm", "--rate", "2000", "--slo", "p99=15ms"],
        "single",
        dict(ENVIRONMENT),
        dict(MODEL),
        [
            measurement(
                "2,000/s",
                2000,
                6.0,
                seconds=30,
                failed=40,
                concurrency=None,
                rate=2000.0,
                schedule="open loop, Poisson 2,000/s",
            )
        ],
        [
            Verdict("p99 latency, 2,000/s", "≤ 15 ms", "13.2 ms", True),
            Verdict("errors", "none", "40 UNAVAILABLE", False),
        ],
        [Slo("p99", 0.015, "p99=15ms")],
    )


def sweep() -> Report:
    measurements = []
    for step, concurrency in enumerate((1, 2, 4, 8, 16, 32, 64)):
        throughput = 2400 * concurrency / (concurrency + 6.5)
        mean_ms = 1000 * concurrency / throughput
        measurements.append(
            measurement(
                f"{concurrency} in flight",
                throughput,
                mean_ms,
                seed=step,
                concurrency=concurrency,
                schedule=f"closed loop, {concurrency} in flight",
            )
        )
    return Report(
        ["pyserver", "bench", "minilm", "--concurrency", "1:64:x2", "--slo", "p99=15ms", "--html", "report.html"],
        "sweep",
        dict(ENVIRONMENT),
        dict(MODEL),
        measurements,
        [Verdict("errors", "none", "none", True)],
        [Slo("p99", 0.015, "p99=15ms")],
        knee=3,
    )


def compared() -> Report:
    measurements = []
    for number in range(1, 4):
        measurements.append(measurement(f"A {number}", 1250, 6.4, seed=number, target="127.0.0.1:8001, Predict"))
        measurements.append(measurement(f"B {number}", 980, 8.2, seed=10 + number, target="127.0.0.1:9001, OIP"))
    rows = [
        ComparisonRow("throughput", "answers/s", 1250.0, 980.0, 0.784, 0.771, 0.797, "a"),
        ComparisonRow("mean latency", "s", 0.0064, 0.0082, 1.281, 1.262, 1.301, "a"),
        ComparisonRow("p50 latency", "s", 0.0057, 0.0073, 1.279, 1.25, 1.31, "a"),
        ComparisonRow("p99 latency", "s", 0.0144, 0.0139, 0.965, 0.9, 1.03, "no difference shown"),
        ComparisonRow("client CPU per answer", "s", 1.2e-5, 1.1e-5, 0.917, 0.9, 0.94, "b"),
        ComparisonRow("server CPU per answer", "s", 1.5e-3, 1.9e-3, 1.27, math.nan, math.nan, "no difference shown"),
    ]
    return Report(
        ["pyserver", "bench", "minilm", "--against", "127.0.0.1:9001", "--rounds", "3"],
        "compare",
        dict(ENVIRONMENT),
        dict(MODEL),
        measurements,
        comparison=Comparison("127.0.0.1:8001, Predict", "127.0.0.1:9001, OIP", 3, rows),
    )


def compared_sweep() -> Report:
    """B falls behind as the load grows."""
    measurements = []
    points = []
    for step, (concurrency, ratio) in enumerate(((1, 1.02), (8, 0.9), (64, 0.7))):
        setting, throughput = f"{concurrency} in flight", 400.0 * concurrency / (1 + concurrency / 16)
        for number in (1, 2):
            for place, (side, factor) in enumerate((("A", 1.0), ("B", ratio))):
                mean_ms = 1000 * concurrency / (throughput * factor)
                label, seed = f"{side} {number}, {setting}", 100 * step + 10 * place + number
                target = "127.0.0.1:8001, Predict" if side == "A" else "127.0.0.1:9001, OIP"
                measurements.append(
                    measurement(label, throughput * factor, mean_ms, seconds=3, seed=seed, target=target)
                )
        better = "no difference shown" if ratio > 1 else "a"
        low, high = ratio * 0.97, ratio * 1.03
        rows = [ComparisonRow("throughput", "answers/s", throughput, throughput * ratio, ratio, low, high, better)]
        for name, times in (("p50 latency", 0.9), ("p99 latency", 2.2)):
            a = times * concurrency / throughput
            rows.append(ComparisonRow(name, "s", a, a / ratio, 1 / ratio, 1 / high, 1 / low, better))
        points.append(ComparisonPoint(setting, 2, rows))
    return Report(
        ["pyserver", "bench", "minilm", "--concurrency", "1:64:x8", "--against", "127.0.0.1:9001", "--rounds", "2"],
        "compare",
        dict(ENVIRONMENT),
        dict(MODEL),
        measurements,
        comparison=Comparison("127.0.0.1:8001, Predict", "127.0.0.1:9001, OIP", 2, [], points=points),
    )

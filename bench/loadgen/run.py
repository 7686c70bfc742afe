"""Does our load generator say what h2load says, and at what price?

Both ask identity models of the native transport the same (one FP32 tensor [1, 64], 256 B of values), in turns, with as
many connections and streams. Compared are the rate, the mean time of a request, and the CPU time that a request costs
the client: of h2load the whole process, of ours the engine's threads.

  paced     32 instances take 2 ms of waiting for each request, and no CPU: the server sets the pace, whoever asks
  as fast   the model takes no time at all: what is measured is the pair of server and client on the same two cores, and
            a client that turns answers into requests sooner gets more of them

What both say of one run must fit: requests in flight on average = rate x mean latency (Little). Where that product is
less than the connections times streams that were asked for, the client kept fewer in flight than it was told to: h2load
reads all connections that have answers before it writes to any (Client::signal_write only starts a watcher), and counts
a request from when its HEADERS frame is made (before_frame_send_callback). Ours writes to each connection at once.
Usage: ./dev bench loadgen [--rounds N] [--seconds S] [--shapes 1x1,1x32,8x32,32x1] [--json FILE]
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
# The servers and the messages are those of the measurement of overhead; what benchmarks share lies in bench/support.
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "overhead")]

import h2load  # noqa: E402
import messages  # noqa: E402
import record  # noqa: E402
import servers  # noqa: E402
import toolchain  # noqa: E402
from h2load import Shape, children_cpu_s  # noqa: E402

from pyserver import _core  # noqa: E402
from pyserver_loadgen.run import Runner, Setting, engine_subject  # noqa: E402
from pyserver_loadgen.schedules import ClosedLoop  # noqa: E402
from pyserver_loadgen.statistics import Ratio, paired_ratio  # noqa: E402

AGREES = 0.10  # rate and latency may be so far off
MOST_CPU = 1.3  # times h2load's CPU time per request
GOAL_RATE = 100_000  # requests a second, multiplexed, from at most one core
PACED = "identity_2ms"
MODELS = {"paced": PACED, "as fast": messages.MODEL}
PACED_DELAY_US = 2000
PACED_INSTANCES = 32
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class Seen:
    """What one run of one client tells."""

    rate: float
    mean_s: float
    client_cpu_us: float  # per request
    client_cores: float
    server_cpu_us: float

    @property
    def in_flight(self) -> float:
        """On average, by Little's law."""
        return self.rate * self.mean_s


@dataclass
class Compared:
    """All rounds of one model and shape."""

    h2load: list[Seen] = field(default_factory=list)
    ours: list[Seen] = field(default_factory=list)

    def ratio(self, measure: str) -> Ratio:
        """Of ours to h2load's."""
        return paired_ratio(*([getattr(seen, measure) for seen in side] for side in (self.h2load, self.ours)))


def ask_h2load(server: servers.Server, message: messages.Message, body: Path, shape: Shape, seconds: float) -> Seen:
    url = f"http://{server.address}{message.path}"
    command = h2load.command(shape, [f"-D{seconds:g}", "--warm-up-time=1"], body, url)
    server_before, client_before = server.cpu_s(), children_cpu_s()
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    client_s, server_s = children_cpu_s() - client_before, server.cpu_s() - server_before
    failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", told)
    rate = re.search(r"finished in \S+, ([0-9.]+) req/s", told)
    mean = re.search(r"time for request:\s+\S+\s+\S+\s+([0-9.]+)(us|ms|s)", told)
    if not (failed and rate and mean) or any(int(count) for count in failed.groups()):
        raise SystemExit(f"{shlex.join(command)}\nsaid:\n{told}")
    # Its CPU time holds the warm-up too: as many requests a second as later, and so as much for each.
    requests = float(rate[1]) * (seconds + 1)
    mean_s = float(mean[1]) * _UNITS[mean[2]]
    return Seen(float(rate[1]), mean_s, client_s / requests * 1e6, client_s / (seconds + 1), server_s / requests * 1e6)


def ask_ours(server: servers.Server, message: messages.Message, shape: Shape, seconds: float) -> Seen:
    subject = engine_subject(_core.LoadTarget(server.address), _core.LoadRequests(message.path, [message.body]), "")
    before = server.cpu_s()
    setting = Setting(
        ClosedLoop(shape.connections * shape.streams), duration_s=seconds, connections=shape.connections, threads=1
    )
    measured = Runner(subject)(setting)
    if measured.failed:
        raise SystemExit(f"requests failed: {measured.errors}")
    per_request = measured.client_cpu_s / measured.succeeded * 1e6
    server_us = (server.cpu_s() - before) / (measured.throughput * (seconds + 1)) * 1e6
    return Seen(measured.throughput, measured.latency.mean_s, per_request, measured.client_cores, server_us)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Compared]:
    repository = messages.write_repository(folder, 0)
    paced = {"instances": PACED_INSTANCES, "options": {"delay_us": PACED_DELAY_US}}
    messages.write_model(repository, PACED, 0, **paced)
    compared: dict[str, Compared] = {}
    with servers.Starter(repository, folder).start("native") as server:
        for title, model in MODELS.items():
            message = messages.make_message("ModelInfer", messages.SMALL, model)
            body = folder / f"{model}.grpc"
            body.write_bytes(message.framed)
            messages.checked_answer(server.address, message, echoes=False)
            for shape in options.shapes:
                compared[f"{title}, {shape}"] = told = Compared()
                for _ in range(options.rounds):
                    told.h2load.append(ask_h2load(server, message, body, shape, options.seconds))
                    told.ours.append(ask_ours(server, message, shape, options.seconds))
    return compared


def verdicts(compared: dict[str, Compared]) -> list[str]:
    lines = []
    for shape, told in compared.items():
        for measure_name, title in (("rate", "rate"), ("mean_s", "mean latency")):
            ratio = told.ratio(measure_name).value
            met = 1 - AGREES <= ratio <= 1 + AGREES
            lines.append(_verdict(met, f"{shape}: {title} within {AGREES:.0%} of h2load's", f"{ratio:.3f}x"))
        cpu = told.ratio("client_cpu_us").value
        lines.append(_verdict(cpu <= MOST_CPU, f"{shape}: client CPU ≤ {MOST_CPU}x h2load's", f"{cpu:.2f}x"))
    best = max((seen for told in compared.values() for seen in told.ours), key=lambda seen: seen.rate)
    met = best.rate >= GOAL_RATE and best.client_cores <= 1
    goal = f"≥ {GOAL_RATE:,} requests/s from at most one core"
    lines.append(_verdict(met, goal, f"{best.rate:,.0f}/s from {best.client_cores:.2f} cores"))
    return lines


def report(compared: dict[str, Compared]) -> str:
    head = ["model, connections x streams", "client", "requests/s", "mean latency us", "client CPU us", "client cores",
            "server CPU us", "in flight"]  # fmt: skip
    rows = []
    for shape, told in compared.items():
        for name, side in (("h2load", told.h2load), ("pyserver bench", told.ours)):
            figures = [_median(side, get) for get in _COLUMNS]
            rows.append(
                [shape, name, f"{figures[0]:,.0f}", f"{figures[1] * 1e6:,.1f}", *(f"{x:.2f}" for x in figures[2:])]
            )
    return "\n".join([record.table(head, rows), "", "Goals:", *verdicts(compared)])


_COLUMNS: list[Callable[[Seen], float]] = [
    lambda seen: seen.rate,
    lambda seen: seen.mean_s,
    lambda seen: seen.client_cpu_us,
    lambda seen: seen.client_cores,
    lambda seen: seen.server_cpu_us,
    lambda seen: seen.in_flight,
]


def _median(side: list[Seen], get: Callable[[Seen], float]) -> float:
    return median(get(seen) for seen in side)


def _verdict(met: bool, text: str, came: str) -> str:
    return f"- {'met' if met else 'MISSED'}: {text}; got {came}"


def _shapes(text: str) -> list[Shape]:
    try:
        return [Shape(*map(int, shape.split("x", 1))) for shape in text.split(",")]
    except (ValueError, TypeError):
        raise argparse.ArgumentTypeError(f"{text!r}: expected CONNECTIONSxSTREAMS, with commas") from None


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="how long each measurement lasts")
    parser.add_argument("--shapes", type=_shapes, default=_shapes("1x1,1x32,8x32,32x1"))
    parser.add_argument("--json", type=Path, default=record.RESULTS / "loadgen.json")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    toolchain.install_packages()
    with tempfile.TemporaryDirectory() as folder:
        compared = measure(options, Path(folder))
    print(report(compared))
    figures = {shape: asdict(told) for shape, told in compared.items()}
    record.write(options.json, {"clients": figures, "goals": verdicts(compared)})


if __name__ == "__main__":
    main()

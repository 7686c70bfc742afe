"""How fast are real models behind the server, and how near is that to what they can do without one?

  resnet50   the graph of ResNet-50 that the package onnx ships, FP32 [3, 224, 224]; its weights are random, see
             bench/models/resnet50.py: times are those of the real one, answers mean nothing
  minilm     all-MiniLM-L6-v2, trained weights; 32 tokens a request, ids of ordinary words
  digits     examples/digits, trained; the 450 held-out images, 64 numbers each: next to no work, so nearly all is ours

Each is asked with one request in flight and with more, over the native transport on one connection, and, in turns, in
this process without any transport (`pyserver bench --in-process`): batcher and engine alone, which no transport can
beat. Both run with pyserver's default settings. The load comes from our own load generator, on the same machine: what
it takes from the cores is in the column of its CPU time.
Usage: ./dev bench models [--rounds N] [--seconds S] [--models resnet50,minilm,digits] [--json FILE]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

# What benchmarks share lies in bench/support.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
import record
from rounds import NO_P99, OwnProcess, Point, Taken, check_answers, in_turns, known, text
from server_process import Server

from pyserver_loadgen.inputs import RequestOptions
from pyserver_loadgen.run import Runner, Setting
from pyserver_loadgen.schedules import ClosedLoop
from pyserver_loadgen.statistics import Ratio, paired_ratio
from pyserver_loadgen.subjects import Asked, Prepared, prepare_in_process, prepare_server

PLACES = ("server", "in process")
MOST_WARMUP_S = 0.5
# How far an answer from a batch may be off that of a request alone, relatively and absolutely.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Served:
    """A repository with one model, and what its requests are like."""

    repository: Path
    requests: RequestOptions


@dataclass(frozen=True)
class Model:
    """One of those measured."""

    about: str
    in_flight: tuple[int, ...]
    prepare: Callable[[Path], Served]  # into an empty folder


@dataclass
class Measured:
    """Of one model."""

    command: str  # of the server
    described: dict[str, object]
    about: str
    points: dict[int, dict[str, Taken]] = field(default_factory=dict)  # by requests in flight, by place


def prepare_resnet50(folder: Path) -> Served:
    _build(Path(__file__).with_name("resnet50.py"), folder / "resnet50" / "1" / "model.onnx")
    return Served(folder, RequestOptions(batch_size=1, pool=16))


def prepare_minilm(folder: Path) -> Served:
    _build(record.ROOT / "tests" / "support" / "minilm.py", folder / "minilm" / "1" / "model.onnx")
    requests = RequestOptions(batch_size=1, shapes=("input_ids=32",), outputs=("sentence_embedding",))
    return Served(folder, requests)


def prepare_digits(folder: Path) -> Served:
    example = record.ROOT / "examples" / "digits"
    images = folder / "held_out.npy"
    script = f"import sys; sys.path.insert(0, {str(example)!r}); import numpy, digits; "
    _run("-c", script + f"numpy.save({str(images)!r}, digits.held_out()[0])")
    requests = RequestOptions(batch_size=1, inputs_path=images, pool=len(np.load(images)))
    return Served(example / "repository", requests)


def _build(script: Path, model: Path) -> None:
    model.parent.mkdir(parents=True)
    _run(str(script), str(model))


def _run(*arguments: str) -> None:
    """In a process of its own: what it imports and leaves in memory stays out of the one that is measured."""
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


MODELS = {
    "resnet50": Model("random weights; pictures FP32 [1, 3, 224, 224]", (1, 2, 8), prepare_resnet50),
    "minilm": Model(
        "trained weights; 32 tokens a request; only sentence_embedding asked for", (1, 4, 16, 32), prepare_minilm
    ),
    "digits": Model("trained weights; held-out images, FP32 [1, 64]", (1, 8, 64, 256), prepare_digits),
}


def measure(name: str, options: argparse.Namespace, folder: Path) -> Measured:
    model = MODELS[name]
    served = model.prepare(folder)
    command = [sys.executable, "-m", "pyserver", "serve", str(served.repository), "--log-level", "warning"]
    with ExitStack() as stack:
        server = stack.enter_context(Server("pyserver", [*command, "--grpc-address", "127.0.0.1:0"]))
        asked = Asked(model=name, requests=served.requests)
        check_answers(server.address, asked, TOLERANCE)
        there = prepare_server(server.address, asked, stack)
        here = prepare_in_process(served.repository, asked, stack)
        own = replace(here.subject, watch=OwnProcess())
        runners = dict(zip(PLACES, (Runner(there.subject), Runner(own)), strict=True))
        in_flight = options.in_flight or model.in_flight
        taken = in_turns(_points(in_flight, runners, options.seconds), options.rounds, name)
        described = _described(there)
    measured = Measured(server.command, described, model.about)
    for count in in_flight:
        measured.points[count] = {place: taken[_point_name(count, place)] for place in PLACES}
    return measured


def _points(in_flight: tuple[int, ...], runners: dict[str, Runner], seconds: float) -> list[Point]:
    warmup_s = min(MOST_WARMUP_S, seconds / 2)
    return [
        Point(_point_name(count, place), runner, Setting(ClosedLoop(count), duration_s=seconds, warmup_s=warmup_s))
        for count in in_flight
        for place, runner in runners.items()
    ]


def _point_name(in_flight: int, place: str) -> str:
    return f"{in_flight} in flight, {place}"


def _described(prepared: Prepared) -> dict[str, object]:
    checked = "status; before the measurement also outputs, asked for 8 at a time, against those of lone requests"
    return {**prepared.described, "answers checked": checked, "notes": list(prepared.pool.notes)}


def ratio_of(points: dict[str, Taken]) -> Ratio:
    """The server's throughput to that in process."""
    here, there = (points[place].each("throughput") for place in reversed(PLACES))
    return paired_ratio(here, there)


def report(measured: dict[str, Measured]) -> str:
    head = ["model", "in flight", "server /s", "in process /s", "ratio (95 %)", "p50 ms", "p99 ms",
            "p50 ms in process", "p99 ms in process", "mean batch", "server CPU ms each", "server cores",
            "CPU ms each in process", "client CPU us each"]  # fmt: skip
    rows = [
        [name, str(in_flight), *_row(points)]
        for name, one in measured.items()
        for in_flight, points in one.points.items()
    ]
    notes = [
        f"{NO_P99} CPU in process holds the load generator's threads too.",
        *(f"{name}: {one.about}." for name, one in measured.items()),
    ]
    return "\n".join([record.table(head, rows), "", *(f"- {note}" for note in notes)])


def _row(points: dict[str, Taken]) -> list[str]:
    there, here = (points[place] for place in PLACES)
    ratio = ratio_of(points)
    interval = f" ({ratio.low:.2f} to {ratio.high:.2f})" if known(ratio.low) is not None else ""
    return [
        text(there.per_second, ",.0f"),
        text(here.per_second, ",.0f"),
        text(ratio.value, ".2f") + interval,
        *(text(side.percentile(p), ".3g", 1e3) for side in (there, here) for p in (50, 99)),
        text(there.mean_batch, ".1f"),
        text(there.server_cpu_s, ".3g", 1e3),
        text(there.server_cores, ".2f"),
        text(here.server_cpu_s, ".3g", 1e3),
        text(there.client_cpu_s, ".1f", 1e6),
    ]


def figures(measured: Measured) -> dict[str, Any]:
    """For JSON."""
    points = []
    for in_flight, by_place in measured.points.items():
        ratio = ratio_of(by_place)
        points.append(
            {
                "in_flight": in_flight,
                "server_to_in_process": [known(value) for value in (ratio.value, ratio.low, ratio.high)],
                **{place: taken.figures() for place, taken in by_place.items()},
            }
        )
    return {
        "about": measured.about,
        "server": measured.command,
        "asked": measured.described,
        "points": points,
    }


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="how long each measurement lasts, without its warm-up")
    parser.add_argument("--models", type=_models, default=list(MODELS), help="which ones, with commas")
    parser.add_argument("--in-flight", type=_counts, help="for all models, with commas; default: what suits each")
    parser.add_argument("--json", type=Path, default=record.RESULTS / "models.json")
    return parser.parse_args()


def _models(names: str) -> list[str]:
    wanted = names.split(",")
    if unknown := sorted(set(wanted) - set(MODELS)):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(MODELS)}, got {', '.join(unknown)}")
    return wanted


def _counts(numbers: str) -> tuple[int, ...]:
    counts = tuple(sorted({int(number) for number in numbers.split(",")}))
    if counts[0] < 1:
        raise argparse.ArgumentTypeError(f"expected whole numbers from 1, got {numbers}")
    return counts


def main() -> None:
    options = read_options()
    measured = {}
    for name in options.models:
        with tempfile.TemporaryDirectory() as folder:
            measured[name] = measure(name, options, Path(folder))
    print(report(measured))
    record.write(options.json, {"models": {name: figures(one) for name, one in measured.items()}})


if __name__ == "__main__":
    main()

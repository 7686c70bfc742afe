"""The identity models that the behavioural suite and the conformance tests speak to."""

from __future__ import annotations

from pathlib import Path

import onnx_models
import yaml
from onnx import helper
from server_process import RepositoryBuilder

DATATYPES = (
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
    "FP16", "FP32", "FP64", "BF16", "BYTES",
)  # fmt: skip


def _input(datatype: str, *shape: int, name: str = "INPUT0") -> dict[str, object]:
    return {"name": name, "datatype": datatype, "shape": list(shape)}


def build(repository: RepositoryBuilder) -> None:
    """Writes them all. Outputs are named OUTPUT<k> where not said otherwise."""
    for datatype in DATATYPES:
        repository.identity(f"echo_{datatype.lower()}", inputs=[_input(datatype, -1)], max_batch_size=0)
    repository.identity("scalar", inputs=[_input("INT64")], max_batch_size=0)
    repository.identity("batched", inputs=[_input("FP32", 4)])
    repository.identity("spare", inputs=[_input("FP32", 1)])
    repository.identity(
        "pair",
        inputs=[_input("INT32", 3, name="a"), _input("FP32", 1, name="b")],
        outputs=[_input("INT32", 3, name="first"), _input("FP32", 1, name="second")],
        max_batch_size=4,
    )
    # Executions that last long enough for requests to gather behind them.
    repository.identity("slow", inputs=[_input("FP32", 1)], max_batch_size=16, delay_us=100_000)
    repository.identity("slow_free", inputs=[_input("FP32", -1)], max_batch_size=16, delay_us=20_000)
    repository.identity(
        "narrow", inputs=[_input("FP32", 1, 1)], max_batch_size=0, delay_us=200_000, batching={"max_queue_size": 2}
    )
    repository.identity(
        "ranked", inputs=[_input("FP32", 1)], max_batch_size=1, delay_us=200_000, batching={"priority_levels": 3}
    )


def execute_by_onnxruntime(root: Path) -> None:
    """Makes the models below `root` models of ONNX Runtime, with the same answers.

    Those that take their time stay what they are, as do those that ONNX Runtime has no arrays for: texts that are not
    UTF-8, and BF16 of a free shape.
    """
    for path in root.glob("*/model.yaml"):
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        if told.pop("options")["delay_us"] or told["inputs"][0]["datatype"] in ("BYTES", "BF16"):
            continue
        outputs = told.get("outputs") or [{**spec, "name": f"OUTPUT{at}"} for at, spec in enumerate(told["inputs"])]
        rows = ["rows"] if told["max_batch_size"] else []

        def values(specs: list[dict[str, object]], rows: list[str] = rows) -> onnx_models.Values:
            return [(s["name"], s["datatype"], [*rows, *(None if d < 0 else d for d in s["shape"])]) for s in specs]

        nodes = [
            helper.make_node("Identity", [given["name"]], [made["name"]])
            for given, made in zip(told["inputs"], outputs, strict=True)
        ]
        onnx_models.write(path.parent / "1" / "model.onnx", values(told["inputs"]), values(outputs), nodes)
        told |= {"engine": "onnxruntime", "options": {"intra_op_threads": 1}}
        path.write_text(yaml.safe_dump(told), encoding="utf-8")

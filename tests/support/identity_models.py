"""The identity models that the behavioural suite and the conformance tests speak to."""

from __future__ import annotations

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

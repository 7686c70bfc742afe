"""The core's counts of one model version as the Open Inference Protocol's ModelStatistics."""

from pyserver import _core
from pyserver.open_inference import open_inference_pb2 as pb


def model_statistics(model: str, version: int, metrics: _core.ModelMetricsSnapshot) -> pb.ModelStatistics:
    """compute_input is gathering the batch, compute_output is handing its rows back."""
    executed = metrics.executed_requests
    return pb.ModelStatistics(
        name=model,
        version=str(version),
        last_inference=metrics.last_inference_unix_ms,
        inference_count=metrics.inferences,
        execution_count=metrics.batches,
        inference_stats=pb.InferStatistics(
            success=_duration(metrics.requests_by_code[0], metrics.success_ns),
            fail=_duration(sum(metrics.requests_by_code[1:]), metrics.failure_ns),
            queue=_duration(metrics.queue_count, metrics.queue_ns),
            compute_input=_duration(executed, metrics.gather_ns),
            compute_infer=_duration(executed, metrics.execute_ns),
            compute_output=_duration(executed, metrics.respond_ns),
        ),
        batch_stats=[
            pb.InferBatchStatistics(
                batch_size=size.rows,
                compute_input=_duration(size.batches, size.gather_ns),
                compute_infer=_duration(size.batches, size.execute_ns),
                compute_output=_duration(size.batches, size.respond_ns),
            )
            for size in metrics.batch_sizes
        ],
    )


def _duration(count: int, nanoseconds: int) -> pb.StatisticDuration:
    return pb.StatisticDuration(count=count, ns=nanoseconds)

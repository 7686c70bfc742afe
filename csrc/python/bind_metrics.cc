#include "metrics/model_metrics.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace pyserver {

void bind_metrics(py::module_& module) {
  py::class_<HistogramSnapshot>(module, "HistogramSnapshot")
      .def_readonly("count", &HistogramSnapshot::count)
      .def_readonly("sum", &HistogramSnapshot::sum)
      .def_readonly("max", &HistogramSnapshot::max)
      .def_property_readonly("mean", &HistogramSnapshot::mean)
      .def_property_readonly("buckets",
                             [](const HistogramSnapshot& snapshot) {
                               std::vector<std::pair<std::uint64_t, std::uint64_t>> buckets;
                               for (const auto& bucket : snapshot.buckets) {
                                 buckets.emplace_back(bucket.upper, bucket.count);
                               }
                               return buckets;
                             })
      .def("quantile", &HistogramSnapshot::quantile, py::arg("quantile"));

  using BatchSize = ModelMetricsSnapshot::BatchSize;
  py::class_<BatchSize>(module, "BatchSizeCounts")
      .def_readonly("rows", &BatchSize::rows)
      .def_readonly("batches", &BatchSize::batches)
      .def_readonly("gather_ns", &BatchSize::gather_ns)
      .def_readonly("execute_ns", &BatchSize::execute_ns)
      .def_readonly("respond_ns", &BatchSize::respond_ns);

  using Snapshot = ModelMetricsSnapshot;
  py::class_<Snapshot>(module, "ModelMetricsSnapshot")
      .def_property_readonly("requests_by_code",
                             [](const Snapshot& snapshot) {
                               return std::vector<std::uint64_t>(snapshot.requests_by_code.begin(),
                                                                 snapshot.requests_by_code.end());
                             })
      .def_readonly("success_ns", &Snapshot::success_ns)
      .def_readonly("failure_ns", &Snapshot::failure_ns)
      .def_readonly("queue_ns", &Snapshot::queue_ns)
      .def_readonly("queue_count", &Snapshot::queue_count)
      .def_readonly("inferences", &Snapshot::inferences)
      .def_readonly("batches", &Snapshot::batches)
      .def_readonly("gather_ns", &Snapshot::gather_ns)
      .def_readonly("execute_ns", &Snapshot::execute_ns)
      .def_readonly("respond_ns", &Snapshot::respond_ns)
      .def_readonly("executed_requests", &Snapshot::executed_requests)
      .def_readonly("copied_inputs", &Snapshot::copied_inputs)
      .def_readonly("split_batches", &Snapshot::split_batches)
      .def_readonly("group_switches", &Snapshot::group_switches)
      .def_readonly("dropped_expired", &Snapshot::dropped_expired)
      .def_readonly("dropped_cancelled", &Snapshot::dropped_cancelled)
      .def_readonly("last_inference_unix_ms", &Snapshot::last_inference_unix_ms)
      .def_readonly("latency_us", &Snapshot::latency_us)
      .def_readonly("queue_us", &Snapshot::queue_us)
      .def_readonly("execute_us", &Snapshot::execute_us)
      .def_readonly("batch_rows", &Snapshot::batch_rows)
      .def_readonly("batch_sizes", &Snapshot::batch_sizes);
}

}  // namespace pyserver

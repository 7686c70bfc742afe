#include "engines/cuda_graph/lane_instance.h"

#include <chrono>
#include <mutex>
#include <utility>

#include "base/text.h"
#include "cuda/copy.h"

namespace pyserver {
namespace {

// The driver wakes nobody once the device has failed; so often a waiting lane looks itself.
constexpr std::chrono::milliseconds kLookAfter{50};

std::uint64_t in_nanoseconds(std::chrono::nanoseconds duration) noexcept {
  return duration.count() < 0 ? 0 : static_cast<std::uint64_t>(duration.count());
}

}  // namespace

LaneInstance::LaneInstance(GraphResources& resources, Lane& lane)
    : resources_(resources),
      lane_(lane),
      input_copies_(*resources.memory.pinned, resources.counters),
      output_block_(resources.memory.pool) {}

LaneInstance::~LaneInstance() { lane_.in_use = false; }

Status LaneInstance::execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) {
  return execute_scattered(in_one_part(inputs), outputs);
}

Status LaneInstance::execute_scattered(std::span<const ScatteredTensor> inputs, std::vector<TensorView>& outputs) {
  PYSERVER_RETURN_IF_ERROR(resources_.health.check());
  const Result<std::int64_t> rows = resources_.model.read_shapes(inputs, input_shapes_);
  if (!rows.ok()) return rows.status();
  CapturedGraph* graph = lane_.graphs.find(*rows, input_shapes_);
  (graph != nullptr ? resources_.counters.graph_hits : resources_.counters.graph_misses).add();
  if (graph == nullptr) {
    PYSERVER_RETURN_IF_ERROR(allow_uncaptured(*rows));
  } else {
    output_shapes_ = graph->output_shapes;
    PYSERVER_RETURN_IF_ERROR(reserve_outputs(*rows));
  }
  const cuda::ContextScope context(*resources_.memory.device);
  PYSERVER_RETURN_IF_ERROR(context.status());
  Status status = enqueue(inputs, *rows, graph);
  status = status.ok() ? await() : recover(std::move(status));
  if (!status.ok()) {
    resources_.counters.failed_batches.add();
    return status;
  }
  count(*rows, graph);
  give_outputs(*rows, outputs);
  return {};
}

Status LaneInstance::allow_uncaptured(std::int64_t rows) const {
  if (resources_.strict_graphs || !lane_.uncaptured) {
    return failed_precondition(concat("no graph was captured for ", rows, " rows of ",
                                      resources_.model.describe(input_shapes_),
                                      resources_.strict_graphs ? ", and strict_graphs is set" : "",
                                      "; graphs were captured for ", lane_.graphs.describe()));
  }
  const std::vector<TensorSpec>& specs = resources_.model.signature().inputs;
  for (std::size_t input = 0; input < specs.size(); ++input) {
    const auto bytes = bytes_of_rows(specs[input], input_shapes_[input], rows);
    if (bytes && *bytes <= resources_.model.input_capacity(input)) continue;
    return invalid_argument(concat("input ", quoted(specs[input].name), ": ", rows, " rows of ",
                                   to_string(input_shapes_[input]), " do not fit into the ",
                                   resources_.model.input_capacity(input), " bytes of the largest profile"));
  }
  return {};
}

Status LaneInstance::reserve_outputs(std::int64_t rows) {
  const std::vector<TensorSpec>& specs = resources_.model.signature().outputs;
  output_sizes_.clear();
  for (std::size_t output = 0; output < specs.size(); ++output) {
    output_sizes_.push_back(bytes_of_rows(specs[output], output_shapes_[output], rows).value_or(0));
  }
  return output_block_.reserve(output_sizes_);
}

Status LaneInstance::enqueue(std::span<const ScatteredTensor> inputs, std::int64_t rows, CapturedGraph* graph) {
  const std::lock_guard lock(lane_.streams->enqueueing);
  const auto began = std::chrono::steady_clock::now();
  lane_.done.reset();
  PYSERVER_RETURN_IF_ERROR(copy_in(inputs, rows, graph != nullptr ? graph->rows : rows));
  PYSERVER_RETURN_IF_ERROR(compute(rows, graph));
  PYSERVER_RETURN_IF_ERROR(copy_out());
  resources_.counters.enqueue_ns.add(in_nanoseconds(std::chrono::steady_clock::now() - began));
  return {};
}

Status LaneInstance::copy_in(std::span<const ScatteredTensor> inputs, std::int64_t rows, std::int64_t bucket) {
  cuda::Stream& stream = lane_.streams->copy_in;
  const std::vector<TensorSpec>& specs = resources_.model.signature().inputs;
  PYSERVER_RETURN_IF_ERROR(stream.record(lane_.events.copy_in_begins));
  for (std::size_t input = 0; input < inputs.size(); ++input) {
    const std::size_t row_bytes = bytes_of_rows(specs[input], input_shapes_[input], 1).value_or(0);
    PYSERVER_RETURN_IF_ERROR(input_copies_.enqueue(stream, inputs[input], lane_.buffers.input(input),
                                                   row_bytes * static_cast<std::size_t>(rows),
                                                   row_bytes * static_cast<std::size_t>(bucket)));
  }
  return stream.record(lane_.events.copied_in);
}

Status LaneInstance::compute(std::int64_t rows, CapturedGraph* graph) {
  cuda::Stream& stream = lane_.streams->compute;
  PYSERVER_RETURN_IF_ERROR(stream.wait(lane_.events.copied_in));
  PYSERVER_RETURN_IF_ERROR(stream.record(lane_.events.compute_begins));
  PYSERVER_RETURN_IF_ERROR(launch(rows, graph));
  return stream.record(lane_.events.computed);
}

Status LaneInstance::launch(std::int64_t rows, CapturedGraph* graph) {
  if (graph != nullptr) return graph->exec.launch(lane_.streams->compute);
  cuda::Stream& stream = lane_.streams->compute;
  PYSERVER_RETURN_IF_ERROR(lane_.ops.enqueue_before(stream, rows));
  Result<ShapesByName> free = lane_.uncaptured(rows, lane_.ops.model_shapes(input_shapes_));
  if (!free.ok()) return free.status();
  PYSERVER_RETURN_IF_ERROR(lane_.ops.enqueue_after(stream, rows));
  lane_.ops.drop_taken(*free);
  auto shapes = resources_.model.complete_outputs(*free, rows);
  if (!shapes.ok()) return internal_error(concat("the model's shapes are wrong: ", shapes.status().message()));
  output_shapes_ = *std::move(shapes);
  return reserve_outputs(rows);
}

Status LaneInstance::copy_out() {
  cuda::Stream& stream = lane_.streams->copy_out;
  PYSERVER_RETURN_IF_ERROR(stream.wait(lane_.events.computed));
  PYSERVER_RETURN_IF_ERROR(stream.record(lane_.events.copy_out_begins));
  for (std::size_t output = 0; output < output_sizes_.size(); ++output) {
    const std::span<std::byte> room = output_block_.room(output);
    if (room.empty()) continue;
    if (!resources_.memory.pinned->is_pinned(room)) resources_.counters.pageable_output_copies.add();
    PYSERVER_RETURN_IF_ERROR(cuda::copy_from_device(stream, room, lane_.buffers.output(output)));
  }
  PYSERVER_RETURN_IF_ERROR(stream.record(lane_.events.copied_out));
  return stream.call_on_host(&HostSignal::raise, &lane_.done);
}

Status LaneInstance::await() {
  while (true) {
    const bool raised = lane_.done.wait_for(kLookAfter);
    const Result<bool> reached = lane_.events.copied_out.reached();
    if (!reached.ok()) return recover(reached.status());
    if (raised && *reached) return {};
  }
}

Status LaneInstance::recover(Status failure) {
  Status drained = lane_.streams->drain();
  if (drained.ok()) return failure;
  resources_.health.fail(drained);
  return drained;
}

void LaneInstance::count(std::int64_t rows, const CapturedGraph* graph) {
  GraphCounters& counters = resources_.counters;
  counters.batches.add();
  counters.rows.add(static_cast<std::uint64_t>(rows));
  if (graph == nullptr) {
    counters.uncaptured_batches.add();
  } else {
    counters.padding_rows.add(static_cast<std::uint64_t>(graph->rows - rows));
  }
  const Result<BatchTimes> times = lane_.events.times();
  if (!times.ok()) return;  // the answer is right all the same
  counters.h2d_ns.add(in_nanoseconds(times->h2d));
  counters.compute_ns.add(in_nanoseconds(times->compute));
  counters.d2h_ns.add(in_nanoseconds(times->d2h));
}

void LaneInstance::give_outputs(std::int64_t rows, std::vector<TensorView>& outputs) {
  const ModelSignature& signature = resources_.model.signature();
  for (std::size_t output = 0; output < signature.outputs.size(); ++output) {
    const TensorSpec& spec = signature.outputs[output];
    const Shape& row = output_shapes_[output];
    outputs.push_back(
        {spec.name, spec.datatype, signature.batches() ? row.with_front(rows) : row, output_block_.room(output)});
  }
}

}  // namespace pyserver

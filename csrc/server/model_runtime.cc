#include "server/model_runtime.h"

#include <algorithm>
#include <system_error>

#include "base/text.h"
#include "batching/request_queue.h"
#include "memory/message.h"
#include "server/admission.h"

namespace pyserver {
namespace {

std::uint64_t nanoseconds_between(TimePoint from, TimePoint to) noexcept {
  return to <= from ? 0 : static_cast<std::uint64_t>(std::chrono::nanoseconds(to - from).count());
}

// The model's own failure, told to a caller: with the model's name, which an engine need not know.
Status failure_of(const Request& request, const Status& status) {
  return {status.code(), concat("model ", quoted(request.model), ": ", status.message())};
}

}  // namespace

ModelRuntime::ModelRuntime(std::string model, std::int64_t version, std::unique_ptr<Engine> engine,
                           BatchSettings settings, std::shared_ptr<BufferPool> pool, Clock& clock)
    : model_(std::move(model)),
      version_(version),
      engine_(std::move(engine)),
      settings_(std::move(settings)),
      pool_(std::move(pool)),
      clock_(clock),
      batcher_(settings_, engine_->signature().max_batch_size, engine_->instance_groups(), clock, metrics_),
      may_run_inline_(settings_.max_queue_delay == Duration::zero() && settings_.preferred_batch_sizes.empty()) {}

ModelRuntime::~ModelRuntime() { stop(std::chrono::milliseconds(0)); }

Status ModelRuntime::create_instances() {
  if (!instances_.empty()) return {};
  const std::vector<InstanceGroup> groups = engine_->instance_groups();
  std::vector<Instance> instances;
  for (std::size_t group = 0; group < groups.size(); ++group) {
    for (int count = 0; count < groups[group].count; ++count) {
      Result<std::unique_ptr<EngineInstance>> made = engine_->create_instance(group);
      if (!made.ok()) return std::move(made).status();
      auto assembler = std::make_unique<BatchAssembler>(engine_->signature(), *pool_, metrics_);
      instances.push_back({group, *std::move(made), std::move(assembler), {}});
    }
  }
  instances_ = std::move(instances);
  return {};
}

Status ModelRuntime::start() {
  PYSERVER_RETURN_IF_ERROR(create_instances());
  // From here on instances_ does not change, so that the threads may hold references into it.
  for (Instance& instance : instances_) {
    try {
      instance.thread = std::thread([this, &instance] { run(instance); });
    } catch (const std::system_error& error) {
      return resource_exhausted(concat("model ", quoted(model_), ": no thread for an instance: ", error.what()));
    }
  }
  return {};
}

Status ModelRuntime::warm_up(std::int64_t rows) {
  PYSERVER_RETURN_IF_ERROR(create_instances());
  const ModelSignature& signature = engine_->signature();
  std::vector<Buffer> zeros;
  std::vector<TensorView> inputs;
  for (const TensorSpec& spec : signature.inputs) {
    if (spec.shape.has_free_dimension()) {
      return failed_precondition(concat("input ", quoted(spec.name), " has free dimensions: ", to_string(spec.shape)));
    }
    const Shape shape = signature.batches() ? spec.shape.with_front(rows) : spec.shape;
    // A BYTES element of length 0 is four zero bytes.
    const std::size_t element_bytes = spec.datatype == Datatype::kBytes ? 4 : size_of(spec.datatype);
    Result<Buffer> buffer = pool_->take(static_cast<std::size_t>(shape.element_count().value_or(0)) * element_bytes);
    if (!buffer.ok()) return std::move(buffer).status();
    std::fill_n(buffer->data(), buffer->size(), std::byte{0});
    inputs.push_back({spec.name, spec.datatype, shape, buffer->bytes()});
    zeros.push_back(*std::move(buffer));
  }
  for (Instance& instance : instances_) {
    std::vector<TensorView> outputs;
    PYSERVER_RETURN_IF_ERROR(instance.engine->execute(inputs, outputs));
  }
  return {};
}

void ModelRuntime::submit(std::unique_ptr<Request> request) {
  Status status = admit(engine_->signature(), *request);
  if (status.ok()) {
    request->timeline.queued = clock_.now();
    if (run_inline(request)) return;
    status = batcher_.enqueue(request);
  }
  if (!status.ok()) finish(std::move(request), status);
}

bool ModelRuntime::run_inline(std::unique_ptr<Request>& request) {
  if (!may_run_inline_ || !inline_policy_.worthwhile() || !batcher_.idle()) return false;
  // What is dead already is the batcher's to drop.
  if (request->deadline <= request->timeline.queued || is_cancelled(*request)) return false;
  const std::unique_lock lock(inline_mutex_, std::try_to_lock);
  if (!lock.owns_lock() || inline_instance_ == nullptr) return false;
  request->timeline.batch_began = request->timeline.queued;
  inline_batch_.rows = request->rows;
  inline_batch_.requests.push_back(std::move(request));
  execute(*inline_instance_, inline_batch_);
  inline_batch_.requests.clear();
  return true;
}

// On an instance's thread: making an instance may take its time.
void ModelRuntime::prepare_inline() {
  const std::lock_guard lock(inline_mutex_);
  if (inline_instance_ != nullptr) return;
  Result<std::unique_ptr<EngineInstance>> made = engine_->create_instance(0);
  if (!made.ok()) return;  // no harm: requests are handed over
  auto assembler = std::make_unique<BatchAssembler>(engine_->signature(), *pool_, metrics_);
  inline_instance_ = std::make_unique<Instance>(Instance{0, *std::move(made), std::move(assembler), {}});
}

bool ModelRuntime::stop(std::chrono::milliseconds patience) {
  if (stopped_) return true;
  stopped_ = true;
  bool answered;
  {
    std::unique_lock lock(leases_mutex_);
    answered = no_leases_.wait_for(lock, patience, [this] { return leases_ == 0; });
  }
  const bool nothing_waits = batcher_.depth() == 0;
  batcher_.stop(/*abandon=*/true);
  for (Instance& instance : instances_) {
    if (instance.thread.joinable()) instance.thread.join();
  }
  return answered || nothing_waits;
}

void ModelRuntime::run(Instance& instance) {
  Batch batch;
  bool prepared = false;
  while (batcher_.next_batch(instance.group, batch)) {
    execute(instance, batch);
    batch.requests.clear();
    batch.rows = 0;
    batcher_.batch_done(instance.group);
    if (!prepared && may_run_inline_ && inline_policy_.worthwhile()) {
      prepare_inline();
      prepared = true;
    }
  }
}

void ModelRuntime::execute(Instance& instance, Batch& batch) {
  const TimePoint began = batch.requests.front()->timeline.batch_began;
  std::vector<TensorView> outputs;
  Result<std::span<const TensorView>> inputs = instance.assembler->gather(batch);
  Status status = inputs.ok() ? Status() : inputs.status();
  const TimePoint execute_began = clock_.now();
  if (status.ok()) status = instance.engine->execute(*inputs, outputs);
  const TimePoint execute_ended = clock_.now();
  inline_policy_.executed(execute_ended - execute_began);
  if (status.ok()) status = instance.assembler->check_outputs(batch, outputs);
  if (!status.ok() && batch.requests.size() > 1) return execute_alone(instance, batch);

  BatchRecord record{.rows = batch.rows,
                     .requests = batch.requests.size(),
                     .gather_ns = nanoseconds_between(began, execute_began),
                     .execute_ns = nanoseconds_between(execute_began, execute_ended),
                     .respond_ns = 0,
                     .ok = status.ok()};
  const bool worth_sharing = status.ok() && std::ranges::any_of(outputs, [](const TensorView& output) {
                               return output.bytes.size() >= Loan::kSmallest;
                             });
  const std::shared_ptr<const void> memory = worth_sharing ? instance.engine->share_outputs() : nullptr;
  std::int64_t row = 0;
  for (std::unique_ptr<Request>& request : batch.requests) {
    request->timeline.execute_began = execute_began;
    request->timeline.execute_ended = execute_ended;
    request->timeline.batch_size = static_cast<std::uint32_t>(batch.rows);
    const std::int64_t rows = request->rows;
    if (status.ok()) {
      const auto slice = instance.assembler->slice(batch, *request, row, outputs);
      finish(std::move(request), status, slice, memory);
    } else {
      const Status failure = failure_of(*request, status);
      finish(std::move(request), failure);
    }
    row += rows;
  }
  record.respond_ns = nanoseconds_between(execute_ended, clock_.now());
  metrics_.record_batch(record);
}

// A batch failed, and one of its requests may be to blame (an index out of range, say): each is tried by itself, so
// that its neighbours are unharmed.
void ModelRuntime::execute_alone(Instance& instance, Batch& batch) {
  metrics_.split_batches.add();
  for (std::unique_ptr<Request>& request : batch.requests) {
    Batch alone;
    alone.rows = request->rows;
    request->timeline.batch_began = clock_.now();
    alone.requests.push_back(std::move(request));
    execute(instance, alone);
  }
}

}  // namespace pyserver

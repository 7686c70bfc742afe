#include "server/model_runtime.h"

#include <algorithm>
#include <system_error>

#include "base/text.h"
#include "batching/request_queue.h"
#include "memory/message.h"
#include "server/admission.h"
#include "server/device_inputs.h"

namespace pyserver {
namespace {

std::uint64_t nanoseconds_between(TimePoint from, TimePoint to) noexcept {
  return to <= from ? 0 : static_cast<std::uint64_t>(std::chrono::nanoseconds(to - from).count());
}

// The model's own failure, told to a caller: with the model's name, which an engine need not know.
Status failure_of(const Request& request, const Status& status) {
  return {status.code(), concat("model ", quoted(request.model), ": ", status.message())};
}

// Inputs in one piece, in the form that the engine takes.
Status execute_whole(EngineInstance& engine, std::span<const TensorView> inputs, std::vector<TensorView>& outputs) {
  if (!engine.gathers()) return engine.execute(inputs, outputs);
  return engine.execute_scattered(in_one_part(inputs), outputs);
}

}  // namespace

ModelRuntime::ModelRuntime(std::string model, std::int64_t version, std::unique_ptr<Engine> engine,
                           BatchSettings settings, std::shared_ptr<BufferPool> pool, Clock& clock,
                           std::unique_ptr<const Processing> processing)
    : model_(std::move(model)),
      version_(version),
      engine_(std::move(engine)),
      processing_(std::move(processing)),
      settings_(std::move(settings)),
      pool_(std::move(pool)),
      clock_(clock),
      batcher_(settings_, engine_->signature().max_batch_size, engine_->instance_groups(), clock, metrics_),
      may_run_inline_(engine_->may_run_inline() && settings_.max_queue_delay == Duration::zero() &&
                      settings_.preferred_batch_sizes.empty()) {}

ModelRuntime::~ModelRuntime() { stop(std::chrono::milliseconds(0)); }

Result<std::unique_ptr<ModelRuntime::Instance>> ModelRuntime::make_instance(std::size_t group, int threads) {
  Result<std::unique_ptr<EngineInstance>> engine = engine_->create_instance(group);
  if (!engine.ok()) return std::move(engine).status();
  const ModelSignature& signature = engine_->signature();
  auto instance = std::make_unique<Instance>();
  instance->group = group;
  instance->engine = *std::move(engine);
  std::vector<bool> made;
  if (processing_ != nullptr && (processing_->makes_inputs() || processing_->makes_outputs())) {
    instance->processor = std::make_unique<BatchProcessor>(*processing_, *pool_, std::max(threads, 1));
  }
  if (processing_ != nullptr && processing_->makes_inputs()) {
    for (std::size_t input = 0; input < signature.inputs.size(); ++input)
      made.push_back(processing_->makes_input(input));
  }
  instance->assembler = std::make_unique<BatchAssembler>(signature, *pool_, metrics_, std::move(made));
  return instance;
}

Status ModelRuntime::create_instances() {
  if (!instances_.empty()) return {};
  const std::vector<InstanceGroup> groups = engine_->instance_groups();
  std::vector<std::unique_ptr<Instance>> instances;
  for (std::size_t group = 0; group < groups.size(); ++group) {
    for (int count = 0; count < groups[group].count; ++count) {
      Result<std::unique_ptr<Instance>> made = make_instance(group, groups[group].threads);
      if (!made.ok()) return std::move(made).status();
      instances.push_back(*std::move(made));
    }
  }
  instances_ = std::move(instances);
  return {};
}

Status ModelRuntime::start() {
  PYSERVER_RETURN_IF_ERROR(create_instances());
  for (const auto& instance : instances_) {
    try {
      instance->thread = std::thread([this, &instance = *instance] { run(instance); });
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
  for (const auto& instance : instances_) {
    std::vector<TensorView> outputs;
    PYSERVER_RETURN_IF_ERROR(execute_whole(*instance->engine, inputs, outputs));
  }
  return {};
}

void ModelRuntime::submit(std::unique_ptr<Request> request) {
  Status status = admit(signature(), *request);
  if (status.ok() && !request->regions.empty()) status = check_device_inputs(*engine_, processing_.get(), *request);
  if (status.ok() && processing_ != nullptr) {
    status = processing_->plan(*request);
    if (!status.ok()) status = failure_of(*request, status);
  }
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
  // Its rows are processed on one thread: others would have to be woken, which the loop that decodes cannot wait for.
  Result<std::unique_ptr<Instance>> made = make_instance(0, 1);
  if (made.ok()) inline_instance_ = *std::move(made);  // otherwise no harm: requests are handed over
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
  for (const auto& instance : instances_) {
    if (instance->thread.joinable()) instance->thread.join();
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

Result<ModelRuntime::Inputs> ModelRuntime::assemble(Instance& instance, const Batch& batch) {
  if (instance.engine->gathers()) {
    const auto scattered = instance.assembler->scatter(batch);
    if (!scattered.ok()) return scattered.status();
    return Inputs{{}, *scattered};
  }
  const auto gathered = instance.assembler->gather(batch);
  if (!gathered.ok()) return gathered.status();
  return Inputs{*gathered, {}};
}

Result<ModelRuntime::Inputs> ModelRuntime::prepare(Instance& instance, Batch& batch) {
  if (instance.processor == nullptr) return assemble(instance, batch);
  std::vector<Status> statuses;
  while (true) {
    const TimePoint began = clock_.now();
    PYSERVER_RETURN_IF_ERROR(instance.processor->prepare(batch.requests));
    Result<Inputs> inputs = assemble(instance, batch);
    if (!inputs.ok()) return inputs;
    instance.processor->preprocess(batch.requests, instance.assembler->rooms(), statuses);
    const Duration spent = clock_.now() - began;
    for (const auto& request : batch.requests) request->timeline.preprocess += spent;
    if (std::ranges::all_of(statuses, &Status::ok)) return inputs;
    for (std::size_t index = 0; index < statuses.size(); ++index) {
      if (statuses[index].ok()) continue;
      batch.rows -= batch.requests[index]->rows;
      const Status failure = failure_of(*batch.requests[index], statuses[index]);
      finish(std::move(batch.requests[index]), failure);
    }
    std::erase(batch.requests, nullptr);
    if (batch.requests.empty()) return inputs;
    // The rows of the others lie elsewhere in the batch that is left.
  }
}

void ModelRuntime::execute(Instance& instance, Batch& batch) {
  const TimePoint began = batch.requests.front()->timeline.batch_began;
  std::vector<TensorView> outputs;
  const Result<Inputs> inputs = prepare(instance, batch);
  if (batch.requests.empty()) return;
  Status status = inputs.status();
  const TimePoint execute_began = clock_.now();
  if (status.ok()) {
    status = instance.engine->gathers() ? instance.engine->execute_scattered(inputs->scattered, outputs)
                                        : instance.engine->execute(inputs->gathered, outputs);
  }
  const TimePoint execute_ended = clock_.now();
  if (status.ok()) status = instance.assembler->check_outputs(batch, outputs);
  std::span<const TensorView> answers = outputs;
  Duration postprocess{};
  if (status.ok() && instance.processor != nullptr) {
    const Result<std::span<const TensorView>> processed = instance.processor->postprocess(outputs);
    status = processed.status();
    if (processed.ok()) answers = *processed;
    postprocess = clock_.now() - execute_ended;
  }
  inline_policy_.executed(execute_ended - execute_began + batch.requests.front()->timeline.preprocess + postprocess);
  if (!status.ok() && batch.requests.size() > 1) return execute_alone(instance, batch);

  metrics_.record_batch({.rows = batch.rows,
                         .requests = batch.requests.size(),
                         .gather_ns = nanoseconds_between(began, execute_began),
                         .execute_ns = nanoseconds_between(execute_began, execute_ended),
                         .ok = status.ok()});
  // What post-processing made is written over by the next batch.
  const bool worth_sharing =
      status.ok() && answers.data() == outputs.data() &&
      std::ranges::any_of(outputs, [](const TensorView& output) { return output.bytes.size() >= Loan::kSmallest; });
  const std::shared_ptr<const void> memory = worth_sharing ? instance.engine->share_outputs() : nullptr;
  std::int64_t row = 0;
  for (std::unique_ptr<Request>& request : batch.requests) {
    request->timeline.execute_began = execute_began;
    request->timeline.execute_ended = execute_ended;
    request->timeline.postprocess = postprocess;
    request->timeline.batch_size = static_cast<std::uint32_t>(batch.rows);
    const std::int64_t rows = request->rows;
    if (status.ok()) {
      const auto slice = instance.assembler->slice(batch, *request, row, answers);
      finish(std::move(request), status, slice, memory);
    } else {
      const Status failure = failure_of(*request, status);
      finish(std::move(request), failure);
    }
    row += rows;
  }
  if (status.ok()) metrics_.record_answers(batch.rows, nanoseconds_between(execute_ended, clock_.now()));
}

// A batch failed, and one of its requests may be to blame (an index out of range, say): each is tried by itself, so
// that its neighbours are unharmed.
void ModelRuntime::execute_alone(Instance& instance, Batch& batch) {
  metrics_.split_batches.add();
  for (std::unique_ptr<Request>& request : batch.requests) {
    Batch alone;
    alone.rows = request->rows;
    request->timeline.batch_began = clock_.now();
    request->timeline.preprocess = {};
    alone.requests.push_back(std::move(request));
    execute(instance, alone);
  }
}

}  // namespace pyserver

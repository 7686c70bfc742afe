#include "batching/batch_assembler.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "memory/reserve.h"

namespace pyserver {
namespace {

bool is_aligned(const TensorView& tensor) noexcept {
  const std::size_t element = size_of(tensor.datatype);
  return element < 2 || reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % element == 0;
}

void copy(std::span<const std::byte> from, std::byte* to) noexcept {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

}  // namespace

BatchAssembler::BatchAssembler(const ModelSignature& signature, BufferPool& pool, ModelMetrics& metrics,
                               std::vector<bool> made)
    : signature_(signature),
      pool_(pool),
      metrics_(metrics),
      made_(std::move(made)),
      scratch_(signature.inputs.size()),
      rooms_(signature.inputs.size()),
      positions_(signature.outputs.size()) {}

Result<TensorView> BatchAssembler::gather_input(const Batch& batch, std::size_t input) {
  TensorView gathered = batch.requests.front()->inputs[input];
  if (gathered.shape.rank() == 0) return gathered;  // absent, here and in all others: one batch signature
  std::size_t bytes = 0;
  for (const auto& request : batch.requests) bytes += request->inputs[input].bytes.size();
  auto space = reserve(pool_, scratch_[input], bytes);
  if (!space.ok()) return std::move(space).status();
  std::byte* to = space->data();
  for (const auto& request : batch.requests) {
    const std::span<const std::byte> rows = request->inputs[input].bytes;
    copy(rows, to);
    to += rows.size();
  }
  gathered.shape[0] = batch.rows;
  gathered.bytes = *space;
  return gathered;
}

Result<TensorView> BatchAssembler::make_room(const Batch& batch, std::size_t input) {
  TensorView made = batch.requests.front()->inputs[input];
  rooms_[input] = {};
  if (made.name.empty()) return made;  // absent
  if (signature_.batches()) made.shape[0] = batch.rows;
  const auto elements = made.shape.element_count();
  std::size_t bytes = 0;
  if (!elements || __builtin_mul_overflow(static_cast<std::size_t>(*elements), size_of(made.datatype), &bytes)) {
    return resource_exhausted(concat("input ", quoted(made.name), ": no memory for shape ", to_string(made.shape)));
  }
  auto space = reserve(pool_, scratch_[input], bytes);
  if (!space.ok()) return std::move(space).status();
  rooms_[input] = *space;
  made.bytes = *space;
  return made;
}

Result<std::span<const TensorView>> BatchAssembler::gather(const Batch& batch) {
  std::fill(positions_.begin(), positions_.end(), Position{});
  const auto& first = batch.requests.front()->inputs;
  const bool alone = batch.requests.size() == 1;
  if (made_.empty() && alone && std::all_of(first.begin(), first.end(), is_aligned))
    return std::span<const TensorView>(first);

  inputs_.clear();
  for (std::size_t input = 0; input < first.size(); ++input) {
    if (is_made(input)) {
      auto room = make_room(batch, input);
      if (!room.ok()) return std::move(room).status();
      inputs_.push_back(*room);
      continue;
    }
    if (alone && is_aligned(first[input])) {
      inputs_.push_back(first[input]);
      continue;
    }
    if (alone) {
      auto space = reserve(pool_, scratch_[input], first[input].bytes.size());
      if (!space.ok()) return std::move(space).status();
      copy(first[input].bytes, space->data());
      inputs_.push_back(first[input]);
      inputs_.back().bytes = *space;
      metrics_.copied_inputs.add();
      continue;
    }
    auto gathered = gather_input(batch, input);
    if (!gathered.ok()) return std::move(gathered).status();
    inputs_.push_back(*gathered);
  }
  return std::span<const TensorView>(inputs_);
}

void BatchAssembler::add_parts(const Batch& batch, std::size_t input) {
  ScatteredTensor& scattered = scattered_.emplace_back();
  scattered.whole = batch.requests.front()->inputs[input];
  scattered.whole.bytes = {};
  if (scattered.whole.name.empty()) return;  // absent
  if (signature_.batches()) scattered.whole.shape[0] = batch.rows;
  const std::size_t first = parts_.size();
  bool on_device = false;
  for (const auto& request : batch.requests) {
    const TensorView& own = request->inputs[input];
    parts_.push_back(own.bytes);
    device_parts_.push_back(own.device < 0 ? 0 : own.device_address);
    on_device = on_device || own.device >= 0;
  }
  scattered.parts = std::span(parts_).subspan(first);
  if (on_device) scattered.device_parts = std::span(device_parts_).subspan(first);
}

Result<std::span<const ScatteredTensor>> BatchAssembler::scatter(const Batch& batch) {
  std::fill(positions_.begin(), positions_.end(), Position{});
  const std::size_t inputs = batch.requests.front()->inputs.size();
  scattered_.clear();
  parts_.clear();
  parts_.reserve(inputs * batch.requests.size());  // spans of them must stay valid
  device_parts_.clear();
  device_parts_.reserve(parts_.capacity());
  for (std::size_t input = 0; input < inputs; ++input) {
    if (!is_made(input)) {
      add_parts(batch, input);
      continue;
    }
    auto room = make_room(batch, input);
    if (!room.ok()) return std::move(room).status();
    ScatteredTensor& made = scattered_.emplace_back();
    made.whole = *room;
    made.whole.bytes = {};
    if (room->name.empty()) continue;  // absent
    parts_.push_back(rooms_[input]);
    device_parts_.push_back(0);
    made.parts = std::span(parts_).last(1);
  }
  return std::span<const ScatteredTensor>(scattered_);
}

Status BatchAssembler::check_outputs(const Batch& batch, std::span<const TensorView> outputs) const {
  if (outputs.size() != signature_.outputs.size()) {
    return internal_error(concat("the model gave ", outputs.size(), " outputs, expected ", signature_.outputs.size()));
  }
  for (std::size_t index = 0; index < outputs.size(); ++index) {
    const TensorView& output = outputs[index];
    const TensorSpec& spec = signature_.outputs[index];
    const auto wrong = [&spec](std::string what) {
      return internal_error(concat("the model's output ", quoted(spec.name), " is wrong: ", what));
    };
    if (output.datatype != spec.datatype) {
      return wrong(concat("expected ", name_of(spec.datatype), ", got ", name_of(output.datatype)));
    }
    if (signature_.batches() && (output.shape.rank() == 0 || output.shape[0] != batch.rows)) {
      return wrong(concat("expected ", batch.rows, " rows, got shape ", to_string(output.shape)));
    }
    if (const Status contents = check_contents(output); !contents.ok()) return wrong(contents.message());
  }
  return {};
}

std::span<const TensorView> BatchAssembler::slice(const Batch& batch, const Request& request, std::int64_t first_row,
                                                  std::span<const TensorView> outputs) {
  if (batch.requests.size() == 1) return outputs;
  sliced_.assign(outputs.begin(), outputs.end());
  for (std::size_t index = 0; index < sliced_.size(); ++index) {
    TensorView& output = sliced_[index];
    Position& position = positions_[index];
    if (first_row < position.row) position = {};
    TensorView rest = output;
    rest.shape[0] -= position.row;
    rest.bytes = output.bytes.subspan(position.offset);
    output.bytes = row_bytes(rest, first_row - position.row, request.rows);
    output.shape[0] = request.rows;
    if (!output.bytes.empty()) {
      position.row = first_row + request.rows;
      position.offset =
          static_cast<std::size_t>(output.bytes.data() + output.bytes.size() - outputs[index].bytes.data());
    }
  }
  return sliced_;
}

}  // namespace pyserver

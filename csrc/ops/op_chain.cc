#include "ops/op_chain.h"

#include <cstring>
#include <utility>

#include "base/text.h"
#include "memory/reserve.h"

namespace pyserver {
namespace {

// Which op of the chain, for people: "op 2 (resize)".
std::string place_of(std::size_t index, const Op& op) { return concat("op ", index + 1, " (", op.name(), ")"); }

// What an op says, with its name in front.
Status told_by(const Op& op, const Status& status) {
  return status.ok() ? Status() : Status(status.code(), concat(op.name(), ": ", status.message()));
}

Result<std::size_t> bytes_of(Datatype datatype, const Shape& shape) {
  const auto count = shape.element_count();
  std::size_t bytes = 0;
  if (!count || __builtin_mul_overflow(static_cast<std::size_t>(*count), size_of(datatype), &bytes)) {
    return invalid_argument(concat("a row of ", name_of(datatype), " ", to_string(shape), " is too large"));
  }
  return bytes;
}

}  // namespace

std::byte* ChainContext::scratch(std::size_t bytes) { return reserved(scratch_, bytes); }

std::byte* ChainContext::intermediate(std::size_t index, std::size_t bytes) {
  return reserved(intermediates_[index], bytes);
}

std::byte* ChainContext::reserved(Buffer& buffer, std::size_t bytes) {
  const auto room = reserve(pool_, buffer, bytes);
  return room.ok() ? room->data() : nullptr;
}

Result<OpChain> OpChain::create(std::vector<std::unique_ptr<Op>> ops, const RowSpec& input) {
  OpChain chain;
  chain.input_ = input;
  RowSpec spec = input;
  std::vector<RowSpec> specs;
  for (std::size_t index = 0; index < ops.size(); ++index) {
    specs.push_back(spec);
    chain.op_names_.emplace_back(ops[index]->name());
    Result<RowSpec> next = ops[index]->check(spec);
    const bool last = index + 1 == ops.size();
    Status status = next.status();
    if (next.ok() && next->datatype == Datatype::kBytes && !last) {
      status = invalid_argument("it gives texts, and no op can follow it");
    }
    if (!status.ok()) return invalid_argument(concat(place_of(index, *ops[index]), ": ", status.message()));
    spec = *next;
  }
  chain.output_ = spec;
  // From the left, each op takes in as many of its followers as it can.
  for (std::size_t index = 0; index < ops.size(); ++index) {
    std::unique_ptr<Op> fused = chain.ops_.empty() ? nullptr : chain.ops_.back()->fused_with(*ops[index]);
    if (fused != nullptr) {
      chain.ops_.back() = std::move(fused);
    } else {
      chain.ops_.push_back(std::move(ops[index]));
      chain.specs_.push_back(specs[index]);
    }
  }
  return chain;
}

Result<Shape> OpChain::plan(const TensorView& row) const {
  TensorView at = row;
  for (std::size_t index = 0; index < ops_.size(); ++index) {
    at.datatype = specs_[index].datatype;
    Result<Shape> shape = ops_[index]->shape_for(at);
    if (!shape.ok()) return told_by(*ops_[index], shape.status());
    at.shape = *shape;
    at.bytes = {};
  }
  return at.shape;
}

Result<TensorView> OpChain::run_to_last(const TensorView& row, ChainContext& context) const {
  TensorView at = row;
  for (std::size_t index = 0; index + 1 < ops_.size(); ++index) {
    const Op& op = *ops_[index];
    at.datatype = specs_[index].datatype;
    Result<Shape> shape = op.shape_for(at);
    if (!shape.ok()) return told_by(op, shape.status());
    const Result<std::size_t> bytes = bytes_of(specs_[index + 1].datatype, *shape);
    if (!bytes.ok()) return told_by(op, bytes.status());
    std::byte* const memory = context.intermediate(index % 2, *bytes);
    if (memory == nullptr) return resource_exhausted(concat(op.name(), ": no memory for ", *bytes, " bytes"));
    if (Status status = op.run(at, {memory, *bytes}, context); !status.ok()) return told_by(op, status);
    at.shape = *shape;
    at.bytes = {memory, *bytes};
  }
  if (!ops_.empty()) at.datatype = specs_.back().datatype;
  return at;
}

Status OpChain::run(const TensorView& row, std::span<std::byte> output, ChainContext& context) const {
  const Result<TensorView> last = run_to_last(row, context);
  if (!last.ok()) return last.status();
  if (ops_.empty()) {
    if (!output.empty()) std::memcpy(output.data(), last->bytes.data(), output.size());
    return {};
  }
  return told_by(*ops_.back(), ops_.back()->run(*last, output, context));
}

Status OpChain::append_texts(const TensorView& row, std::vector<std::byte>& output, ChainContext& context) const {
  const Result<TensorView> last = run_to_last(row, context);
  if (!last.ok()) return last.status();
  if (ops_.empty()) {
    output.insert(output.end(), last->bytes.begin(), last->bytes.end());
    return {};
  }
  return told_by(*ops_.back(), ops_.back()->append_texts(*last, output, context));
}

}  // namespace pyserver

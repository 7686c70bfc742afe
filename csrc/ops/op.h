// Op: one step of pre- or post-processing, from one row to another.
//
// A row is a tensor without the batch dimension: the picture of one caller, or the scores of one answer. A chain of ops
// (op_chain.h) is checked once, when a model loads, and run for every row. Adding an op: one file that implements Op,
// one line in op_registry.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/datatype.h"
#include "tensor/shape.h"
#include "tensor/tensor_view.h"

namespace pyserver {

struct OpDescription;  // op_description.h

// What a row is, before there is one. -1 is a dimension that only an actual row tells.
//
// Pictures are [height, width, channels] until an op lays them out otherwise; an encoded picture or a text is BYTES of
// shape [].
struct RowSpec {
  Datatype datatype = Datatype::kFp32;
  Shape shape;

  friend bool operator==(const RowSpec&, const RowSpec&) = default;
};

// "UINT8 [-1, -1, 3]"
std::string to_string(const RowSpec& spec);

// Where pixels of the model's picture came from: what an op that tells places in the picture needs to tell them in the
// caller's. source = (model - offset) / scale, in pixels, along each axis. Written by the ops that move pixels, read by
// those that tell places.
struct PictureGeometry {
  // Of the picture as the caller sees it: after its EXIF orientation. 0: there is no picture.
  std::int64_t source_width = 0;
  std::int64_t source_height = 0;
  double scale_x = 1;
  double scale_y = 1;
  double offset_x = 0;
  double offset_y = 0;
};

// What an op is given beside its row, and gives back. Not thread-safe: one for each thread.
class RowContext {
 public:
  virtual ~RowContext() = default;
  // At least `bytes` bytes, aligned to 64, for the op's own use until it returns; not what it got before. Null where
  // there is no memory, which the op answers with RESOURCE_EXHAUSTED.
  virtual std::byte* scratch(std::size_t bytes) = 0;

  PictureGeometry geometry;
};

// Immutable, so thread-safe. No method throws.
class Op {
 public:
  virtual ~Op() = default;

  // As it is written in model.yaml.
  virtual std::string_view name() const noexcept = 0;

  // The contract: what comes out where this goes in. Called when the model loads. INVALID_ARGUMENT with a sentence that
  // says what was expected and what came ("expected a picture of UINT8 [height, width, 1, 3 or 4], got FP32 [10]"); it
  // names neither the op nor the tensor, the chain does.
  virtual Result<RowSpec> check(const RowSpec& input) const = 0;

  // The shape of what comes out for an actual row, whose datatype and shape are such as check() took. For the first op
  // of a chain `input.bytes` is the row, so that an encoded picture tells its size; for the others it is empty. Cheap:
  // this decides which requests may share a batch, and refuses early what can never be taken.
  virtual Result<Shape> shape_for(const TensorView& input) const = 0;

  // Writes the row that comes out: `output` has the bytes that shape_for() announced. The input's bytes are aligned to
  // their element unless it is a chain's first op; the output's always are. They never overlap.
  // INVALID_ARGUMENT where the row itself is bad.
  virtual Status run(const TensorView& input, std::span<std::byte> output, RowContext& context) const = 0;

  // Called instead of run() where check() announced BYTES, which only a chain's last op may: appends the elements that
  // come out, each a 4-byte little-endian length and its data.
  virtual Status append_texts(const TensorView& input, std::vector<std::byte>& output, RowContext& context) const;

  // One op that does this and then `next` at once, with the same result, where that is cheaper; null otherwise.
  virtual std::unique_ptr<Op> fused_with(const Op& next) const {
    static_cast<void>(next);
    return nullptr;
  }

  // What it does to rows such as `input`, which check() took and whose shape is fixed; nothing where that has no plain
  // description.
  virtual std::optional<OpDescription> describe(const RowSpec& input) const;
};

}  // namespace pyserver

// cast: the same numbers as another datatype, by the rules of element.h.
#include "base/text.h"
#include "ops/element.h"
#include "ops/op_registry.h"
#include "ops/pixel_op.h"

namespace pyserver {
namespace {

class Cast final : public PixelStep {
 public:
  explicit Cast(Datatype datatype) : datatype_(datatype) {}

  std::string_view name() const noexcept override { return "cast"; }

  Result<RowSpec> check(const RowSpec& input) const override {
    if (input.datatype == Datatype::kBytes) {
      return invalid_argument(concat("expected numbers, got ", to_string(input)));
    }
    return RowSpec{datatype_, input.shape};
  }

  PixelEffect effect() const override {
    PixelEffect effect;
    effect.changes_values = true;
    return effect;
  }

  void run(const TensorView& input, std::span<std::byte> output) const noexcept override {
    convert_elements(input.bytes.data(), input.datatype, output.data(), datatype_, output.size() / size_of(datatype_));
  }

 private:
  const Datatype datatype_;
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  options.main_option("to");
  const std::string name = options.choice("to", {"FP32", "FP16", "BF16", "FP64", "BOOL", "UINT8", "UINT16", "UINT32",
                                                 "UINT64", "INT8", "INT16", "INT32", "INT64"});
  return make_pixel_op<Cast>(datatype_from_name(name).value_or(Datatype::kFp32));
}

}  // namespace

OpEntry cast_op() {
  return {"cast", make,
          "Another datatype, as NumPy's astype: integers wrap, floats lose their fraction on the way to integers (and "
          "are clamped to their range, NaN to 0) and are rounded to the nearest, ties to even, on the way to shorter "
          "floats. to: FP32 (default) or any other datatype but BYTES."};
}

}  // namespace pyserver

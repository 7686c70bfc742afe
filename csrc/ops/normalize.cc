// normalize: (x * scale - mean) / std, for all alike or by channel.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "ops/map_elements.h"
#include "ops/op_registry.h"
#include "ops/pixel_op.h"

namespace pyserver {
namespace {

// A channel's numbers over and over, so that those of any block of elements lie in one piece.
constexpr std::size_t kLongestBlock = 1024;

template <typename Number>
std::vector<Number> repeated(const std::vector<float>& by_channel, std::size_t channels) {
  std::vector<Number> all(kLongestBlock + channels);
  for (std::size_t at = 0; at < all.size(); ++at) all[at] = by_channel[by_channel.size() == 1 ? 0 : at % channels];
  return all;
}

template <typename Number>
void normalize(Number* numbers, std::size_t count, Number scale, const Number* means,
               const Number* deviations) noexcept {
  for (std::size_t at = 0; at < count; ++at) numbers[at] = (numbers[at] * scale - means[at]) / deviations[at];
}

template <typename Number>
void normalize(Number* numbers, std::size_t count, Number scale, Number mean, Number deviation) noexcept {
  for (std::size_t at = 0; at < count; ++at) numbers[at] = (numbers[at] * scale - mean) / deviation;
}

class Normalize final : public PixelStep {
 public:
  Normalize(PixelArithmetic arithmetic, bool channels_first, Datatype datatype)
      : arithmetic_(std::move(arithmetic)),
        channels_(std::max(arithmetic_.means.size(), arithmetic_.deviations.size())),
        channels_first_(channels_first),
        datatype_(datatype),
        floats_{repeated<float>(arithmetic_.means, channels_), repeated<float>(arithmetic_.deviations, channels_)},
        doubles_{repeated<double>(arithmetic_.means, channels_), repeated<double>(arithmetic_.deviations, channels_)} {}

  std::string_view name() const noexcept override { return "normalize"; }

  Result<RowSpec> check(const RowSpec& input) const override {
    if (input.datatype == Datatype::kBytes || input.datatype == Datatype::kBool) {
      return invalid_argument(concat("expected numbers, got ", to_string(input)));
    }
    if (channels_ > 1) {
      const std::size_t rank = input.shape.rank();
      const std::int64_t there = rank == 0 ? 0 : input.shape[channels_first_ ? 0 : rank - 1];
      if (there != kFreeDimension && there != static_cast<std::int64_t>(channels_)) {
        return invalid_argument(concat("expected ", channels_, " channels as the ", channels_first_ ? "first" : "last",
                                       " dimension, one for each mean and std, got ", to_string(input)));
      }
    }
    return RowSpec{datatype_, input.shape};
  }

  PixelEffect effect() const override {
    PixelEffect effect;
    effect.changes_values = true;
    effect.arithmetic = arithmetic_;
    effect.channels_first = channels_first_;
    return effect;
  }

  void run(const TensorView& input, std::span<std::byte> output) const noexcept override {
    if (output.empty()) return;
    if (!channels_first_ || channels_ == 1) {
      run_interleaved(input, output.data());
      return;
    }
    const std::size_t plane_in = input.bytes.size() / channels_;
    const std::size_t plane_out = output.size() / channels_;
    for (std::size_t channel = 0; channel < channels_; ++channel) {
      TensorView plane = input;
      plane.bytes = input.bytes.subspan(channel * plane_in, plane_in);
      run_plane(plane, output.data() + channel * plane_out, channel);
    }
  }

 private:
  template <typename Number>
  struct Repeated {
    std::vector<Number> means;
    std::vector<Number> deviations;
  };

  template <typename Number>
  const Repeated<Number>& numbers_of() const noexcept {
    if constexpr (std::same_as<Number, double>) {
      return doubles_;
    } else {
      return floats_;
    }
  }

  void run_interleaved(const TensorView& input, std::byte* output) const noexcept {
    map_elements(input, output, datatype_,
                 [this]<typename Number>(Number* block, std::size_t first, std::size_t count) {
                   const Repeated<Number>& by_channel = numbers_of<Number>();
                   const std::size_t channel = first % channels_;
                   normalize<Number>(block, count, arithmetic_.scale, &by_channel.means[channel],
                                     &by_channel.deviations[channel]);
                 });
  }

  void run_plane(const TensorView& plane, std::byte* output, std::size_t channel) const noexcept {
    map_elements(
        plane, output, datatype_, [this, channel]<typename Number>(Number* block, std::size_t, std::size_t count) {
          const Repeated<Number>& by_channel = numbers_of<Number>();
          normalize<Number>(block, count, arithmetic_.scale, by_channel.means[channel], by_channel.deviations[channel]);
        });
  }

  const PixelArithmetic arithmetic_;
  const std::size_t channels_;  // 1: all alike
  const bool channels_first_;
  const Datatype datatype_;
  const Repeated<float> floats_;
  const Repeated<double> doubles_;
};

std::vector<float> read_floats(OpOptions& options, std::string_view name, double otherwise, bool divides) {
  std::vector<float> floats;
  for (const double number : options.numbers(name, {otherwise})) {
    floats.push_back(static_cast<float>(number));
    if (!std::isfinite(floats.back()) || (divides && floats.back() == 0)) {
      options.refuse(name, divides ? "expected numbers that FP32 can hold, none of them 0"
                                   : "expected numbers that FP32 can hold");
    }
  }
  if (floats.empty()) options.refuse(name, "expected at least one number");
  return floats;
}

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  PixelArithmetic arithmetic;
  arithmetic.means = read_floats(options, "mean", 0, false);
  arithmetic.deviations = read_floats(options, "std", 1, true);
  arithmetic.scale = static_cast<float>(options.number("scale", 1, -1e30, 1e30));
  const bool channels_first = options.choice("channels", {"last", "first"}) == "first";
  const bool half = options.choice("datatype", {"FP32", "FP16"}) == "FP16";
  const std::size_t means = arithmetic.means.size();
  const std::size_t deviations = arithmetic.deviations.size();
  if (means != deviations && means > 1 && deviations > 1) {
    options.refuse("std", concat("expected as many numbers as mean, ", means, ", got ", deviations));
  }
  PYSERVER_RETURN_IF_ERROR(options.status());
  return make_pixel_op<Normalize>(std::move(arithmetic), channels_first, half ? Datatype::kFp16 : Datatype::kFp32);
}

}  // namespace

OpEntry normalize_op() {
  return {
      "normalize", make,
      "(x * scale - mean) / std, in FP32 (in FP64 for FP64). mean: one number for all, or one a channel (default 0). "
      "std: likewise (default 1). scale: a number, or a fraction such as 1/255 (default 1). channels: last "
      "(default) or first, which dimension they are. datatype: FP32 (default) or FP16, what comes out."};
}

}  // namespace pyserver

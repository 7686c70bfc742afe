#include "ops/pixel_pass.h"

#include <algorithm>
#include <cstring>

#include "ops/element.h"

namespace pyserver {
namespace {

constexpr std::size_t kValues = 256;

PixelStage stage_of(const PixelArithmetic& arithmetic) {
  PixelStage stage;
  stage.scale = arithmetic.scale;
  for (std::size_t channel = 0; channel < stage.mean.size(); ++channel) {
    stage.mean[channel] = arithmetic.means[channel % arithmetic.means.size()];
    stage.deviation[channel] = arithmetic.deviations[channel % arithmetic.deviations.size()];
    stage.reciprocal[channel] = 1 / stage.deviation[channel];
  }
  return stage;
}

// A picture of 256 × 1 pixels: each value once in every channel.
std::vector<std::byte> every_value(std::size_t channels) {
  std::vector<std::byte> picture(kValues * channels);
  for (std::size_t at = 0; at < picture.size(); ++at) picture[at] = static_cast<std::byte>(at / channels);
  return picture;
}

}  // namespace

std::optional<PixelPass> PixelPass::create(const PixelSteps& steps) {
  PixelPass pass;
  bool changes_values = false;
  bool in_formula = true;
  for (const auto& step : steps) {
    const PixelEffect effect = step->effect();
    changes_values |= effect.changes_values;
    if (effect.arithmetic) {
      const std::size_t channels = std::max(effect.arithmetic->means.size(), effect.arithmetic->deviations.size());
      if (channels > 1) {
        if (effect.channels_first != pass.planar_) return std::nullopt;
        if (pass.channels_ > 1 && channels != pass.channels_) return std::nullopt;
        pass.channels_ = channels;
      }
      in_formula = in_formula && pass.formula_.stage_count < PixelFormula::kMaxStages && channels <= 3;
      if (in_formula) pass.formula_.stages[pass.formula_.stage_count++] = stage_of(*effect.arithmetic);
    }
    if (effect.order == PixelEffect::Order::kSame) continue;
    if (pass.planar_ != (effect.order == PixelEffect::Order::kChwToHwc)) return std::nullopt;
    pass.planar_ = !pass.planar_;
  }
  if (!changes_values || !pass.fill_table(steps)) return std::nullopt;
  const bool has_kernel = pass.datatype_ == Datatype::kFp32 || pass.datatype_ == Datatype::kFp16;
  pass.vectorized_ = in_formula && has_kernel && pass.vectors_agree();
  return pass;
}

bool PixelPass::fill_table(const PixelSteps& steps) {
  const auto channels = static_cast<std::int64_t>(channels_);
  RowSpec row{Datatype::kUint8, {kValues, 1, channels}};
  std::vector<std::byte> at = every_value(channels_);
  for (const auto& step : steps) {
    const Result<RowSpec> next = step->check(row);
    // Such as a step that takes no picture of UINT8: the chain says so where one comes.
    if (!next.ok() || size_of(next->datatype) == 0) return false;
    std::vector<std::byte> to(kValues * channels_ * size_of(next->datatype));
    step->run({"", row.datatype, row.shape, at}, to);
    row = *next;
    at = std::move(to);
  }
  datatype_ = row.datatype;
  table_ = at;
  if (planar_) return true;
  const std::size_t element = size_of(datatype_);
  for (std::size_t channel = 0; channel < channels_; ++channel) {
    for (std::size_t value = 0; value < kValues; ++value) {
      std::memcpy(&table_[(channel * kValues + value) * element], &at[(value * channels_ + channel) * element],
                  element);
    }
  }
  return true;
}

bool PixelPass::vectors_agree() const {
  // With three channels, too, where one table is for all: they come to the same places of a vector.
  for (const std::size_t channels : {std::size_t{1}, std::size_t{3}}) {
    if (channels_ > 1 && channels != channels_) continue;
    const std::vector<std::byte> picture = every_value(channels);
    const auto* const from = reinterpret_cast<const std::uint8_t*>(picture.data());
    const bool half = datatype_ == Datatype::kFp16;
    std::vector<float> got(picture.size());
    const std::size_t done = planar_ && channels == 3
                                 ? pixels_to_planes(from, kValues, formula_, half, got.data())
                                 : pixels_in_order(from, kValues, channels, formula_, half, got.data());
    if (done != kValues) return false;
    std::vector<std::byte> expected(picture.size() * size_of(datatype_));
    if (half) {
      look_up<std::uint16_t>(picture.data(), expected.data(), 0, kValues, channels);
    } else {
      look_up<std::uint32_t>(picture.data(), expected.data(), 0, kValues, channels);
    }
    if (std::memcmp(got.data(), expected.data(), expected.size()) != 0) return false;
  }
  return true;
}

bool PixelPass::takes(const TensorView& input) const noexcept {
  return input.datatype == Datatype::kUint8 && input.shape.rank() == 3 &&
         (channels_ == 1 || input.shape[2] == static_cast<std::int64_t>(channels_));
}

template <typename Element>
void PixelPass::look_up(const std::byte* from, std::byte* to, std::size_t first, std::size_t pixels,
                        std::size_t channels) const noexcept {
  const auto* const values = reinterpret_cast<const std::uint8_t*>(from);
  const auto* const table = reinterpret_cast<const Element*>(table_.data());
  auto* const results = reinterpret_cast<Element*>(to);
  for (std::size_t channel = 0; channel < channels; ++channel) {
    const Element* const results_of = table + (channels_ == 1 ? 0 : channel * kValues);
    Element* const plane = planar_ ? results + channel * pixels : results + channel;
    const std::size_t stride = planar_ ? 1 : channels;
    for (std::size_t pixel = first; pixel < pixels; ++pixel) {
      plane[pixel * stride] = results_of[values[pixel * channels + channel]];
    }
  }
}

void PixelPass::run(const TensorView& input, std::span<std::byte> output) const noexcept {
  const auto channels = static_cast<std::size_t>(input.shape[2]);
  if (channels == 0) return;
  const std::size_t pixels = input.bytes.size() / channels;
  std::size_t done = 0;
  if (vectorized_ && (channels == 1 || channels == 3)) {
    const auto* const from = reinterpret_cast<const std::uint8_t*>(input.bytes.data());
    const bool half = datatype_ == Datatype::kFp16;
    done = planar_ && channels == 3 ? pixels_to_planes(from, pixels, formula_, half, output.data())
                                    : pixels_in_order(from, pixels, channels, formula_, half, output.data());
  }
  switch (size_of(datatype_)) {
    case 1: look_up<std::uint8_t>(input.bytes.data(), output.data(), done, pixels, channels); break;
    case 2: look_up<std::uint16_t>(input.bytes.data(), output.data(), done, pixels, channels); break;
    case 4: look_up<std::uint32_t>(input.bytes.data(), output.data(), done, pixels, channels); break;
    default: look_up<std::uint64_t>(input.bytes.data(), output.data(), done, pixels, channels); break;
  }
}

}  // namespace pyserver

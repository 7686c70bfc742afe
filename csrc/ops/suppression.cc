#include "ops/suppression.h"

#include <algorithm>

namespace pyserver {
namespace {

float area_of(const Box& box) noexcept { return (box.x2 - box.x1) * (box.y2 - box.y1); }

// No two have one place, so that this is a strict order of all, and sorting by it is stable.
bool stands_before(const Detection& a, const Detection& b) noexcept {
  return a.score > b.score || (a.score == b.score && a.place < b.place);
}

}  // namespace

float overlap_of(const Box& a, const Box& b) noexcept {
  const float width = std::max(0.0F, std::min(a.x2, b.x2) - std::max(a.x1, b.x1));
  const float height = std::max(0.0F, std::min(a.y2, b.y2) - std::max(a.y1, b.y1));
  const float intersection = width * height;
  return intersection / (area_of(a) + area_of(b) - intersection);
}

std::size_t suppress(std::span<Detection> detections, float iou_threshold, bool per_class, std::size_t max_candidates,
                     std::size_t most) noexcept {
  const std::size_t candidates = std::min(detections.size(), max_candidates);
  const auto end = detections.begin() + static_cast<std::ptrdiff_t>(candidates);
  if (candidates < detections.size()) std::nth_element(detections.begin(), end, detections.end(), stands_before);
  std::sort(detections.begin(), end, stands_before);
  std::size_t stay = 0;
  for (std::size_t at = 0; at < candidates && stay < most; ++at) {
    const Detection candidate = detections[at];
    const bool suppressed = std::ranges::any_of(detections.first(stay), [&](const Detection& before) {
      return (!per_class || before.label == candidate.label) && overlap_of(before.box, candidate.box) > iou_threshold;
    });
    if (!suppressed) detections[stay++] = candidate;
  }
  return stay;
}

}  // namespace pyserver

// Non-maximum suppression: of boxes that overlap, the one with the highest score stays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pyserver {

struct Box {
  float x1 = 0;
  float y1 = 0;
  float x2 = 0;
  float y2 = 0;
};

struct Detection {
  Box box;
  float score = 0;
  std::uint32_t label = 0;  // the class
  std::uint32_t place = 0;  // among the model's boxes
};

// Intersection over union, as torchvision computes it in FP32: areas without + 1; NaN where both boxes are empty.
float overlap_of(const Box& a, const Box& b) noexcept;

// torchvision.ops.nms, or batched_nms where `per_class`: in descending order of the score, of equal scores in ascending
// order of the place, a detection stays unless one before it that stays (of its class) overlaps it by more than
// `iou_threshold`. Those that stay are moved to the front, in that order; returns how many, at most `most`.
//
// At most `max_candidates` with the highest scores are looked at. No score is NaN. The cost is O(n + c log c + s c) for
// n detections of which c are looked at and s stay.
std::size_t suppress(std::span<Detection> detections, float iou_threshold, bool per_class, std::size_t max_candidates,
                     std::size_t most) noexcept;

}  // namespace pyserver

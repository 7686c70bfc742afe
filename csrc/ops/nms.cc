// nms: the detections that a model's head describes, without those that overlap better ones.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "ops/element.h"
#include "ops/op_registry.h"
#include "ops/suppression.h"

namespace pyserver {
namespace {

struct NmsOptions {
  bool centre = true;  // xywh
  bool objectness = false;
  bool transposed = false;
  bool per_class = true;
  bool source = true;  // places in the caller's picture
  float score_threshold = 0;
  float iou_threshold = 0;
  std::size_t max_detections = 0;
  std::size_t max_candidates = 0;
  std::size_t labels = 0;  // 0: any number of classes
};

constexpr std::size_t kColumns = 6;  // of the output: x1, y1, x2, y2, score, class

// The numbers of a head, as floats: what describes box `box` in field `field`.
class Head {
 public:
  Head(const float* numbers, std::size_t boxes, std::size_t fields, bool transposed) noexcept
      : numbers_(numbers),
        boxes_(boxes),
        fields_(fields),
        box_step_(transposed ? 1 : fields),
        field_step_(transposed ? boxes : 1) {}

  std::size_t boxes() const noexcept { return boxes_; }
  std::size_t fields() const noexcept { return fields_; }
  float at(std::size_t box, std::size_t field) const noexcept {
    return numbers_[box * box_step_ + field * field_step_];
  }

 private:
  const float* numbers_;
  std::size_t boxes_;
  std::size_t fields_;
  std::size_t box_step_;
  std::size_t field_step_;
};

Box box_at(const Head& head, std::size_t box, bool centre) noexcept {
  const float a = head.at(box, 0);
  const float b = head.at(box, 1);
  const float c = head.at(box, 2);
  const float d = head.at(box, 3);
  return centre ? Box{a - c / 2, b - d / 2, a + c / 2, b + d / 2} : Box{a, b, c, d};
}

// Into the caller's picture, and not beyond its edges. NaN stays.
Box in_source(const Box& box, const PictureGeometry& geometry) noexcept {
  const auto along = [](float place, double offset, double scale, std::int64_t size) {
    const double source = (static_cast<double>(place) - offset) / scale;
    return static_cast<float>(std::clamp(source, 0.0, static_cast<double>(size)));
  };
  return {along(box.x1, geometry.offset_x, geometry.scale_x, geometry.source_width),
          along(box.y1, geometry.offset_y, geometry.scale_y, geometry.source_height),
          along(box.x2, geometry.offset_x, geometry.scale_x, geometry.source_width),
          along(box.y2, geometry.offset_y, geometry.scale_y, geometry.source_height)};
}

// Where one of `count` scores of class `label` is higher than the best so far, it and its class take its place.
void keep_better(const float* scores, std::uint32_t label, std::size_t count, float* best, std::uint32_t* labels) {
  for (std::size_t box = 0; box < count; ++box) {
    // By a mask, as compilers make a branch of two choices by one condition, and then no vectors.
    const float score = scores[box];
    const std::uint32_t mask = score > best[box] ? ~0U : 0U;
    best[box] = score > best[box] ? score : best[box];
    labels[box] = (label & mask) | (labels[box] & ~mask);
  }
}

class Nms final : public Op {
 public:
  explicit Nms(const NmsOptions& options) : options_(options) {}

  std::string_view name() const noexcept override { return "nms"; }

  Result<RowSpec> check(const RowSpec& input) const override {
    if (!is_float(input.datatype) || input.shape.rank() != 2) return refused(input);
    const std::int64_t fields = input.shape[options_.transposed ? 0 : 1];
    const auto first_class = static_cast<std::int64_t>(first_class_field());
    if (fields != kFreeDimension && fields <= first_class) return refused(input);
    if (options_.labels != 0 && fields != kFreeDimension &&
        fields != first_class + static_cast<std::int64_t>(options_.labels)) {
      return invalid_argument(concat("expected the scores of ", options_.labels, " classes, as many as labels, got ",
                                     fields - first_class, " in ", to_string(input)));
    }
    return RowSpec{Datatype::kFp32, shape()};
  }

  Result<Shape> shape_for(const TensorView& input) const override {
    const Result<RowSpec> row = check({input.datatype, input.shape});
    if (!row.ok()) return row.status();
    if (input.shape[options_.transposed ? 1 : 0] > std::numeric_limits<std::int32_t>::max()) {
      return invalid_argument(concat("expected fewer boxes, got ", to_string(input.shape)));
    }
    return row->shape;
  }

  Status run(const TensorView& input, std::span<std::byte> output, RowContext& context) const override {
    const auto boxes = static_cast<std::size_t>(input.shape[options_.transposed ? 1 : 0]);
    const auto fields = static_cast<std::size_t>(input.shape[options_.transposed ? 0 : 1]);
    Memory memory;
    if (Status status = memory.take(boxes, fields, context); !status.ok()) return status;
    convert_elements(input.bytes.data(), input.datatype, reinterpret_cast<std::byte*>(memory.numbers), Datatype::kFp32,
                     boxes * fields);
    const Head head(memory.numbers, boxes, fields, options_.transposed);
    find_best_classes(head, memory);
    std::span<Detection> detections = candidates_of(head, memory);
    const std::size_t stay = suppress(detections, options_.iou_threshold, options_.per_class, options_.max_candidates,
                                      options_.max_detections);
    write(detections.first(stay), context.geometry, reinterpret_cast<float*>(output.data()));
    return {};
  }

 private:
  // What one row needs, in one piece of scratch.
  struct Memory {
    Detection* detections = nullptr;
    float* numbers = nullptr;
    float* scores = nullptr;
    std::uint32_t* classes = nullptr;

    Status take(std::size_t boxes, std::size_t fields, RowContext& context) {
      const std::size_t count = boxes * fields;  // the row is there, so neither this nor what a box needs overflows
      const std::size_t bytes = boxes * (sizeof(Detection) + sizeof(float) + sizeof(std::uint32_t));
      std::byte* const scratch = context.scratch(bytes + count * sizeof(float));
      if (scratch == nullptr) return resource_exhausted(concat("no memory for ", boxes, " boxes"));
      detections = reinterpret_cast<Detection*>(scratch);
      scores = reinterpret_cast<float*>(detections + boxes);
      classes = reinterpret_cast<std::uint32_t*>(scores + boxes);
      numbers = reinterpret_cast<float*>(classes + boxes);
      return {};
    }
  };

  std::size_t first_class_field() const noexcept { return options_.objectness ? 5 : 4; }
  Shape shape() const noexcept { return {static_cast<std::int64_t>(options_.max_detections), kColumns}; }

  Status refused(const RowSpec& input) const {
    const std::string_view fields = options_.objectness ? "5 + classes" : "4 + classes";
    return invalid_argument(concat("expected boxes and scores of FP16, BF16, FP32 or FP64 [",
                                   options_.transposed ? fields : "boxes", ", ", options_.transposed ? "boxes" : fields,
                                   "], got ", to_string(input)));
  }

  // The class with the highest score of each box, the first of equal ones. NaN is no score.
  void find_best_classes(const Head& head, const Memory& memory) const noexcept {
    std::fill_n(memory.scores, head.boxes(), -std::numeric_limits<float>::infinity());
    std::fill_n(memory.classes, head.boxes(), 0U);
    const std::size_t first = first_class_field();
    // In the order in which the numbers lie in memory.
    if (options_.transposed) {
      for (std::size_t field = first; field < head.fields(); ++field) {
        keep_better(memory.numbers + field * head.boxes(), static_cast<std::uint32_t>(field - first), head.boxes(),
                    memory.scores, memory.classes);
      }
      return;
    }
    for (std::size_t box = 0; box < head.boxes(); ++box) {
      for (std::size_t field = first; field < head.fields(); ++field) {
        keep_better(memory.numbers + box * head.fields() + field, static_cast<std::uint32_t>(field - first), 1,
                    memory.scores + box, memory.classes + box);
      }
    }
  }

  std::span<Detection> candidates_of(const Head& head, const Memory& memory) const noexcept {
    std::size_t count = 0;
    for (std::size_t box = 0; box < head.boxes(); ++box) {
      const float score = options_.objectness ? memory.scores[box] * head.at(box, 4) : memory.scores[box];
      if (!(score > options_.score_threshold)) continue;
      memory.detections[count++] = {box_at(head, box, options_.centre), score, memory.classes[box],
                                    static_cast<std::uint32_t>(box)};
    }
    return {memory.detections, count};
  }

  void write(std::span<const Detection> detections, const PictureGeometry& geometry, float* to) const noexcept {
    for (std::size_t row = 0; row < options_.max_detections; ++row) {
      float* const columns = to + row * kColumns;
      std::fill_n(columns, kColumns, 0.0F);
      columns[5] = -1;
      if (row >= detections.size()) continue;
      const Detection& detection = detections[row];
      const bool mapped = options_.source && geometry.source_width > 0;
      const Box box = mapped ? in_source(detection.box, geometry) : detection.box;
      const float values[kColumns] = {box.x1, box.y1,          box.x2,
                                      box.y2, detection.score, static_cast<float>(detection.label)};
      std::copy_n(values, kColumns, columns);
    }
  }

  const NmsOptions options_;
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  NmsOptions chosen;
  chosen.centre = options.choice("boxes", {"xywh", "xyxy"}) == "xywh";
  chosen.objectness = options.flag("objectness", false);
  chosen.transposed = options.flag("transposed", false);
  chosen.per_class = options.flag("per_class", true);
  chosen.source = options.choice("coordinates", {"source", "model"}) == "source";
  chosen.score_threshold = static_cast<float>(options.number("score_threshold", 0.25, 0, 1));
  chosen.iou_threshold = static_cast<float>(options.number("iou_threshold", 0.45, 0, 1));
  chosen.max_detections = static_cast<std::size_t>(options.integer("max_detections", 300, 1, 100000));
  chosen.max_candidates = static_cast<std::size_t>(options.integer("max_candidates", 30000, 1, 1000000));
  const bool named = options.has("labels");
  chosen.labels = options.lines("labels").size();
  if (named && chosen.labels == 0) options.refuse("labels", "expected at least one label");
  return std::unique_ptr<Op>(std::make_unique<Nms>(chosen));
}

}  // namespace

OpEntry nms_op() {
  return {"nms", make,
          "Detections as FP32 [max_detections, 6]: x1, y1, x2, y2, score, class; rows after the last are 0 with class "
          "-1. Takes boxes and a score a class, [boxes, 4 + classes]. boxes: xywh (default, of the centre) or xyxy. "
          "objectness: whether a score of the box itself is field 4, and multiplies the others (default false). "
          "transposed: whether the row is [4 + classes, boxes] (default false). score_threshold: detections have a "
          "higher score (default 0.25). iou_threshold: those that overlap a better one by more are left out (default "
          "0.45). per_class: whether only boxes of one class are compared (default true). max_detections: (default "
          "300). max_candidates: how many of the highest scores are looked at (default 30000). coordinates: source "
          "(default, in the caller's picture where there is one) or model. labels: a text file or a list; there must "
          "be as many classes (default none)."};
}

}  // namespace pyserver

// Placement: which part of a picture goes where on what comes out. Cropping, padding and what mixes them are rules that
// place a picture; PlacementOp runs such a rule, and resize takes one in so that it computes only what is kept.
#pragma once

#include <memory>

#include "ops/picture.h"

namespace pyserver {

struct Placement {
  PictureSize canvas;    // what comes out
  PictureSize window;    // the part of the picture that is kept
  std::int64_t top = 0;  // of the window, in the picture
  std::int64_t left = 0;
  std::int64_t canvas_top = 0;  // of the window, on the canvas
  std::int64_t canvas_left = 0;
};

// Immutable.
class PlacementRule {
 public:
  virtual ~PlacementRule() = default;
  // What comes out of a picture, as far as it is known before there is one.
  virtual PictureSize canvas_of(const PictureSize& picture) const = 0;
  // INVALID_ARGUMENT where the picture does not fit the rule. Every side of `picture` is known.
  virtual Result<Placement> place(const PictureSize& picture) const = 0;
  virtual const PadColour& colour() const = 0;

  // What place() and canvas_of() say, with the sides checked: of what is known, and of an actual picture.
  Result<PictureSize> checked_canvas(const RowSpec& input) const;
  Result<Placement> checked_place(const PictureSize& picture) const;
};

// Fills all of the canvas that the window leaves free.
void fill_margins(const Placement& placement, const PadColour& colour, Datatype datatype, std::size_t channels,
                  std::span<std::byte> canvas);

// Where the window begins on the canvas, in elements.
std::size_t window_start(const Placement& placement, std::size_t channels);

// Notes that the picture was enlarged by these factors and then placed.
void move_geometry(PictureGeometry& geometry, const PictureSize& picture, double scale_x, double scale_y,
                   const Placement& placement);

// An op that only places its picture.
class PlacementOp final : public Op {
 public:
  PlacementOp(std::string_view name, std::shared_ptr<const PlacementRule> rule) : name_(name), rule_(std::move(rule)) {}

  std::string_view name() const noexcept override { return name_; }
  const std::shared_ptr<const PlacementRule>& rule() const { return rule_; }

  Result<RowSpec> check(const RowSpec& input) const override;
  Result<Shape> shape_for(const TensorView& input) const override;
  Status run(const TensorView& input, std::span<std::byte> output, RowContext& context) const override;

 private:
  const std::string_view name_;  // of a string that lasts, as in OpEntry
  const std::shared_ptr<const PlacementRule> rule_;
};

}  // namespace pyserver

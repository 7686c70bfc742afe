#include "ops/placement.h"

#include <cstring>

namespace pyserver {

Result<PictureSize> PlacementRule::checked_canvas(const RowSpec& input) const {
  PYSERVER_RETURN_IF_ERROR(colour().check(input));
  const PictureSize picture = size_of_picture(input.shape);
  if (picture.known()) {
    const Result<Placement> placement = checked_place(picture);
    if (!placement.ok()) return placement.status();
    return placement->canvas;
  }
  const PictureSize canvas = canvas_of(picture);
  PYSERVER_RETURN_IF_ERROR(check_sides("what comes out", canvas));
  return canvas;
}

Result<Placement> PlacementRule::checked_place(const PictureSize& picture) const {
  PYSERVER_RETURN_IF_ERROR(check_sides("the picture", picture));
  Result<Placement> placement = place(picture);
  if (!placement.ok()) return placement;
  PYSERVER_RETURN_IF_ERROR(check_sides("what comes out", placement->canvas));
  return placement;
}

std::size_t window_start(const Placement& placement, std::size_t channels) {
  const std::int64_t pixels = placement.canvas_top * placement.canvas.width + placement.canvas_left;
  return static_cast<std::size_t>(pixels) * channels;
}

void fill_margins(const Placement& placement, const PadColour& colour, Datatype datatype, std::size_t channels,
                  std::span<std::byte> canvas) {
  if (placement.window == placement.canvas) return;
  const std::size_t pixel = channels * size_of(datatype);
  const std::size_t stride = static_cast<std::size_t>(placement.canvas.width) * pixel;
  const std::size_t start = window_start(placement, pixel);
  const std::size_t width = static_cast<std::size_t>(placement.window.width) * pixel;
  const auto rows = static_cast<std::size_t>(placement.window.height);
  // What lies before the window, between the end of one of its rows and the next, and after it.
  const auto fill = [&](std::size_t from, std::size_t to) {
    colour.fill(canvas.subspan(from, to - from), datatype, channels);
  };
  std::size_t from = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    fill(from, start + row * stride);
    from = start + row * stride + width;
  }
  fill(from, canvas.size());
}

void move_geometry(PictureGeometry& geometry, const PictureSize& picture, double scale_x, double scale_y,
                   const Placement& placement) {
  if (geometry.source_width == 0 && geometry.source_height == 0) {
    geometry.source_width = picture.width;
    geometry.source_height = picture.height;
  }
  geometry.scale_x *= scale_x;
  geometry.scale_y *= scale_y;
  geometry.offset_x = geometry.offset_x * scale_x + static_cast<double>(placement.canvas_left - placement.left);
  geometry.offset_y = geometry.offset_y * scale_y + static_cast<double>(placement.canvas_top - placement.top);
}

Result<RowSpec> PlacementOp::check(const RowSpec& input) const {
  PYSERVER_RETURN_IF_ERROR(check_picture(input));
  const Result<PictureSize> canvas = rule_->checked_canvas(input);
  if (!canvas.ok()) return canvas.status();
  return RowSpec{input.datatype, picture_shape(*canvas, input.shape[2])};
}

Result<Shape> PlacementOp::shape_for(const TensorView& input) const {
  const Result<Placement> placement = rule_->checked_place(size_of_picture(input.shape));
  if (!placement.ok()) return placement.status();
  return picture_shape(placement->canvas, input.shape[2]);
}

Status PlacementOp::run(const TensorView& input, std::span<std::byte> output, RowContext& context) const {
  const PictureSize picture = size_of_picture(input.shape);
  const Result<Placement> placement = rule_->checked_place(picture);
  if (!placement.ok()) return placement.status();
  const auto channels = static_cast<std::size_t>(input.shape[2]);
  fill_margins(*placement, rule_->colour(), input.datatype, channels, output);
  const std::size_t pixel = channels * size_of(input.datatype);
  const std::size_t source_stride = static_cast<std::size_t>(picture.width) * pixel;
  const std::size_t target_stride = static_cast<std::size_t>(placement->canvas.width) * pixel;
  const std::byte* from = input.bytes.data() + static_cast<std::size_t>(placement->top) * source_stride +
                          static_cast<std::size_t>(placement->left) * pixel;
  std::byte* to = output.data() + window_start(*placement, pixel);
  for (std::int64_t row = 0; row < placement->window.height; ++row, from += source_stride, to += target_stride) {
    std::memcpy(to, from, static_cast<std::size_t>(placement->window.width) * pixel);
  }
  move_geometry(context.geometry, picture, 1, 1, *placement);
  return {};
}

}  // namespace pyserver

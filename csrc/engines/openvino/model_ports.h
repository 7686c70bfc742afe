// Between OpenVINO's ports and our tensor specifications.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "openvino/core/model.hpp"
#include "tensor/datatype.h"
#include "tensor/shape.h"

namespace pyserver {

// Nothing for element types that have no datatype: strings, and those below one byte.
std::optional<Datatype> datatype_of(const ov::element::Type& type) noexcept;
ov::element::Type element_type_of(Datatype datatype) noexcept;

// One input or output of a model.
struct ModelPort {
  std::string name;
  std::vector<std::string> aliases;  // every name that the file gives it, `name` among them
  ov::element::Type type;
  ov::PartialShape shape;

  bool is_called(std::string_view other) const;
};

// In the model's order. Names are unique; a port without a name is "input_<k>" or "output_<k>".
std::vector<ModelPort> input_ports(const ov::Model& model);
std::vector<ModelPort> output_ports(const ov::Model& model);

// Bounded dimensions become free. The rank must be static and at most Shape::kMaxRank.
Shape shape_of(const ov::PartialShape& shape);
ov::PartialShape partial_shape_of(const Shape& shape);

// "[?, 128]", as OpenVINO writes it.
std::string to_string(const ov::PartialShape& shape);

}  // namespace pyserver

#include "engines/openvino/model_ports.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/text.h"

namespace pyserver {
namespace {

constexpr std::pair<ov::element::Type_t, Datatype> kTypes[] = {
    {ov::element::Type_t::boolean, Datatype::kBool}, {ov::element::Type_t::u8, Datatype::kUint8},
    {ov::element::Type_t::u16, Datatype::kUint16},   {ov::element::Type_t::u32, Datatype::kUint32},
    {ov::element::Type_t::u64, Datatype::kUint64},   {ov::element::Type_t::i8, Datatype::kInt8},
    {ov::element::Type_t::i16, Datatype::kInt16},    {ov::element::Type_t::i32, Datatype::kInt32},
    {ov::element::Type_t::i64, Datatype::kInt64},    {ov::element::Type_t::f16, Datatype::kFp16},
    {ov::element::Type_t::f32, Datatype::kFp32},     {ov::element::Type_t::f64, Datatype::kFp64},
    {ov::element::Type_t::bf16, Datatype::kBf16},
};

// The name that the file's author gave. A tensor may have gathered more names on the way (an Identity that was folded
// away); the one that is also the node's own is the port's.
std::string chosen_name(const std::vector<std::string>& names, std::string node_name, const std::string& fallback) {
  if (names.empty()) return fallback;
  // The results of ONNX models are called "<output>/sink_port_0".
  node_name = node_name.substr(0, node_name.find("/sink_port_"));
  if (std::ranges::find(names, node_name) != names.end()) return node_name;
  return *std::ranges::min_element(names);
}

ModelPort port_of(const ov::Output<const ov::Node>& output, const std::string& fallback) {
  ModelPort port;
  const auto& names = output.get_names();
  port.aliases.assign(names.begin(), names.end());
  port.name = chosen_name(port.aliases, output.get_node()->get_friendly_name(), fallback);
  if (port.aliases.empty()) port.aliases.push_back(port.name);
  port.type = output.get_element_type();
  port.shape = output.get_partial_shape();
  return port;
}

// Two outputs that come from one tensor have the same names in OpenVINO: each takes one that is still free.
std::vector<ModelPort> ports_of(const std::vector<ov::Output<const ov::Node>>& outputs, std::string_view kind) {
  std::vector<ModelPort> ports;
  for (const auto& output : outputs) {
    const std::string fallback = concat(kind, "_", ports.size());
    ModelPort port = port_of(output, fallback);
    const auto taken = [&ports](const std::string& name) {
      return std::ranges::any_of(ports, [&name](const ModelPort& other) { return other.name == name; });
    };
    if (taken(port.name)) {
      std::ranges::sort(port.aliases);
      const auto free = std::ranges::find_if_not(port.aliases, taken);
      port.name = free == port.aliases.end() ? fallback : *free;
      port.aliases = {port.name};
    }
    ports.push_back(std::move(port));
  }
  return ports;
}

}  // namespace

std::optional<Datatype> datatype_of(const ov::element::Type& type) noexcept {
  for (const auto& [element, datatype] : kTypes) {
    if (type == element) return datatype;
  }
  return std::nullopt;
}

ov::element::Type element_type_of(Datatype datatype) noexcept {
  for (const auto& [element, candidate] : kTypes) {
    if (candidate == datatype) return element;
  }
  return ov::element::dynamic;
}

bool ModelPort::is_called(std::string_view other) const {
  return name == other || std::ranges::find(aliases, other) != aliases.end();
}

std::vector<ModelPort> input_ports(const ov::Model& model) { return ports_of(model.inputs(), "input"); }
std::vector<ModelPort> output_ports(const ov::Model& model) { return ports_of(model.outputs(), "output"); }

Shape shape_of(const ov::PartialShape& shape) {
  Shape out;
  for (const ov::Dimension& dimension : shape) {
    out.push_back(dimension.is_static() ? dimension.get_length() : kFreeDimension);
  }
  return out;
}

ov::PartialShape partial_shape_of(const Shape& shape) {
  std::vector<ov::Dimension> dimensions;
  for (std::int64_t dimension : shape.dimensions()) dimensions.emplace_back(dimension);
  return ov::PartialShape(std::move(dimensions));
}

std::string to_string(const ov::PartialShape& shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

}  // namespace pyserver

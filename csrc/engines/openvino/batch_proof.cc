#include "engines/openvino/batch_proof.h"

#include <map>

#include "base/text.h"
#include "engines/openvino/error_text.h"
#include "engines/openvino/model_ports.h"

namespace pyserver {
namespace {

// Two sizes that no shape inside a model is likely to have by chance: one alone could be met by a constant.
constexpr std::int64_t kProbes[] = {3, 7};

Status probe(const ov::Model& model, const std::vector<ov::PartialShape>& shapes, std::int64_t rows) {
  const std::shared_ptr<ov::Model> copy = model.clone();
  std::vector<ov::PartialShape> batched;
  for (const ov::PartialShape& shape : shapes) batched.push_back(with_batch(rows, shape));
  reshape_inputs(*copy, batched);
  for (const ModelPort& port : output_ports(*copy)) {
    const bool has_rows = port.shape.rank().is_static() && port.shape.rank().get_length() > 0;
    if (!has_rows || port.shape[0] != ov::Dimension(rows)) {
      return invalid_argument(concat("it cannot batch: for ", rows, " rows of input, output ",
                                     pyserver::quoted(port.name), " has the shape ", to_string(port.shape),
                                     " instead of ", rows, " rows"));
    }
  }
  return {};
}

}  // namespace

Status prove_batching(const ov::Model& model, const std::vector<ov::PartialShape>& shapes) {
  if (shapes.empty()) return invalid_argument("it cannot batch: it has no inputs");
  try {
    for (std::int64_t rows : kProbes) PYSERVER_RETURN_IF_ERROR(probe(model, shapes, rows));
    return {};
  } catch (const std::exception& exception) {
    return invalid_argument(concat("it cannot batch: ", condensed(exception)));
  }
}

ov::PartialShape with_batch(const ov::Dimension& dimension, const ov::PartialShape& shape) {
  std::vector<ov::Dimension> dimensions{dimension};
  dimensions.insert(dimensions.end(), shape.begin(), shape.end());
  return ov::PartialShape(std::move(dimensions));
}

void reshape_inputs(ov::Model& model, const std::vector<ov::PartialShape>& shapes) {
  std::map<std::size_t, ov::PartialShape> by_index;
  for (std::size_t index = 0; index < shapes.size(); ++index) by_index.emplace(index, shapes[index]);
  model.reshape(by_index);
}

}  // namespace pyserver

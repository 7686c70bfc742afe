#include "inference/model_signature.h"

namespace pyserver {
namespace {

// Models have few tensors: a scan beats a map.
int index_of(const std::vector<TensorSpec>& specs, std::string_view name) noexcept {
  for (std::size_t index = 0; index < specs.size(); ++index) {
    if (specs[index].name == name) return static_cast<int>(index);
  }
  return -1;
}

}  // namespace

int ModelSignature::input_index(std::string_view name) const noexcept { return index_of(inputs, name); }
int ModelSignature::output_index(std::string_view name) const noexcept { return index_of(outputs, name); }

}  // namespace pyserver
